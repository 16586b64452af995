"""JSON: a file of objects or arrays, each a row, one a line or over several lines.

Arrow parses a piece at a time by the names of the columns. Where a value's JSON type is not its column's, or an option
wants each value looked at, the piece goes through Python's parser: right, but slower.
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html#copy-json
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.json as pajson

from redshift_gateway.copy import pieces, records, vectors
from redshift_gateway.copy.columns import Column
from redshift_gateway.copy.mapping import Mapper, Number, mapper, text
from redshift_gateway.copy.pieces import Piece
from redshift_gateway.copy.rejects import BadValueError
from redshift_gateway.copy.source import BLOCK, Chunk, Record, Source, written
from redshift_gateway.errors import GatewayError

_LOOK: Final = frozenset({"acceptanydate", "dateformat", "timeformat", "acceptinvchars"})
_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number)
_LONGEST: Final = 4 * BLOCK


def chunks(source: Source) -> Iterator[Chunk]:
    """The rows of the file: keys without a column are ignored, missing ones are NULL."""
    get, copy = mapper(source), source.statement
    fast = copy.mapping == "auto" and not copy.checked and not copy.options & _LOOK
    waiting: Piece | None = None  # the beginning of a record that goes on in the next piece
    for piece in pieces.pieces(source, pieces.lines_end):
        if waiting is None and fast and (data := _by_column(source, piece)) is not None:
            yield Chunk(data, piece.line, None, piece.data)
            continue
        joined = Piece(waiting.line, waiting.data + piece.data) if waiting else piece
        cut = _whole(joined.data)
        if found := joined.data[:cut]:
            yield source.load(_records(source, Piece(joined.line, found), get), found)
        rest = joined.data[cut:]
        waiting = Piece(joined.line + found.count(b"\n"), rest) if rest.strip() else None
        if len(rest) > _LONGEST:
            raise GatewayError(f"A record of {source.item.uri} is longer than 4 MB", sqlstate="54000")
    if waiting:
        yield source.load(_records(source, waiting, get), waiting.data)


def _by_column(source: Source, piece: Piece) -> Any:
    """The piece as CSV by way of Arrow; nothing when it must be read record by record."""
    data = piece.data
    if b"\n\n" in data or b"\\u0000" in data or not data.startswith(b"{") or b"\n{" not in b"\n" + data:
        return None
    options = pajson.ParseOptions(explicit_schema=_schema(source.columns), unexpected_field_behavior="ignore")
    reading = pajson.ReadOptions(use_threads=False, block_size=len(data))
    try:
        table = pajson.read_json(pa.BufferReader(data), reading, options)
        if table.num_rows != data.count(b"\n"):
            return None  # records over several lines
        columns = [_converted(source, number, table) for number in range(len(source.columns))]
        return written(pa.table(columns, [c.name for c in source.columns]))
    except (pa.ArrowInvalid, BadValueError):
        return None


def _converted(source: Source, number: int, table: Any) -> Any:
    column, rule = table.column(source.columns[number].name), source.rules[number]
    return vectors.convert(rule, column) if pa.types.is_string(column.type) else column


def _schema(columns: list[Column]) -> Any:
    """Arrow's type for each column: what is not a number or a truth value reaches PostgreSQL as the text it was."""
    types = {
        "int2": pa.int64(), "int4": pa.int64(), "int8": pa.int64(), "float4": pa.float64(), "float8": pa.float64(),
        "bool": pa.bool_(),
    }  # fmt: skip
    return pa.schema(
        [(c.name, _decimal(c) if c.type == "numeric" else types.get(c.type, pa.string())) for c in columns]
    )


def _decimal(column: Column) -> Any:
    return pa.decimal128(38, column.scale) if column.modifier >= 4 else pa.string()


def _whole(data: bytes) -> int:
    """Where the last record ends that surely is whole: before a line that begins another one.

    A record over several lines is indented, or ends with a brace at the line's beginning.
    """
    if _is_record(data[data.rfind(b"\n", 0, -1) + 1 :]):
        return len(data)
    for mark in (b"\n{", b"\n["):
        if (cut := data.rfind(mark)) > 0:
            return cut + 1
    return 0 if not _balanced(data) else len(data)


def _is_record(line: bytes) -> bool:
    """Whether the line is a record by itself, or the end of one."""
    line = line.strip()
    return not line or (line[:1] in (b"{", b"[") and _balanced(line))


def _balanced(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _records(source: Source, piece: Piece, get: Mapper) -> Iterator[Record]:
    """The records of the piece; for those that cannot be read, why. A broken one ends with its line."""
    whole, error = records.decoded(piece.data, source.statement)
    position, end, line = _skip(whole, 0), len(whole), piece.line + whole.count("\n", 0, _skip(whole, 0))
    while position < end:
        stop, fields = _record(whole, position, get)
        raw = whole[position:stop]
        last = line + raw.count("\n")
        yield Record(last, raw, error or fields)
        following = _skip(whole, stop)
        line, position = last + whole.count("\n", stop, following), following


def _skip(whole: str, position: int) -> int:
    while position < len(whole) and whole[position] in " \t\r\n":
        position += 1
    return position


def _record(whole: str, position: int, get: Mapper) -> tuple[int, list[str | None] | BadValueError]:
    """Where the record at this position ends, and its fields."""
    try:
        record, stop = _DECODER.raw_decode(whole, position)
    except ValueError as problem:
        newline = whole.find("\n", position)
        why = str(problem).partition(":")[0]
        return (newline if newline >= 0 else len(whole)), BadValueError(1216, f"Invalid JSON: {why}")
    values = get(record)
    return stop, values if isinstance(values, BadValueError) else [text(v) for v in values]
