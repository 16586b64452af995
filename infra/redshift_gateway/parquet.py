"""Parquet files: decoded and written as CSV by Arrow, matched with the table by position as Redshift does."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from redshift_gateway.columns import Column, accepts
from redshift_gateway.errors import GatewayError
from redshift_gateway.objects import S3Object
from redshift_gateway.source import BLOCK, Block, Source, written

_ROWS = 8192  # a batch; sixteen columns make about a megabyte of CSV
# Text types that Arrow's CSV writer does not take, and what they are written as.
_UNWRITABLE = {
    pa.binary(): pa.string(),
    pa.large_binary(): pa.large_string(),
    pa.string_view(): pa.string(),
    pa.binary_view(): pa.string(),
}


def blocks(source: Source) -> Iterator[Block]:
    """The rows of a Parquet file as CSV, a batch at a time."""
    with source.system.open_input_file(source.item.path) as content:
        file = pq.ParquetFile(content, buffer_size=BLOCK, pre_buffer=False)
        check_schema(source.item, file.schema_arrow, source.columns)
        for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
            if batch.num_rows:
                yield written(_plain(batch))


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
    if kind in _UNWRITABLE:
        return array.cast(_UNWRITABLE[kind])
    return array
