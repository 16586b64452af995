"""Cuts a text file into pieces of whole records, about a megabyte each."""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from redshift_gateway.copy.source import BLOCK, Source
from redshift_gateway.errors import GatewayError

_LONGEST: Final = 4 * BLOCK  # Redshift's limit of a row
_CODECS: Final = {"utf16": "utf-16", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "iso88591": "latin-1"}
_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Piece:
    """Whole records, ended by a newline, and the line of the object on which they begin."""

    line: int
    data: bytes


def lines_end(data: bytes) -> int:
    """Where the last line of `data` ends."""
    return data.rfind(b"\n") + 1


def quoted_end(quote: bytes) -> Callable[[bytes], int]:
    """Finds where the last record ends if newlines may stand between quotes: there the quotes so far are even."""

    def end(data: bytes) -> int:
        cut = data.rfind(b"\n") + 1
        while cut and data.count(quote, 0, cut) % 2:
            cut = data.rfind(b"\n", 0, data.rfind(quote, 0, cut)) + 1
        return cut

    return end


def escaped_end(data: bytes) -> int:
    """Where the last record ends if a backslash before a newline makes it part of a value."""
    cut = data.rfind(b"\n") + 1
    while cut and _backslashes(data, cut - 1) % 2:
        cut = data.rfind(b"\n", 0, cut - 1) + 1
    return cut


def _backslashes(data: bytes, position: int) -> int:
    before = data[max(position - 64, 0) : position]
    return len(before) - len(before.rstrip(b"\\"))


def pieces(source: Source, end: Callable[[bytes], int]) -> Iterator[Piece]:
    """The object's records without its header. Raises GatewayError for a record of more than 4 MB."""
    header, line, rest = source.statement.ignore_header, 1, b""
    for block in _utf8(source):
        data = rest + block
        cut = end(data)
        piece, rest = data[:cut], data[cut:]
        if len(rest) > _LONGEST:
            raise GatewayError(f"A record of {source.item.uri} is longer than 4 MB", sqlstate="54000")
        while header and piece:
            _, _, piece = piece.partition(b"\n")
            header, line = header - 1, line + 1
        if piece:
            yield Piece(line, piece)
            line += piece.count(b"\n")
    if rest and not header:
        yield Piece(line, rest + b"\n")


def _utf8(source: Source) -> Iterator[bytes]:
    """The object's blocks in UTF-8, whatever its encoding."""
    with source.open_stream() as stream:
        if source.statement.encoding == "utf8":
            yield from _blocks(stream)
            return
        encoding = source.statement.encoding
        decoder = codecs.getincrementaldecoder(_CODECS[encoding])()
        try:
            for number, block in enumerate(_blocks(stream)):
                if number == 0 and encoding == "utf16" and not block.startswith(_MARKS):
                    raise _other_encoding(source)
                text = decoder.decode(block)
                yield (text.removeprefix("\ufeff") if number == 0 else text).encode()
            yield decoder.decode(b"", final=True).encode()
        except UnicodeError:
            raise _other_encoding(source) from None


def _blocks(stream: Any) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block


def _other_encoding(source: Source) -> GatewayError:
    wanted = source.statement.encoding.upper()
    return GatewayError(f"The file {source.item.uri} is not encoded in {wanted}, as COPY says", sqlstate="22021")
