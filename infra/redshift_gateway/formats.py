"""From S3 objects to the CSV that PostgreSQL's COPY eats: generators of blocks, run in a worker thread.

Blocks hold whole rows and are about a megabyte, so that memory does not grow with the input. Arrow does the decoding
and the writing; no value passes through Python but where JSON's types disagree within a block.
"""

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as pq

from redshift_gateway.columns import Column, accepts
from redshift_gateway.copy_statement import CopyStatement, Format
from redshift_gateway.errors import GatewayError
from redshift_gateway.objects import S3Object, open_stream, read_failed

BLOCK = 1 << 20
_ROWS = 8192  # a batch of Parquet rows; sixteen columns make about a megabyte of CSV
# Nulls are empty and valid strings are quoted, so that PostgreSQL's CSV format tells them apart.
_CSV = pacsv.WriteOptions(include_header=False, quoting_style="needed")

Block = bytes | memoryview


def blocks(system: Any, item: S3Object, statement: CopyStatement, columns: list[Column]) -> Iterator[Block]:
    """The object's rows as CSV. Raises GatewayError naming the object when it cannot be read or does not fit."""
    readers = {Format.PARQUET: _parquet, Format.JSON: _json, Format.CSV: _csv}
    try:
        yield from readers[statement.format or Format.CSV](system, item, statement, columns)
    except OSError as error:
        raise read_failed(item.uri, error) from None
    except pa.ArrowInvalid as error:
        raise GatewayError(f"{item.uri} cannot be read: {str(error)[:300]}", sqlstate="22000") from None


def copy_options(statement: CopyStatement, columns: list[Column]) -> str:
    """The options of the COPY FROM STDIN that reads these blocks.

    Redshift reads an empty field as an empty string where the column is text, as NULL elsewhere, quoted or not;
    PostgreSQL reads it as NULL if it is not quoted.
    """
    if statement.format is not Format.CSV:
        return "FORMAT csv"
    options = ["FORMAT csv", f"DELIMITER {_character(statement.delimiter)}", f"QUOTE {_character(statement.quote)}"]
    texts = [_quoted(c.name) for c in columns if c.is_text]
    others = [_quoted(c.name) for c in columns if not c.is_text]
    if texts:
        options.append(f"{'FORCE_NULL' if statement.empty_as_null else 'FORCE_NOT_NULL'} ({', '.join(texts)})")
    if others and not (statement.empty_as_null and texts):
        options.append(f"FORCE_NULL ({', '.join(others)})")
    elif others:
        options[-1] = f"FORCE_NULL ({', '.join(texts + others)})"
    return ", ".join(options)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _character(value: str) -> str:
    return {"'": "''''", "\\": "E'\\\\'"}.get(value, f"'{value}'")


def _written(batch: Any) -> Block:
    sink = pa.BufferOutputStream()
    pacsv.write_csv(batch, sink, _CSV)
    return memoryview(sink.getvalue())


def _parquet(system: Any, item: S3Object, statement: CopyStatement, columns: list[Column]) -> Iterator[Block]:
    with system.open_input_file(item.path) as source:
        file = pq.ParquetFile(source, buffer_size=BLOCK, pre_buffer=False)
        check_schema(item, file.schema_arrow, columns)
        for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
            if batch.num_rows:
                yield _written(_plain(batch))


def check_schema(item: S3Object, schema: Any, columns: list[Column]) -> None:
    """Matches file and table by position, as Redshift does. Raises GatewayError naming file, column and both types."""
    if len(schema) != len(columns):
        raise GatewayError(
            f"Unmatched number of columns between table and file. Table columns: {len(columns)}, Data columns: "
            f"{len(schema)}, File name: {item.uri}",
            detail=f"Table: {', '.join(c.name for c in columns)}. File: {', '.join(schema.names)}.",
        )
    for column, data in zip(columns, schema, strict=True):
        if not accepts(column, data.type):
            raise GatewayError(
                f"File '{item.uri}' has an incompatible Parquet schema for column '{column.name}'. "
                f"Column type: {column.shown_type()}, Parquet type: {data.type} (column '{data.name}')",
                hint="COPY from Parquet matches columns by position and converts no types.",
            )


def _plain(batch: Any) -> Any:
    """The batch with the types that Arrow's CSV writer knows: instants as UTC text, dictionaries decoded."""
    arrays = [_plain_array(a) for a in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=[str(i) for i in range(len(arrays))])


def _plain_array(array: Any) -> Any:
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _plain_array(array.dictionary_decode())
    if pa.types.is_timestamp(kind) and (kind.tz is not None or kind.unit == "ns"):
        zone = "UTC" if kind.tz is not None else None
        return array.cast(pa.timestamp("us", zone), safe=False)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return array.cast(pa.string() if pa.types.is_binary(kind) else pa.large_string())
    return array


def _csv(system: Any, item: S3Object, statement: CopyStatement, columns: list[Column]) -> Iterator[Block]:
    """The file as it is, without its header, ending in a newline: PostgreSQL parses it."""
    header, last = statement.ignore_header, b"\n"
    with open_stream(system, item, statement.compression) as stream:
        while block := stream.read(BLOCK):
            while header and block:
                _, newline, block = block.partition(b"\n")
                header -= bool(newline)
            if block:
                last = block[-1:]
                yield block
    if last != b"\n":
        yield b"\n"


def _json(system: Any, item: S3Object, statement: CopyStatement, columns: list[Column]) -> Iterator[Block]:
    """JSON Lines by the names of the columns ('auto'): keys without a column are ignored, missing ones are NULL."""
    options = pajson.ParseOptions(explicit_schema=_json_schema(columns), unexpected_field_behavior="ignore")
    reading = pajson.ReadOptions(use_threads=False, block_size=4 * BLOCK)
    names = [c.name for c in columns]
    line = 1
    with open_stream(system, item, statement.compression) as stream:
        for lines in _whole_lines(stream):
            try:
                table = pajson.read_json(pa.BufferReader(lines), reading, options)
                yield _written(table.select(names))
            except pa.ArrowInvalid:  # a value of another JSON type than its column's: convert one by one
                yield _json_slowly(lines, names, item, line)
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


def _json_schema(columns: list[Column]) -> Any:
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


def _json_slowly(lines: bytes, names: list[str], item: S3Object, first: int) -> bytes:
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
