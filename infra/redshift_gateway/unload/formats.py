"""One file of an UNLOAD: lines that PostgreSQL has written, or Parquet that Arrow writes."""

from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from redshift_gateway.s3.uploads import Upload
from redshift_gateway.statements.unload import ROW_GROUP, UnloadStatement
from redshift_gateway.unload.columns import OutputColumn
from redshift_gateway.unload.sql import header, kept


class File(Protocol):
    """A file that takes rows until it is full."""

    upload: Upload
    rows: int
    lines: int  # rows and the header's line

    def add(self, rows: Any) -> Any:
        """Takes rows. Returns those that belong into the next file; None when it took them all."""

    def close(self) -> None:
        """The file has all its rows."""


class LinesFile:
    """Text, CSV or JSON: every row is a line that is written already."""

    def __init__(self, upload: Upload, statement: UnloadStatement, columns: list[OutputColumn]) -> None:
        """Writes the header, if there is one."""
        self.upload, self.rows, self.lines = upload, 0, 0
        self._limit, self._compression = statement.max_file_size, statement.compression
        self._sink: Any = pa.PythonFile(upload, "w")
        if self._compression:
            self._sink = pa.CompressedOutputStream(self._sink, self._compression)
        self._written = 0
        if statement.header:
            self._write(header(statement, columns).encode())
            self.lines = 1

    def add(self, rows: Any) -> Any:
        """Takes lines up to the largest size, which is that of the compressed file if it is compressed."""
        lines = rows["v"].combine_chunks()
        offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
        room = self._limit - (self.upload.size if self._compression else self._written)
        count = int(np.searchsorted(offsets, int(offsets[0]) + room, "right")) - 1
        count = max(count, 0 if self.rows else 1)  # a line longer than the largest size has a file of its own
        count = min(count, len(lines))
        if count:
            self._write(memoryview(lines.buffers()[2])[offsets[0] : offsets[count]])
        self.rows, self.lines = self.rows + count, self.lines + count
        return rows.slice(count) if count < len(lines) else None

    def close(self) -> None:
        """Ends the compression and closes the object."""
        self._sink.close()

    def _write(self, data: bytes | memoryview) -> None:
        self._sink.write(data)
        self._written += len(data)


class ParquetFile:
    """Parquet 1.0 with Snappy, in row groups of the size that the statement wants."""

    def __init__(self, upload: Upload, statement: UnloadStatement, columns: list[OutputColumn]) -> None:
        """Writes nothing yet."""
        self.upload, self.rows, self.lines = upload, 0, 0
        self._group = statement.row_group_size or ROW_GROUP
        self._limit = statement.max_file_size // self._group * self._group or statement.max_file_size
        self._schema = pa.schema([(c.name, c.arrow_type()) for _, c in kept(statement, columns)])
        self._writer = pq.ParquetWriter(pa.PythonFile(upload, "w"), self._schema, version="1.0", compression="snappy")
        self._waiting: list[Any] = []
        self._size = 0

    def add(self, rows: Any) -> Any:
        """Takes a batch of rows, unless the file is full."""
        if self.upload.size + self._size >= self._limit and self.rows:
            return rows
        table = rows.rename_columns(self._schema.names).cast(self._schema)
        self._waiting.append(table)
        self._size += table.nbytes
        self.rows = self.lines = self.rows + len(table)
        if self._size >= self._group:
            self._write()
        return None

    def close(self) -> None:
        """Writes the last row group and the footer."""
        self._write()
        self._writer.close()
        self.upload.close()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=1 << 30)
        self._waiting, self._size = [], 0
