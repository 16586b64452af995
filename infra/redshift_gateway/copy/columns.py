"""The target's columns: what a COPY loads into, and which Parquet types Redshift lets in."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

TEXT_TYPES = frozenset({"varchar", "bpchar", "text", "name"})

_SHOWN = {"int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "float4": "REAL", "float8": "DOUBLE PRECISION"}
_SHORT = {"bpchar": "char", "bool": "boolean", "jsonb": "super"}

# Resolves the name by the session's search path, so that temporary tables are found too. Columns that PostgreSQL fills
# by itself are left out when the statement gives no list, as Redshift leaves out IDENTITY columns.
LOOKUP = """
select a.attname, t.typname, a.atttypmod, (a.attidentity = 'a')::int, (a.attgenerated <> '')::int, a.attnotnull::int,
    a.attrelid
from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
where a.attrelid = pg_catalog.to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum"""


def from_rows(rows: list[list[str | None]]) -> list["Column"]:
    """The answer to LOOKUP as columns."""
    return [
        Column(
            str(name),
            str(kind),
            int(modifier or -1),
            identity == "1",
            generated == "1",
            required == "1",
            int(table or 0),
        )
        for name, kind, modifier, identity, generated, required, table in rows
    ]


@dataclass(frozen=True)
class Column:
    """A column of the target table: its PostgreSQL type's internal name, and its type modifier (-1 if none)."""

    name: str
    type: str
    modifier: int = -1
    identity: bool = False  # PostgreSQL gives the values, unless EXPLICIT_IDS says that the files do
    generated: bool = False
    required: bool = False  # NOT NULL
    table: int = 0  # the table's number in PostgreSQL

    @property
    def is_text(self) -> bool:
        """Whether an empty field is a value of this type."""
        return self.type in TEXT_TYPES

    @property
    def scale(self) -> int:
        """The digits after a numeric's point, 0 when not declared."""
        return (self.modifier - 4) & 0x7FF if self.modifier >= 4 else 0

    @property
    def precision(self) -> int:
        """The digits of a numeric, 0 when not declared."""
        return (self.modifier - 4) >> 16 if self.modifier >= 4 else 0

    @property
    def length(self) -> int:
        """The bytes that a VARCHAR or CHAR may have; 0 for no limit."""
        return self.modifier - 4 if self.type in ("varchar", "bpchar") and self.modifier >= 4 else 0

    def short_type(self) -> str:
        """The type as stl_load_errors writes it."""
        return _SHORT.get(self.type, self.type)[:10]

    def shown_length(self) -> str:
        """The length as stl_load_errors writes it."""
        if self.type == "numeric" and self.modifier >= 4:
            return f"{self.precision}, {self.scale}"
        return str(self.length or "")

    def shown_type(self) -> str:
        """The type as Redshift's messages write it."""
        if self.type == "numeric" and self.modifier >= 4:
            return f"DECIMAL({self.precision},{self.scale})"
        return _SHOWN.get(self.type, self.type.upper())


def accepts(column: Column, data: Any) -> bool:
    """Whether Redshift loads a Parquet column of Arrow type `data` into `column`.

    Redshift converts nothing: an int32 does not go into a BIGINT, nor a float into a DECIMAL. Types that Redshift lacks
    (uuid, json, arrays) take text.
    """
    if pt.is_dictionary(data):
        data = data.value_type
    check = _ACCEPTED.get(column.type)
    if column.type == "numeric":
        return bool(pt.is_decimal(data)) and (column.modifier < 4 or data.scale == column.scale)
    return bool(check(data)) if check else _is_text(data)


_TEXT_LIKE = (
    pt.is_string, pt.is_large_string, pt.is_string_view, pt.is_binary, pt.is_large_binary, pt.is_binary_view,
)  # fmt: skip


def _is_text(data: Any) -> bool:
    return any(check(data) for check in _TEXT_LIKE)


_SMALL = (pa.int8(), pa.uint8(), pa.int16())
_ACCEPTED = {
    "int2": lambda t: t in (*_SMALL, pa.int32()),
    "int4": lambda t: t in (*_SMALL, pa.uint16(), pa.int32()),
    "int8": lambda t: t in (pa.int64(), pa.uint32(), pa.uint64()),
    "float4": pt.is_float32,
    "float8": pt.is_float64,
    "bool": pt.is_boolean,
    "date": pt.is_date,
    "time": pt.is_time,
    "timestamp": pt.is_timestamp,
    "timestamptz": pt.is_timestamp,
}
