"""Redshift's COPY ... FROM 's3://...' as data: parsed here, since no SQL parser at hand keeps its options right.

https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
"""

import re
from dataclasses import dataclass, field, replace
from enum import Enum

from pydantic import SecretStr

from redshift_gateway.errors import GatewayError, not_supported, syntax_error
from redshift_gateway.lexer import Kind, Token, identifier, join, literal, quote_name, significant


class Format(Enum):
    """How the objects are written."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Credentials:
    """What the statement says about access to S3: a key pair, or a role, for which the gateway's own keys stand in."""

    access_key: SecretStr = SecretStr("")
    secret_key: SecretStr = SecretStr("")
    session_token: SecretStr = SecretStr("")
    role: str = ""


@dataclass(frozen=True)
class CopyStatement:
    """One COPY from S3. `table` holds the parts of a possibly qualified name."""

    table: tuple[str, ...]
    columns: tuple[str, ...]
    bucket: str
    prefix: str
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    format: Format | None = None
    compression: str | None = None
    delimiter: str = ","
    quote: str = '"'
    ignore_header: int = 0
    empty_as_null: bool = False
    manifest: bool = False
    region: str = ""

    @property
    def qualified_table(self) -> str:
        """The table's name, quoted for SQL."""
        return ".".join(quote_name(part) for part in self.table)

    @property
    def uri(self) -> str:
        """The prefix as the statement wrote it."""
        return f"s3://{self.bucket}/{self.prefix}"


# Options that change how a cluster works, not what is loaded: accepted, with the values that may follow them.
_ACCEPTED = {
    "statupdate": ("on", "off", "true", "false"),
    "compupdate": ("on", "off", "true", "false", "preset"),
    "acceptanydate": (),
    "explicit_ids": (),
}
_COMPRESSION = {"gzip": "gzip", "bzip2": "bz2", "zstd": "zstd"}
_FORMATS = {"csv": Format.CSV, "json": Format.JSON, "parquet": Format.PARQUET}
_KEYS = {"access_key_id": "access_key", "secret_access_key": "secret_key", "session_token": "session_token"}
_PAIRS = {
    "aws_access_key_id": "access_key",
    "aws_secret_access_key": "secret_key",
    "token": "session_token",
    "aws_iam_role": "role",
}
_S3_URI = re.compile(r"s3://([a-zA-Z0-9][a-zA-Z0-9.\-]{1,62})/(.*)", re.DOTALL)


def is_copy_from_location(statement: list[Token]) -> bool:
    """Whether the statement is a COPY that names a place to read from, and not STDIN or a program."""
    tokens = significant(statement)
    if not tokens or tokens[0].word != "copy":
        return False
    depth = 0
    for token, after in zip(tokens, tokens[1:], strict=False):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.word == "from" and depth == 0:
            return after.kind is Kind.STRING
    return False


def parse_copy(statement: list[Token]) -> CopyStatement:
    """The statement as data. Raises GatewayError: 42601 when it does not parse, 0A000 for what is not supported."""
    reader = _Reader(significant(statement)[1:])
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
    if parsed.format is None:
        raise not_supported("COPY of delimited text", "Say FORMAT CSV, FORMAT JSON 'auto' or FORMAT PARQUET.")
    return parsed


