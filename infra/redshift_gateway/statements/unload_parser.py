"""Parses UNLOAD.

https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from redshift_gateway.errors import GatewayError, not_supported, syntax_error
from redshift_gateway.statements.copy import Format
from redshift_gateway.statements.copy_parser import parse_credentials
from redshift_gateway.statements.lexer import Kind, Token, literal, significant, statements, tokenize
from redshift_gateway.statements.reader import Reader
from redshift_gateway.statements.unload import LARGEST_FILE, MEGABYTE, UnloadStatement

_QUOTED_QUERY = re.compile(r"(\bunload\s*\(\s*)(?=')", re.IGNORECASE)
_S3_URI = re.compile(r"s3://([a-zA-Z0-9][a-zA-Z0-9.\-]{1,62})/(.*)", re.DOTALL)
_FORMATS = {"csv": Format.CSV, "json": Format.JSON, "parquet": Format.PARQUET}
_COMPRESSION = {"gzip": "gzip", "bzip2": "bz2", "zstd": "zstd"}
_CREDENTIALS = ("credentials", "iam_role", "access_key_id", "secret_access_key", "session_token")
_FLAGS = {
    "header": "header", "addquotes": "add_quotes", "escape": "escape", "allowoverwrite": "allow_overwrite",
    "cleanpath": "clean_path",
}  # fmt: skip
_UNITS = {"": MEGABYTE, "mb": MEGABYTE, "gb": 1000 * MEGABYTE}
_SMALLEST_FILE = 5 * MEGABYTE
_ROW_GROUPS = (32 * MEGABYTE, 128 * MEGABYTE)


def with_escapes(sql: str) -> str:
    """`sql` with the query between plain quotes made a string with escapes: Redshift reads backslashes so."""
    return _QUOTED_QUERY.sub(r"\1E", sql)


def is_unload(statement: list[Token]) -> bool:
    """Whether the statement is an UNLOAD."""
    return significant(statement)[0].word == "unload"


def parse_unload(statement: list[Token], translate: Callable[[list[Token]], str]) -> UnloadStatement:
    """The statement as data; `translate` makes PostgreSQL's SQL of its query.

    Raises GatewayError: 42601 when it does not parse, 0A000 for what is not supported.
    """
    reader = Reader(significant(statement)[1:], "UNLOAD")
    reader.expect("(")
    query = _query(reader.next())
    reader.expect(")")
    reader.expect("to")
    match = _S3_URI.fullmatch(reader.string())
    if match is None:
        raise not_supported("UNLOAD to anything but s3://bucket/prefix")
    parsed = UnloadStatement(translate(query), bucket=match[1], prefix=match[2])
    while not reader.done:
        parsed = _option(parsed, reader)
    _check(parsed)
    return parsed


def _query(token: Token) -> list[Token]:
    """The tokens of the query. Raises GatewayError for what Redshift refuses in its place."""
    if token.kind is not Kind.STRING:
        raise syntax_error("UNLOAD: expected the query in quotes")
    found = statements(tokenize(literal(token)))
    if len(found) != 1 or significant(found[0])[0].word not in ("select", "with", "("):
        raise syntax_error("UNLOAD: expected one SELECT query")
    depth = 0
    for part in found[0]:
        depth += {"(": 1, ")": -1}.get(part.text, 0)
        if depth == 0 and part.word == "limit":
            raise GatewayError("Limit clause is not supported in the outer SELECT of UNLOAD", sqlstate="0A000")
    return found[0]


def _option(unload: UnloadStatement, reader: Reader) -> UnloadStatement:
    """The statement with its next option read."""
    word = reader.next().word
    if word in ("with", "format", "as"):
        return unload
    if word in _FORMATS:
        if unload.format is not Format.TEXT:
            raise syntax_error("UNLOAD: only one format may be given")
        return replace(unload, format=_FORMATS[word])
    if word in _CREDENTIALS:
        return replace(unload, credentials=parse_credentials(unload.credentials, word, reader))
    if word in _COMPRESSION:
        if unload.compression:
            raise syntax_error("UNLOAD: only one compression may be given")
        return replace(unload, compression=_COMPRESSION[word])
    if word in _FLAGS:
        flag: dict[str, Any] = {_FLAGS[word]: True}
        return replace(unload, **flag)
    return _option_with_value(unload, word, reader)


def _option_with_value(unload: UnloadStatement, word: str, reader: Reader) -> UnloadStatement:
    if word == "encrypted" and not reader.take("auto"):
        return replace(unload, encrypted=True)
    if word not in _VALUES:
        raise not_supported(f"UNLOAD option {word.upper() or '(unreadable)'}")
    return replace(unload, **_VALUES[word](reader))


def _partition(reader: Reader) -> dict[str, Any]:
    reader.expect("by")
    reader.expect("(")
    return {"partition_by": reader.names(), "include": bool(reader.take("include"))}


def _null(reader: Reader) -> dict[str, Any]:
    reader.take("as")
    return {"null_as": reader.string()}


def _size(reader: Reader, option: str, least: int, most: int) -> int:
    reader.take("as")
    token = reader.next()
    written = literal(token) if token.kind is Kind.STRING else token.text
    amount = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(mb|gb)?", written.lower())
    if amount is None:
        raise syntax_error(f"UNLOAD: {option} must be a number")
    size = int(float(amount[1]) * _UNITS[amount[2] or reader.take("mb", "gb")])
    if not least <= size <= most:
        limits = f"{least // MEGABYTE} MB and {most // MEGABYTE} MB"
        raise GatewayError(f"UNLOAD: {option} must be between {limits}", sqlstate="22023")
    return size


def _character(value: str) -> str:
    value = {"\\t": "\t"}.get(value, value)
    if len(value) != 1 or not value.isascii() or value in "\r\n":
        raise syntax_error("UNLOAD: DELIMITER must be a single ASCII character")
    return value


_VALUES: dict[str, Callable[[Reader], dict[str, Any]]] = {
    "manifest": lambda reader: {"manifest": True, "verbose": bool(reader.take("verbose"))},
    "partition": _partition,
    "parallel": lambda reader: {"parallel": reader.take("on", "true", "off", "false") not in ("off", "false")},
    "maxfilesize": lambda reader: {"max_file_size": _size(reader, "MAXFILESIZE", _SMALLEST_FILE, LARGEST_FILE)},
    "rowgroupsize": lambda reader: {"row_group_size": _size(reader, "ROWGROUPSIZE", *_ROW_GROUPS)},
    "null": _null,
    "delimiter": lambda reader: {"delimiter": _character(reader.string())},
    "extension": lambda reader: {"extension": reader.string()},
    "region": lambda reader: {"region": reader.string()},
}


def _check(unload: UnloadStatement) -> None:
    """Raises GatewayError for options that Redshift does not let stand together."""
    text = {
        "DELIMITER": unload.delimiter, "ADDQUOTES": unload.add_quotes, "ESCAPE": unload.escape,
        "NULL AS": unload.null_as, "HEADER": unload.header,
    }  # fmt: skip
    compression = {"GZIP, BZIP2 and ZSTD": unload.compression}
    refused: dict[Format, dict[str, object]] = {
        Format.PARQUET: {**text, **compression}, Format.JSON: text,
        Format.CSV: {"ESCAPE": unload.escape, "ADDQUOTES": unload.add_quotes},
    }  # fmt: skip
    for option, given in refused.get(unload.format, {}).items():
        if given:
            raise syntax_error(f"{option} is not supported for UNLOAD to {unload.format.value.upper()}")
    if unload.row_group_size and unload.format is not Format.PARQUET:
        raise syntax_error("UNLOAD: ROWGROUPSIZE goes with PARQUET only")
    if unload.allow_overwrite and unload.clean_path:
        raise syntax_error("UNLOAD: CLEANPATH and ALLOWOVERWRITE cannot be used together")
