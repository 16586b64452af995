"""Reads a piece of CSV or delimited text record by record: slow, and sure about each line.

https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from redshift_gateway.copy.pieces import Piece
from redshift_gateway.copy.rejects import BadValueError
from redshift_gateway.copy.source import Record
from redshift_gateway.statements.copy import CopyStatement, Format

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NULL: Final = r"\N"


def read(piece: Piece, copy: CopyStatement) -> Iterator[Record]:
    """The records of the piece; for those that cannot be read, why."""
    line = piece.line
    for raw in _cut(piece.data, copy):
        text, error = decoded(raw, copy)
        body = text.removesuffix("\n").removesuffix("\r")
        if body or not copy.has("ignoreblanklines"):
            yield Record(line, body, error or fields(body, copy))
        line += raw.count(b"\n")


def decoded(raw: bytes, copy: CopyStatement) -> tuple[str, BadValueError | None]:
    """The text of a record; what is no UTF-8 is replaced if ACCEPTINVCHARS says so, byte by byte."""
    try:
        text = raw.decode()
        if "\0" not in text:
            return text, None
        reason = "The NUL character is not supported"
    except UnicodeDecodeError as error:
        if copy.invalid_characters:
            return "".join(_replaced(raw, copy.invalid_characters)), None
        bad = raw[error.start : error.end].hex(" ")
        reason = f"String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: {bad} (error 1)"
        text = raw.decode(errors="replace")
    return text, BadValueError(1220, reason)


def _replaced(raw: bytes, character: str) -> Iterator[str]:
    while raw:
        try:
            yield raw.decode()
            return
        except UnicodeDecodeError as error:
            yield raw[: error.start].decode() + character * (error.end - error.start)
            raw = raw[error.end :]


def _cut(data: bytes, copy: CopyStatement) -> Iterator[bytes]:
    """The records of the piece, each with its newline."""
    record = b""
    quote = copy.quote.encode()
    for line in data.splitlines(keepends=True) if b"\r" not in data else _lines(data):
        record += line
        if copy.format is Format.CSV and record.count(quote) % 2:
            continue
        if copy.has("escape") and _open(record):
            continue
        yield record
        record = b""
    if record:
        yield record


def _lines(data: bytes) -> list[bytes]:
    """Lines that only newlines end."""
    return [line + b"\n" for line in data.removesuffix(b"\n").split(b"\n")]


def _open(record: bytes) -> bool:
    body = record.removesuffix(b"\n")
    return (len(body) - len(body.rstrip(b"\\"))) % 2 == 1


def fields(text: str, copy: CopyStatement) -> list[str | None] | BadValueError:
    """The fields of a record, or why it has none."""
    if copy.format is not Format.CSV and not copy.has("escape") and not copy.has("removequotes"):
        return list(text.split(copy.separator))
    pattern, found, position = _field(copy), list[str | None](), 0
    while True:
        match = pattern.match(text, position)
        if match is None:
            return BadValueError(1216, f"Invalid quote formatting for {copy.format.name}", text[position:])
        found.append(_value(match, copy))
        if match.end() == len(text):
            return found
        position = match.end() + 1


@lru_cache(maxsize=16)
def _field(copy: CopyStatement) -> re.Pattern[str]:
    """One field, up to a separator or the end."""
    separator, end = re.escape(copy.separator), rf"(?={re.escape(copy.separator)}|\Z)"
    if copy.format is Format.CSV:
        quote, blank = re.escape(copy.quote), r"[^\S\t]*" if copy.separator == "\t" else r"\s*"
        quoted = rf"{blank}{quote}(?P<quoted>(?:[^{quote}]|{quote}{quote})*){quote}{blank}{end}"
        return re.compile(rf"{quoted}|(?P<plain>[^{separator}{quote}]*){end}")
    piece = rf"\\.|[^\\{separator}]" if copy.has("escape") else rf"[^{separator}]"
    plain = rf"(?P<plain>(?:{piece})*){end}"
    if not copy.has("removequotes"):
        return re.compile(plain, re.DOTALL)
    # A quote within is kept: the one that ends the field stands before a separator or the end.
    character = r"\\.|[^\\]" if copy.has("escape") else "."
    inner = [rf"{q}(?P<{n}>(?:{character})*?){q}{end}" for q, n in (('"', "double"), ("'", "single"))]
    return re.compile("|".join([*inner, rf"(?!['\"]){plain}"]), re.DOTALL)


def _value(match: re.Match[str], copy: CopyStatement) -> str | None:
    text = next(group for group in match.groups() if group is not None)
    if match.lastgroup == "quoted":
        return text.replace(copy.quote * 2, copy.quote)
    if not copy.has("escape"):
        return text
    if text == _NULL and copy.null_as == _NULL:
        return None
    unescaped = _ESCAPED.sub(r"\1", text)
    return None if unescaped == _NULL == copy.null_as else unescaped
