"""From the rows that PostgreSQL sends to the files of an UNLOAD: what runs in a worker thread."""

import json
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from redshift_gateway.errors import GatewayError
from redshift_gateway.s3 import uploads
from redshift_gateway.s3.objects import S3Settings
from redshift_gateway.statements.copy import Format
from redshift_gateway.statements.unload import UnloadStatement
from redshift_gateway.unload.columns import Oid, OutputColumn
from redshift_gateway.unload.formats import File, LinesFile, ParquetFile
from redshift_gateway.unload.sql import kept

_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
# What Hive escapes in the name of a partition's folder.
# https://github.com/apache/hive/blob/master/common/src/java/org/apache/hadoop/hive/common/FileUtils.java
_SPECIAL = re.compile(r"""[\x00-\x1f"#%'*/:=?\\\x7f{\[\]^]""")
_SECONDS = {Oid.DATE: pa.int32(), Oid.TIME: pa.int64(), Oid.TIMESTAMP: pa.int64(), Oid.TIMESTAMPTZ: pa.int64()}


class Files:
    """The files of one UNLOAD, written one after the other."""

    def __init__(self, statement: UnloadStatement, columns: list[OutputColumn], s3: S3Settings) -> None:
        """Nothing is written, nor S3 asked, before `start`."""
        self.statement, self.columns = statement, columns
        self._s3 = s3
        self._uploads: uploads.Uploads | None = None
        self._file: File | None = None
        self._closed: list[File] = []
        self._partition: str | None = None
        self._folders: list[str] = []
        self._numbers = 0
        self._reader = _Reader(statement, columns)

    def start(self) -> None:
        """Connects. Raises GatewayError when the place is not free."""
        with uploads.failures(self.statement.uri):
            s3, bucket = uploads.client(self._s3, self.statement), self.statement.bucket
            self._uploads = uploads.Uploads(s3, bucket, encrypted=self.statement.encrypted)
            free = self.statement.allow_overwrite or self.statement.clean_path
            if not free and self._uploads.exists(self.statement.folder):
                raise GatewayError(
                    "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, "
                    "manually removing the target files in S3, or using the ALLOWOVERWRITE option.",
                    sqlstate="58030",
                )

    def write(self, csv: bytes) -> None:
        """Adds rows. Raises GatewayError."""
        with uploads.failures(self.statement.uri):
            for partition, rows in self._reader.batches(csv):
                if partition != self._partition or self._file is None:
                    self._enter(partition)
                while (rest := self._current.add(rows)) is not None:
                    self._next()
                    rows = rest  # noqa: PLW2901 - what the file before had no room for

    def finish(self) -> int:
        """Makes all of it visible, the manifest last; then removes what CLEANPATH says. Returns the number of rows."""
        assert self._uploads is not None  # noqa: S101 - start() was called
        with uploads.failures(self.statement.uri):
            # No rows: an empty file, which Redshift "might write" of CSV; of JSON it writes none.
            if self._file is None and not self.statement.partition_by and self.statement.format is not Format.JSON:
                self._enter(None)
            self._close()
            if self.statement.manifest:
                self._manifest()
            self._uploads.commit()
            for folder in self._folders if self.statement.clean_path else ():
                self._uploads.delete_others(folder)
        return sum(f.rows for f in self._closed)

    @property
    def written(self) -> list[File]:
        """The files that are whole, without the manifest."""
        return self._closed

    def abandon(self) -> None:
        """Nothing stays."""
        if self._uploads is not None:
            self._uploads.abort()

    @property
    def _current(self) -> File:
        assert self._file is not None  # noqa: S101 - _enter() was called
        return self._file

    def _enter(self, partition: str | None) -> None:
        """Starts a partition, or the one place where all rows go."""
        self._close()
        self._partition, self._numbers = partition, 0
        self._folders.append(self.statement.folder + self._path(partition))
        self._next()

    def _path(self, partition: str | None) -> str:
        values = json.loads(partition) if partition is not None else []
        names = zip(self.statement.partition_by, values, strict=False)
        return "".join(f"{n}={_NULL_PARTITION if v is None else _escaped(v)}/" for n, v in names)

    def _next(self) -> None:
        """Opens the next file of the partition."""
        assert self._uploads is not None  # noqa: S101
        self._close()
        kind = ParquetFile if self.statement.format is Format.PARQUET else LinesFile
        key = self._folders[-1] + self.statement.file_name(self._numbers)
        self._file = kind(self._uploads.open(key), self.statement, self.columns)
        self._numbers += 1

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._closed.append(self._file)
        self._file = None

    def _manifest(self) -> None:
        """https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html"""
        assert self._uploads is not None  # noqa: S101
        upload = self._uploads.open(f"{self.statement.folder}manifest")
        upload.write(json.dumps(manifest(self.statement, self.columns, self._closed), indent=2).encode())
        upload.close()


def _escaped(value: str) -> str:
    return _SPECIAL.sub(lambda m: f"%{ord(m[0]):02X}", value)


def manifest(statement: UnloadStatement, columns: list[OutputColumn], files: list[File]) -> dict[str, Any]:
    """What the manifest says. VERBOSE counts header lines as records."""
    entries = []
    for file in files:
        size = {"content_length": file.upload.size}
        meta = size | {"record_count": file.lines} if statement.verbose else size
        entries.append({"url": f"s3://{statement.bucket}/{file.upload.key}", "meta": meta})
    if not statement.verbose:
        return {"entries": entries}
    total = {"content_length": sum(f.upload.size for f in files), "record_count": sum(f.lines for f in files)}
    elements = [{"name": c.name, "type": c.manifest_type()} for _, c in kept(statement, columns)]
    author = {"name": "Amazon Redshift", "version": "1.0.0"}
    return {"entries": entries, "schema": {"elements": elements}, "meta": total, "author": author}


class _Reader:
    """Parses PostgreSQL's CSV into Arrow's columns, and cuts it where the partition changes."""

    def __init__(self, statement: UnloadStatement, columns: list[OutputColumn]) -> None:
        self._partitioned = bool(statement.partition_by)
        if statement.format is Format.PARQUET:
            types = {f"v{i}": _SECONDS.get(c.oid, c.arrow_type()) for i, c in kept(statement, columns)}  # type: ignore[call-overload]
        else:
            types = {"v": pa.binary()}
        types = {"p": pa.string()} | types if self._partitioned else types
        self._names = list(types)
        self._converting = pacsv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
            true_values=["t"], false_values=["f"],
        )  # fmt: skip

    def batches(self, csv: bytes) -> list[tuple[str | None, Any]]:
        """The rows, by partition. Raises GatewayError for a value that its Parquet type does not hold."""
        reading = pacsv.ReadOptions(column_names=self._names, use_threads=False, block_size=len(csv) + 1)
        parsing = pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        try:
            table = pacsv.read_csv(pa.BufferReader(csv), reading, parsing, self._converting).combine_chunks()
        except pa.ArrowInvalid as error:
            raise GatewayError(f"A value cannot be unloaded: {str(error)[:300]}", sqlstate="22000") from None
        if not self._partitioned:
            return [(None, table)]
        rows = table.drop_columns(["p"])
        found, start = [], 0
        runs = pc.run_end_encode(table["p"].combine_chunks())
        for end, value in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
            found.append((value, rows.slice(start, end - start)))
            start = end
        return found