class _Reader:
    """The tokens of one statement, taken from the left."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens

    @property
    def done(self) -> bool:
        return not self._tokens

    def next(self) -> Token:
        if not self._tokens:
            raise syntax_error("COPY ends too early")
        return self._tokens.pop(0)

    def take(self, *words: str) -> str:
        """The next token's word if it is one of `words`, which then is consumed; else nothing."""
        return self.next().word if self._tokens and self._tokens[0].word in words else ""

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise syntax_error(f'COPY: expected "{word}"')

    def string(self) -> str:
        """A string literal, with the AS that may stand before it."""
        self.take("as")
        token = self.next()
        if token.kind is not Kind.STRING:
            raise syntax_error("COPY: expected a quoted string")
        return literal(token)

    def number(self) -> int:
        self.take("as")
        token = self.next()
        digits = literal(token) if token.kind is Kind.STRING else token.text
        if not digits.isdigit():
            raise syntax_error("COPY: expected a number")
        return int(digits)

    def name(self) -> tuple[str, ...]:
        parts = [self._part()]
        while self.take("."):
            parts.append(self._part())
        return tuple(parts)

    def names(self) -> tuple[str, ...]:
        found = [self._part()]
        while self.take(","):
            found.append(self._part())
        self.expect(")")
        return tuple(found)

    def peek_string(self) -> bool:
        return bool(self._tokens) and self._tokens[0].kind is Kind.STRING

    def _part(self) -> str:
        token = self.next()
        if token.kind not in (Kind.WORD, Kind.QUOTED, Kind.TEMP):
            raise syntax_error(f'COPY: expected a name, found "{join([token])[:20]}"')
        return identifier(token)


def _option(copy: CopyStatement, reader: _Reader) -> CopyStatement:
    """The statement with its next option or clause read."""
    word = reader.next().word
    if word in ("with", "format", "as"):
        return copy
    if word in _FORMATS:
        return _format(copy, _FORMATS[word], reader)
    if word in ("credentials", "iam_role", *_KEYS):
        return replace(copy, credentials=_credentials(copy.credentials, word, reader))
    if word in _COMPRESSION:
        return replace(copy, compression=_COMPRESSION[word])
    if word in _ACCEPTED:
        reader.take(*_ACCEPTED[word])
        return copy
    if word in ("emptyasnull", "manifest"):
        return replace(copy, **{"emptyasnull": {"empty_as_null": True}, "manifest": {"manifest": True}}[word])
    return _option_with_value(copy, word, reader)


def _option_with_value(copy: CopyStatement, word: str, reader: _Reader) -> CopyStatement:
    if word == "ignoreheader":
        return replace(copy, ignore_header=reader.number())
    if word == "region":
        return replace(copy, region=reader.string())
    if word in ("delimiter", "quote"):
        return _character(copy, word, reader.string())
    accepted = {"timeformat": ("auto",), "dateformat": ("auto",), "encoding": ("utf8", "utf-8"), "maxerror": ("0",)}
    if word not in accepted:
        raise not_supported(f"COPY option {word.upper() or '(unreadable)'}")
    value = str(reader.number()) if word == "maxerror" else _word_or_string(reader).lower()
    if value not in accepted[word]:
        raise not_supported(f"COPY option {word.upper()} other than '{accepted[word][0]}'")
    return copy


def _word_or_string(reader: _Reader) -> str:
    reader.take("as")
    return reader.string() if reader.peek_string() else reader.next().text


def _character(copy: CopyStatement, word: str, value: str) -> CopyStatement:
    if len(value.encode()) != 1:
        raise syntax_error(f"COPY {word.upper()} must be a single character")
    return replace(copy, delimiter=value) if word == "delimiter" else replace(copy, quote=value)


def _format(copy: CopyStatement, form: Format, reader: _Reader) -> CopyStatement:
    if copy.format is not None:
        raise syntax_error("COPY: only one format may be given")
    if form is Format.JSON and (choice := reader.string() if not reader.done else "") != "auto":
        raise not_supported(f"COPY JSON '{choice}'" if choice else "COPY JSON without 'auto'", "Say JSON 'auto'.")
    return replace(copy, format=form)


def _credentials(known: Credentials, word: str, reader: _Reader) -> Credentials:
    if word in _KEYS:
        return replace(known, **{_KEYS[word]: SecretStr(reader.string())})
    if word == "iam_role":
        return replace(known, role="default" if reader.take("default") else reader.string())
    found: dict[str, SecretStr | str] = {}
    for pair in filter(None, reader.string().split(";")):
        name, _, value = pair.partition("=")
        key = _PAIRS.get(name.strip().lower())
        if key is None or not value:
            raise GatewayError("COPY: the credentials string is not valid", sqlstate="22023")
        found[key] = value if key == "role" else SecretStr(value)
    return replace(known, **found)
