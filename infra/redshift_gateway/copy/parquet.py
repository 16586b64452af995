"""Parquet files: decoded and written as CSV by Arrow, matched with the table by position as Redshift does.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from redshift_gateway.copy.columns import Column, accepts
from redshift_gateway.copy.source import BLOCK, Block, Chunk, Source, written
from redshift_gateway.errors import GatewayError

ROWS: Final = 8192  # a batch; sixteen columns make about a megabyte of CSV
# Text types that Arrow's CSV writer does not take, and what they are written as.
_UNWRITABLE = {
    pa.binary(): pa.string(),
    pa.large_binary(): pa.large_string(),
    pa.string_view(): pa.string(),
    pa.binary_view(): pa.string(),
}


def chunks(source: Source) -> Iterator[Chunk]:
    """The rows of a Parquet file as CSV, a batch at a time."""
    with source.system.open_input_file(source.item.path) as content:
        file = pq.ParquetFile(content, buffer_size=BLOCK, pre_buffer=False)
        check_schema(source, file.schema_arrow)
        for batch in file.iter_batches(batch_size=ROWS, use_threads=False):
            if batch.num_rows:
                yield Chunk(loaded(source, batch), rows=batch.num_rows)


def check_schema(source: Source, schema: Any) -> None:
    """Matches file and table by position, as Redshift does. Raises GatewayError naming file, column and both types."""
    item, columns, kind = source.item, source.columns, source.statement.format.value
    name = "ORC" if kind == "orc" else kind.title()
    missing = len(columns) - len(schema)
    if missing < 0 or (missing and not source.statement.has("fillrecord")):
        raise GatewayError(
            f"Unmatched number of columns between table and file. Table columns: {len(columns)}, Data columns: "
            f"{len(schema)}, File name: {item.uri}",
            detail=f"Table: {', '.join(c.name for c in columns)}. File: {', '.join(schema.names)}.",
        )
    for column, data in zip(columns, schema, strict=False):
        if not accepts(column, data.type):
            raise GatewayError(
                f"File '{item.uri}' has an incompatible {name} schema for column '{column.name}'. "
                f"Column type: {column.shown_type()}, {name} type: {data.type} (column '{data.name}')",
                hint=f"COPY from {name} matches columns by position and converts no types.",
            )


def loaded(source: Source, batch: Any) -> Block:
    """A batch of the file as CSV for PostgreSQL. Raises GatewayError for a text that is too long."""
    batch = plain(batch)
    for column, texts in zip(source.columns, batch.columns, strict=False):
        if column.length:
            _check_length(source, column, texts)
    return written(filled(source, batch))


def _check_length(source: Source, column: Column, texts: Any) -> None:
    """Redshift counts bytes, PostgreSQL characters. Blanks at the end of a CHAR do not count.

    https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
    """
    texts = pc.utf8_rtrim(texts, " ") if column.type == "bpchar" else texts
    if (longest := pc.max(pc.binary_length(texts)).as_py() or 0) > column.length:
        raise GatewayError(
            f"The length of the data column {column.name} is longer than the length defined in the table. "
            f"Table: {column.length}, Data: {longest}, File name: {source.item.uri}"
        )


def filled(source: Source, batch: Any) -> Any:
    """The batch with the NULLs that FILLRECORD adds for the columns that the file lacks."""
    missing = len(source.columns) - batch.num_columns
    if not missing:
        return batch
    arrays = [*batch.columns, *[pa.nulls(batch.num_rows, pa.string())] * missing]
    return pa.RecordBatch.from_arrays(arrays, names=[str(i) for i in range(len(arrays))])


def plain(batch: Any) -> Any:
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
    if kind in _UNWRITABLE:
        return array.cast(_UNWRITABLE[kind])
    return array
