"""CSV and delimited text, in three ways.

A piece of CSV that PostgreSQL reads as Redshift would goes to it as it is. Other pieces are parsed and converted by
Arrow, column by column. A piece in which anything is unusual, or wrong, is read record by record.
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pacsv

from redshift_gateway import pieces, records, vectors
from redshift_gateway.copy_statement import CopyStatement, Format
from redshift_gateway.pieces import Piece
from redshift_gateway.rejects import BadValueError
from redshift_gateway.source import Chunk, Source, written

# Options with which every value needs a look.
_LOOK: Final = frozenset({
    "acceptanydate", "blanksasnull", "dateformat", "null", "timeformat", "trimblanks", "truncatecolumns", "quote",
    "ignoreblanklines", "fillrecord", "roundec",
})  # fmt: skip
# Where one of these stands, PostgreSQL would read something else than Redshift: an empty field, a backslash, a carriage
# return, a blank beside a quote.
_UNUSUAL: Final = (b",,", b",\n", b"\n,", b"\n\n", b'""', b"\\", b"\r", b' "', b'" ', b'\t"', b'"\t', b"\0")
_BLANK: Final = (b"\n\n", b"\n\r\n")
_SPACED: Final = (b' "', b'" ', b'\t"', b'"\t')


def chunks(source: Source) -> Iterator[Chunk]:
    """The rows of the file. Raises GatewayError when the rejected ones are too many."""
    passes, copy = _passes(source), source.statement
    for piece in pieces.pieces(source, _end(copy)):
        if passes(piece.data):
            yield Chunk(piece.data, piece.line, None, piece.data)
        elif (data := _by_column(source, piece)) is not None:
            yield Chunk(data, piece.line, None, piece.data)
        else:
            yield source.load(records.read(piece, copy), piece.data)


def _end(copy: CopyStatement) -> Callable[[bytes], int]:
    if copy.format is Format.CSV:
        return pieces.quoted_end(copy.quote.encode())
    return pieces.escaped_end if copy.has("escape") else pieces.lines_end


def _passes(source: Source) -> Callable[[bytes], bool]:
    """Whether a piece may go to PostgreSQL as it is."""
    copy, columns = source.statement, source.columns
    scales = [c.scale for c in columns if c.type == "numeric" and c.modifier >= 0]
    long_number = re.compile(rb"\.\d{%d}" % (min(scales) + 1)) if scales else None
    bounded = any(c.length for c in columns)
    if copy.format is not Format.CSV or copy.checked or copy.separator != "," or copy.options & _LOOK or not columns:
        return lambda _: False

    def passes(data: bytes) -> bool:
        if data[:1] in (b",", b"\n") or any(mark in data for mark in _UNUSUAL):
            return False
        return not (bounded and not data.isascii()) and not (long_number and long_number.search(data))

    return passes


def _by_column(source: Source, piece: Piece) -> Any:
    """The piece as CSV by way of Arrow; nothing when it must be read record by record."""
    copy, data = source.statement, piece.data
    if copy.has("removequotes") or copy.has("fillrecord") or _unusual(copy, data) or not source.columns:
        return None
    try:
        table = _parsed(copy, len(source.columns), data)
        return written(pa.table([vectors.convert(r, c) for r, c in zip(source.rules, table.columns, strict=True)], [
            str(number) for number in range(len(source.columns))
        ]))  # fmt: skip
    except (pa.ArrowInvalid, BadValueError):
        return None


def _unusual(copy: CopyStatement, data: bytes) -> bool:
    """Whether Arrow would read the piece as Redshift does not."""
    if b"\0" in data or data[:1] in (b"\n", b"\r") or any(mark in data for mark in _BLANK):
        return True
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return True
    if copy.format is Format.CSV:
        return copy.quote.encode() in data and any(mark.replace(b'"', copy.quote.encode()) in data for mark in _SPACED)
    return copy.has("escape") and any(mark in data for mark in (b"\\N", b"\\\n", b"\\\r"))


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
