"""Parses COPY: no SQL parser at hand keeps Redshift's options right.

https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
"""

import re
from dataclasses import replace
from itertools import pairwise

from pydantic import SecretStr

from redshift_gateway.copy_statement import CopyStatement, Credentials, Format
from redshift_gateway.errors import GatewayError, not_supported, syntax_error
from redshift_gateway.lexer import Kind, Token, significant
from redshift_gateway.reader import Reader

# Words that change nothing here, such as options of how a cluster works, with the values that may follow them.
_ACCEPTED: dict[str, tuple[str, ...]] = {
    "with": (),
    "format": (),
    "as": (),
    "statupdate": ("on", "off", "true", "false"),
    "compupdate": ("on", "off", "true", "false", "preset"),
    "acceptanydate": (),
    "explicit_ids": (),
}
_COMPRESSION = {"gzip": "gzip", "bzip2": "bz2", "zstd": "zstd"}
_FORMATS = {"csv": Format.CSV, "json": Format.JSON, "parquet": Format.PARQUET}
_KEYS = ("access_key_id", "secret_access_key", "session_token")
_S3_URI = re.compile(r"s3://([a-zA-Z0-9][a-zA-Z0-9.\-]{1,62})/(.*)", re.DOTALL)


def is_copy_from_location(statement: list[Token]) -> bool:
    """Whether the statement is a COPY that names a place to read from, and not STDIN or a program."""
    tokens = significant(statement)
    if not tokens or tokens[0].word != "copy":
        return False
    depth = 0
    for token, after in pairwise(tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.word == "from" and depth == 0:
            return after.kind is Kind.STRING
    return False


def parse_copy(statement: list[Token]) -> CopyStatement:
    """The statement as data. Raises GatewayError: 42601 when it does not parse, 0A000 for what is not supported."""
    reader = Reader(significant(statement)[1:])
    table = reader.name()
    columns = reader.names() if reader.take("(") else ()
    reader.expect("from")
    match = _S3_URI.fullmatch(location := reader.string())
    if match is None:
        scheme = location.split(":", maxsplit=1)[0] if ":" in location else "a file"
        raise not_supported(f"COPY from {scheme}", "COPY reads from s3://bucket/prefix.")
    parsed = CopyStatement(table, columns, bucket=match[1], prefix=match[2])
    while not reader.done:
        parsed = _option(parsed, reader)
    if parsed.format is Format.TEXT:
        raise not_supported("COPY of delimited text", "Say FORMAT CSV, FORMAT JSON 'auto' or FORMAT PARQUET.")
    return parsed


def _option(copy: CopyStatement, reader: Reader) -> CopyStatement:
    """The statement with its next option or clause read."""
    word = reader.next().word
    if word in _FORMATS:
        return _format(copy, _FORMATS[word], reader)
    if word in ("credentials", "iam_role", *_KEYS):
        return replace(copy, credentials=parse_credentials(copy.credentials, word, reader))
    if word in _COMPRESSION:
        return replace(copy, compression=_COMPRESSION[word])
    if word in _ACCEPTED:
        reader.take(*_ACCEPTED[word])
        return copy
    return _option_with_value(copy, word, reader)


def _option_with_value(copy: CopyStatement, word: str, reader: Reader) -> CopyStatement:
    if word == "emptyasnull":
        return replace(copy, empty_as_null=True)
    if word == "manifest":
        return replace(copy, manifest=True)
    if word == "ignoreheader":
        return replace(copy, ignore_header=reader.number())
    if word == "null":
        reader.take("as")
        return replace(copy, null_as=reader.string())
    if word == "region":
        return replace(copy, region=reader.string())
    if word in ("delimiter", "quote"):
        return _character(copy, word, reader.string())
    return _only_default(copy, word, reader)


def _only_default(copy: CopyStatement, word: str, reader: Reader) -> CopyStatement:
    """Options of which one value is what the gateway does anyway."""
    accepted = {"timeformat": ("auto",), "dateformat": ("auto",), "encoding": ("utf8", "utf-8"), "maxerror": ("0",)}
    if word not in accepted:
        raise not_supported(f"COPY option {word.upper() or '(unreadable)'}")
    value = str(reader.number()) if word == "maxerror" else _word_or_string(reader).lower()
    if value not in accepted[word]:
        raise not_supported(f"COPY option {word.upper()} other than '{accepted[word][0]}'")
    return copy


def _word_or_string(reader: Reader) -> str:
    reader.take("as")
    return reader.string() if reader.peek_string() else reader.next().text


def _character(copy: CopyStatement, word: str, value: str) -> CopyStatement:
    if len(value.encode()) != 1:
        raise syntax_error(f"COPY {word.upper()} must be a single character")
    return replace(copy, delimiter=value) if word == "delimiter" else replace(copy, quote=value)


def _format(copy: CopyStatement, form: Format, reader: Reader) -> CopyStatement:
    if copy.format is not Format.TEXT:
        raise syntax_error("COPY: only one format may be given")
    if form is Format.JSON and (choice := reader.string() if not reader.done else "") != "auto":
        raise not_supported(f"COPY JSON '{choice}'" if choice else "COPY JSON without 'auto'", "Say JSON 'auto'.")
    return replace(copy, format=form)


def parse_credentials(known: Credentials, word: str, reader: Reader) -> Credentials:
    """The credentials with those of the clause that `word` begins. UNLOAD has the same clauses."""
    if word == "iam_role":
        return replace(known, role="default" if reader.take("default") else reader.string())
    if word in _KEYS:
        return _with_pair(known, word, reader.string())
    for pair in filter(None, reader.string().split(";")):
        name, _, value = pair.partition("=")
        known = _with_pair(known, name.strip().lower(), value)
    return known


def _with_pair(known: Credentials, name: str, value: str) -> Credentials:
    """Both the clauses' and the credentials string's names are known. Never says the value."""
    match name:
        case "access_key_id" | "aws_access_key_id":
            return replace(known, access_key=SecretStr(value))
        case "secret_access_key" | "aws_secret_access_key":
            return replace(known, secret_key=SecretStr(value))
        case "session_token" | "token":
            return replace(known, session_token=SecretStr(value))
        case "aws_iam_role":
            return replace(known, role=value)
    raise GatewayError("COPY: the credentials string is not valid", sqlstate="22023")
