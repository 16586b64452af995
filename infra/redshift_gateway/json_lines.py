"""JSON Lines, matched with the table by the names of its columns ('auto').

Arrow parses a block at a time. Where a value's JSON type is not its column's, that block goes through Python's parser,
value by value: right, but slower.
"""

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.json as pajson

from redshift_gateway.columns import Column
from redshift_gateway.errors import GatewayError
from redshift_gateway.objects import S3Object
from redshift_gateway.source import BLOCK, Block, Source, written


def blocks(source: Source) -> Iterator[Block]:
    """JSON Lines by the names of the columns ('auto'): keys without a column are ignored, missing ones are NULL."""
    options = pajson.ParseOptions(explicit_schema=_schema(source.columns), unexpected_field_behavior="ignore")
    reading = pajson.ReadOptions(use_threads=False, block_size=4 * BLOCK)
    names = [c.name for c in source.columns]
    line = 1
    with source.open_stream() as stream:
        for lines in _whole_lines(stream):
            try:
                table = pajson.read_json(pa.BufferReader(lines), reading, options)
                yield written(table.select(names))
            except pa.ArrowInvalid:  # a value of another JSON type than its column's: convert one by one
                yield _slowly(lines, names, source.item, line)
            line += lines.count(b"\n")


def _whole_lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(BLOCK):
        block = rest + block
        cut = block.rfind(b"\n") + 1
        if block[:cut].strip():
            yield block[:cut]
        rest = block[cut:]
        if len(rest) > 4 * BLOCK:
            raise GatewayError("A JSON record is longer than 4 MB", sqlstate="54000")
    if rest.strip():
        yield rest


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


def _slowly(lines: bytes, names: list[str], item: S3Object, first: int) -> bytes:
    """The lines through Python's parser, numbers kept as written. Raises GatewayError naming the line."""
    out = io.StringIO()
    for number, line in enumerate(lines.splitlines(), first):
        if not line.strip():
            continue
        try:
            record = json.loads(line, parse_float=str, parse_int=str)
        except ValueError as error:
            raise _bad_line(item, number, str(error)) from None
        if not isinstance(record, dict):
            raise _bad_line(item, number, "not a JSON object")
        nested = any(isinstance(v, dict | list) for v in record.values())
        exact = json.loads(line) if nested else record  # inside a nested value a number must stay a number
        out.write(",".join(_field(_value(record, exact, name)) for name in names) + "\n")
    return out.getvalue().encode()


def _bad_line(item: S3Object, number: int, why: str) -> GatewayError:
    return GatewayError(f"Invalid JSON in {item.uri}, line {number}: {why}", sqlstate="22000")


def _value(record: dict[str, Any], exact: dict[str, Any], name: str) -> Any:
    value = record.get(name)
    return exact[name] if isinstance(value, dict | list) else value


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return '"' + text.replace('"', '""') + '"'
