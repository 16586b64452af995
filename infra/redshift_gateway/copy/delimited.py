"""CSV and delimited text, in two ways.

A piece of the file is parsed and converted by Arrow, column by column. A piece in which anything is unusual, or wrong,
is read record by record.
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pacsv

from redshift_gateway.copy import pieces, records, vectors
from redshift_gateway.copy.pieces import Piece
from redshift_gateway.copy.rejects import BadValueError
from redshift_gateway.copy.source import Chunk, Source, written
from redshift_gateway.statements.copy import CopyStatement, Format

_SPACED: Final = (b' "', b'" ', b'\t"', b'"\t')


def chunks(source: Source) -> Iterator[Chunk]:
    """The rows of the file. Raises GatewayError when the rejected ones are too many."""
    copy = source.statement
    for piece in pieces.pieces(source, _end(copy)):
        if (data := _by_column(source, piece)) is not None:
            yield Chunk(data, piece.line, None, piece.data)
        else:
            yield source.load(records.read(piece, copy), piece.data)


def _end(copy: CopyStatement) -> Callable[[bytes], int]:
    if copy.format is Format.CSV:
        return pieces.quoted_end(copy.quote.encode())
    return pieces.escaped_end if copy.has("escape") else pieces.lines_end


def _by_column(source: Source, piece: Piece) -> Any:
    """The piece as CSV by way of Arrow; nothing when it must be read record by record."""
    copy, data = source.statement, piece.data
    if copy.has("removequotes") or copy.has("fillrecord") or _unusual(copy, data) or not source.columns:
        return None
    count = len(source.columns)
    ended = _ends_with_separator(copy, data, count)
    try:
        table = _parsed(copy, count + ended, data)
        if ended and not vectors.all_empty(table.columns[count]):
            return None
        table = table.select(range(count))
        return written(pa.table([vectors.convert(r, c) for r, c in zip(source.rules, table.columns, strict=True)], [
            str(number) for number in range(count)
        ]))  # fmt: skip
    except (pa.ArrowInvalid, BadValueError):
        return None


def _ends_with_separator(copy: CopyStatement, data: bytes, count: int) -> bool:
    """Whether the lines have a separator behind their last field, as the first one has."""
    line, separator = data[: data.find(b"\n") + 1].rstrip(b"\r\n"), copy.separator.encode()
    return copy.format is Format.TEXT and line.endswith(separator) and line.count(separator) == count


def _unusual(copy: CopyStatement, data: bytes) -> bool:
    """Whether Arrow would read the piece as Redshift does not."""
    if b"\0" in data or data[:1] in (b"\n", b"\r") or b"\n\n" in data:
        return True
    if b"\r" in data and (b"\n\r\n" in data or data.count(b"\r") != data.count(b"\r\n")):
        return True
    if copy.format is Format.CSV:
        return _has_blank_outside_quotes(copy, data)
    return copy.has("escape") and any(mark in data for mark in (b"\\N", b"\\\n", b"\\\r"))


def _has_blank_outside_quotes(copy: CopyStatement, data: bytes) -> bool:
    """Whether a blank stands between a quote and what separates the field: Redshift does not load it, Arrow would."""
    quote, mark = copy.quote.encode(), re.escape(copy.quote).encode()
    if quote not in data or not any(blank.replace(b'"', quote) in data for blank in _SPACED):
        return False
    edge = b"[\r\n" + re.escape(copy.separator).encode() + b"]"
    return re.search(rb"(?:\A|" + edge + rb")[ \t]+" + mark + b"|" + mark + rb"[ \t]+" + edge, data) is not None


def _parsed(copy: CopyStatement, count: int, data: bytes) -> Any:
    csv = copy.format is Format.CSV
    names = [str(number) for number in range(count)]
    return pacsv.read_csv(
        pa.BufferReader(data),
        pacsv.ReadOptions(use_threads=False, column_names=names, block_size=max(len(data), 1)),
        pacsv.ParseOptions(
            delimiter=copy.separator,
            quote_char=copy.quote if csv else False,
            double_quote=csv,
            escape_char="\\" if copy.has("escape") else False,
            newlines_in_values=csv,
            ignore_empty_lines=False,
        ),
        pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, null_values=[]),
    )
