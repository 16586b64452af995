"""Parses COPY: no SQL parser at hand keeps Redshift's options right.

https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
"""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from pydantic import SecretStr

from redshift_gateway.errors import GatewayError, not_supported, syntax_error
from redshift_gateway.statements.copy import CopyStatement, Credentials, Format
from redshift_gateway.statements.copy_check import check
from redshift_gateway.statements.lexer import Kind, Token, significant
from redshift_gateway.statements.reader import Reader

_SWITCHES: Final = frozenset({"on", "off", "true", "false", "preset"})
# Words that stand for themselves. STATUPDATE and COMPUPDATE say how a cluster works, and change nothing here.
_FLAGS: Final[dict[str, frozenset[str]]] = {
    "with": frozenset(), "format": frozenset(), "as": frozenset(), "statupdate": _SWITCHES, "compupdate": _SWITCHES,
    "acceptanydate": frozenset(), "blanksasnull": frozenset(), "emptyasnull": frozenset(), "escape": frozenset(),
    "explicit_ids": frozenset(), "fillrecord": frozenset(), "ignoreallerrors": frozenset(), "manifest": frozenset(),
    "ignoreblanklines": frozenset(), "noload": frozenset(), "removequotes": frozenset(), "roundec": frozenset(),
    "trimblanks": frozenset(), "truncatecolumns": frozenset(),
}  # fmt: skip
_COMPRESSION: Final = {"gzip": "gzip", "bzip2": "bz2", "zstd": "zstd"}
_FORMATS: Final = frozenset({"csv", "json", "avro", "parquet", "orc", "fixedwidth"})
_ENCODINGS: Final = frozenset({"utf8", "utf16", "utf16le", "utf16be", "iso88591"})
_KEYS: Final = ("access_key_id", "secret_access_key", "session_token")
_S3_URI = re.compile(r"s3://([a-zA-Z0-9][a-zA-Z0-9.\-]{1,62})/(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(?:([0-7]{1,3})|t)")
_MAX_ERRORS: Final = 100_000
_ASCII: Final = 127


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
    check(parsed)
    return parsed


def _option(copy: CopyStatement, reader: Reader) -> CopyStatement:
    """The statement with its next option or clause read."""
    word = reader.next().word
    if word in _FORMATS:
        return _format(copy, Format(word), reader)
    if word in ("credentials", "iam_role", *_KEYS):
        return replace(copy, credentials=parse_credentials(copy.credentials, word, reader))
    copy = replace(copy, options=copy.options | {word})
    if word in _COMPRESSION:
        if copy.compression:
            raise syntax_error("COPY: only one compression may be given")
        return replace(copy, compression=_COMPRESSION[word])
    if word in _FLAGS:
        reader.take(*_FLAGS[word])
        return copy
    if word not in _VALUES:
        raise not_supported(f"COPY option {word.upper() or '(unreadable)'}")
    return replace(copy, **_VALUES[word](reader))


def _max_errors(reader: Reader) -> dict[str, Any]:
    if (count := reader.number()) > _MAX_ERRORS:
        raise GatewayError("COPY: the maximum of MAXERROR is 100000", sqlstate="22023")
    return {"max_errors": count}


def _null_as(reader: Reader) -> dict[str, Any]:
    if (text := reader.string()) in (r"\0", r"\000"):
        raise not_supported("COPY NULL AS the null terminator", "PostgreSQL's texts cannot hold it.")
    return {"null_as": text}


def _character(name: str) -> Callable[[Reader], dict[str, Any]]:
    def read(reader: Reader) -> dict[str, Any]:
        value = _ESCAPED.sub(lambda m: chr(int(m[1], 8)) if m[1] else "\t", reader.string())
        if len(value) != 1 or ord(value) > _ASCII:
            raise syntax_error(f"COPY {name.upper()} must be a single ASCII character")
        return {name: value}

    return read


def _invalid_characters(reader: Reader) -> dict[str, Any]:
    reader.take("as")
    text = reader.string() if reader.peek_string() else "?"
    if len(text) != 1 or not 0 < ord(text) <= _ASCII:
        raise syntax_error("COPY ACCEPTINVCHARS takes one ASCII character")
    return {"invalid_characters": text}


def _encoding(reader: Reader) -> dict[str, Any]:
    reader.take("as")
    text = (reader.string() if reader.peek_string() else reader.next().text).lower().replace("-", "")
    if text not in _ENCODINGS:
        raise not_supported(f"COPY ENCODING {text.upper()}")
    return {"encoding": text}


def _ignored(reader: Reader) -> dict[str, Any]:
    reader.number()
    return {}


# Options with a value, each with what reads it.
_VALUES: Final[dict[str, Callable[[Reader], dict[str, Any]]]] = {
    "acceptinvchars": _invalid_characters,
    "comprows": _ignored,
    "dateformat": lambda reader: {"date_format": reader.string()},
    "delimiter": _character("delimiter"),
    "encoding": _encoding,
    "ignoreheader": lambda reader: {"ignore_header": reader.number()},
    "maxerror": _max_errors,
    "null": _null_as,
    "quote": _character("quote"),
    "region": lambda reader: {"region": reader.string()},
    "timeformat": lambda reader: {"time_format": reader.string()},
}


def _format(copy: CopyStatement, form: Format, reader: Reader) -> CopyStatement:
    if copy.format is not Format.TEXT:
        raise syntax_error("COPY: only one format may be given")
    copy = replace(copy, format=form)
    if form is Format.FIXEDWIDTH:
        return replace(copy, widths=_widths(reader.string()))
    if form not in (Format.JSON, Format.AVRO):
        return copy
    reader.take("as")
    if not reader.peek_string():
        return copy
    choice = reader.string()
    known = ("auto", "auto ignorecase", "noshred") if form is Format.JSON else ("auto", "auto ignorecase")
    if choice not in known and not _S3_URI.fullmatch(choice):
        raise not_supported(f"COPY {form.name} '{choice}'")
    return replace(copy, mapping=choice)


def _widths(specification: str) -> tuple[int, ...]:
    """The widths of 'label:width,label:width'."""
    widths = [part.rpartition(":")[2].strip() for part in specification.split(",")]
    if not all(w.isdecimal() and int(w) > 0 for w in widths):
        raise syntax_error("COPY FIXEDWIDTH: expected 'label:width, label:width, ...'")
    return tuple(map(int, widths))


def parse_credentials(known: Credentials, word: str, reader: Reader) -> Credentials:
    """The credentials with those of the clause that `word` begins. UNLOAD has the same clauses.

    https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-authorization.html
    """
    given = _clause(known, word, reader)
    if given.role and (given.access_key or given.secret_key or given.session_token):
        raise syntax_error("IAM_ROLE cannot be used with access keys or a session token")
    return given


def _clause(known: Credentials, word: str, reader: Reader) -> Credentials:
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
        case "master_symmetric_key":
            raise not_supported("MASTER_SYMMETRIC_KEY", "Objects are read and written as S3 encrypts them by itself.")
    raise GatewayError("COPY: the credentials string is not valid", sqlstate="22023")
