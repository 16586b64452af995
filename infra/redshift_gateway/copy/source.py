"""What every format's reader gets and gives: an object to read, and chunks of CSV for PostgreSQL's COPY."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.csv as pacsv

from redshift_gateway.copy.columns import Column
from redshift_gateway.copy.rejects import RAW, BadValueError, Reject, Rejects, encoded
from redshift_gateway.copy.values import Rule
from redshift_gateway.s3.objects import S3Object, open_stream
from redshift_gateway.statements.copy import CopyStatement, Format

BLOCK = 1 << 20  # bytes; memory does not grow with the input
# Nulls are empty and valid strings are quoted, so that PostgreSQL's CSV format tells them apart.
# Arrow's default of 1,024 rows at a time takes a quarter more processor time.
_CSV = pacsv.WriteOptions(include_header=False, quoting_style="needed", batch_size=8192)

Block = bytes | memoryview


@dataclass(frozen=True)
class Chunk:
    """Rows for PostgreSQL as CSV, and where in the object they come from."""

    data: Block
    line: int = 0  # the line of the first row; 0 when the format has no lines
    lines: Sequence[int] | None = None  # the line of each row, if they do not follow one another
    raw: bytes = b""  # the piece of the object
    rows: int = 0  # of a format without lines

    @property
    def scanned(self) -> int:
        """The lines of the object that the rows come from, those included that were rejected; else the rows."""
        if self.raw:
            return self.raw.count(b"\n") + (not self.raw.endswith(b"\n"))
        return self.rows or len(self.lines or ())


class Record(NamedTuple):
    """A row as texts, or why it is none."""

    line: int
    raw: str
    fields: Sequence[str | None] | BadValueError


@dataclass(frozen=True)
class Source:
    """An object to load, and what it is loaded into."""

    system: Any  # pyarrow's file system
    item: S3Object
    statement: CopyStatement
    columns: list[Column]
    rejects: Rejects
    paths: list[list[str | int]] = field(default_factory=list)  # of a jsonpaths file

    @cached_property
    def rules(self) -> list[Rule]:
        """Each column's rule."""
        return [Rule(c, self.statement) for c in self.columns]

    def open_stream(self) -> Any:
        """The object's content, decompressed as it is read."""
        return open_stream(self.system, self.item, self.statement.compression)

    def load(self, records: Iterable[Record], raw: bytes = b"") -> Chunk:
        """The records one by one. Those that do not fit are rejected. Raises GatewayError when they are too many."""
        out: list[bytes] = []
        lines: list[int] = []
        for record in records:
            try:
                out.append(self._row(record))
                lines.append(record.line)
            except BadValueError as error:
                self.rejects.add(Reject(self.item.uri, record.line, record.raw[:RAW], error))
        return Chunk(b"".join(out), lines[0] if lines else 0, lines, raw)

    def _row(self, record: Record) -> bytes:
        if isinstance(record.fields, BadValueError):
            raise record.fields
        fields = self._filled(record.fields)
        row = ",".join([_quoted(r(v)) for r, v in zip(self.rules, fields, strict=True)]) + "\n"
        if "\0" in row:  # JSON may write it
            raise BadValueError(1220, "The NUL character is not supported")
        return encoded(row)

    def _filled(self, fields: Sequence[str | None]) -> Sequence[str | None]:
        """As many fields as there are columns. Raises BadValueError when there are not, FILLRECORD aside.

        A line of delimited text may end with a delimiter.
        https://docs.aws.amazon.com/redshift/latest/dg/t_preparing-input-data.html
        """
        missing = len(self.columns) - len(fields)
        if missing == -1 and self.statement.format is Format.TEXT and fields[-1] == "":
            return fields[:-1]
        if missing < 0:
            raise BadValueError(1202, "Extra column(s) found")
        if missing and not self.statement.has("fillrecord"):
            raise BadValueError(1214, "Delimiter not found")
        return [*fields, *[_missing(c) for c in self.columns[len(fields) :]]] if missing else fields


def _missing(column: Column) -> str | None:
    """What FILLRECORD puts into a column at a record's end: an empty text into a VARCHAR, NULL into others."""
    return "" if column.is_text and column.type != "bpchar" else None


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def written(batch: Any) -> Block:
    """An Arrow batch or table as CSV, written by Arrow."""
    sink = pa.BufferOutputStream()
    pacsv.write_csv(batch, sink, _CSV)
    return memoryview(sink.getvalue())
