"""FIXEDWIDTH files: fields of so many characters each, without separators.

https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html#copy-fixedwidth
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from redshift_gateway.copy import pieces, records, vectors
from redshift_gateway.copy.pieces import Piece
from redshift_gateway.copy.rejects import BadValueError
from redshift_gateway.copy.source import Chunk, Record, Source, written
from redshift_gateway.errors import GatewayError


def chunks(source: Source) -> Iterator[Chunk]:
    """The rows of the file. Raises GatewayError when the rejected ones are too many."""
    widths = source.statement.widths
    if len(widths) != len(source.columns):
        raise GatewayError(
            f"COPY FIXEDWIDTH has {len(widths)} widths, and there are {len(source.columns)} columns", sqlstate="42601"
        )
    bounds = list(zip([0, *accumulate(widths)], accumulate(widths), strict=False))
    for piece in pieces.pieces(source, pieces.lines_end):
        if (data := _by_column(source, piece, bounds)) is not None:
            yield Chunk(data, piece.line, None, piece.data)
        else:
            yield source.load(_records(source, piece, bounds), piece.data)


def _by_column(source: Source, piece: Piece, bounds: list[tuple[int, int]]) -> Any:
    """The piece as CSV by way of Arrow; nothing when a line is not exactly as wide as the fields."""
    try:
        lines = pa.array(piece.data.decode().replace("\r\n", "\n").removesuffix("\n").split("\n"))
        widths = pc.min_max(pc.utf8_length(lines)).as_py()
        if widths["min"] != bounds[-1][1] or widths["max"] != bounds[-1][1] or b"\0" in piece.data:
            return None
        texts = [pa.chunked_array([pc.utf8_slice_codeunits(lines, start, stop)]) for start, stop in bounds]
        converted = [vectors.convert(r, t) for r, t in zip(source.rules, texts, strict=True)]
        return written(pa.table(converted, [str(number) for number in range(len(converted))]))
    except (UnicodeDecodeError, BadValueError):
        return None


def _records(source: Source, piece: Piece, bounds: list[tuple[int, int]]) -> Iterator[Record]:
    for number, raw in enumerate(piece.data.removesuffix(b"\n").split(b"\n"), piece.line):
        text, error = records.decoded(raw, source.statement)
        text = text.removesuffix("\r")
        if text or not source.statement.has("ignoreblanklines"):
            yield Record(number, text, error or _fields(text, bounds))


def _fields(text: str, bounds: list[tuple[int, int]]) -> list[str | None] | BadValueError:
    if len(text) > bounds[-1][1]:
        return BadValueError(1202, "Extra column(s) found", text[bounds[-1][1] :])
    return [text[start:stop] for start, stop in bounds if start < len(text) or start == 0]
