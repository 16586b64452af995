"""What every format's reader gets and gives: an object to read, and blocks of CSV for PostgreSQL's COPY."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from redshift_gateway.columns import Column
from redshift_gateway.copy_statement import CopyStatement
from redshift_gateway.objects import S3Object, open_stream

BLOCK = 1 << 20  # bytes; memory does not grow with the input
# Nulls are empty and valid strings are quoted, so that PostgreSQL's CSV format tells them apart.
# Arrow's default of 1,024 rows at a time takes a quarter more processor time.
_CSV = pacsv.WriteOptions(include_header=False, quoting_style="needed", batch_size=8192)

Block = bytes | memoryview


@dataclass(frozen=True)
class Source:
    """An object to load, and what it is loaded into."""

    system: Any  # pyarrow's file system
    item: S3Object
    statement: CopyStatement
    columns: list[Column]

    def open_stream(self) -> Any:
        """The object's content, decompressed as it is read."""
        return open_stream(self.system, self.item, self.statement.compression)


def written(batch: Any) -> Block:
    """An Arrow batch or table as CSV, written by Arrow."""
    sink = pa.BufferOutputStream()
    pacsv.write_csv(batch, sink, _CSV)
    return memoryview(sink.getvalue())
