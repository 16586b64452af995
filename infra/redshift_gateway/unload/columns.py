"""What a query gives: its columns, their types in Parquet, and how the manifest names them."""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pyarrow as pa

from redshift_gateway import wire
from redshift_gateway.errors import GatewayError, not_supported
from redshift_gateway.statements.unload import UnloadStatement


class Oid(IntEnum):
    """PostgreSQL's numbers of the types that are not treated as plain text."""

    BOOL, BYTEA, INT8, INT2, INT4, JSON = 16, 17, 20, 21, 23, 114
    FLOAT4, FLOAT8, BPCHAR, VARCHAR, DATE = 700, 701, 1042, 1043, 1082
    TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, NUMERIC, JSONB = 25, 1083, 1114, 1184, 1700, 3802


NUMBERS = frozenset({Oid.INT2, Oid.INT4, Oid.INT8, Oid.FLOAT4, Oid.FLOAT8, Oid.NUMERIC})
SUPER = frozenset({Oid.JSON, Oid.JSONB})
_PARTITION_KEYS = NUMBERS - {Oid.FLOAT8} | {Oid.BOOL, Oid.BPCHAR, Oid.VARCHAR, Oid.TEXT, Oid.DATE, Oid.TIMESTAMP}
_TYPES: dict[int, tuple[Any, str]] = {
    Oid.BOOL: (pa.bool_(), "boolean"), Oid.INT2: (pa.int16(), "smallint"), Oid.INT4: (pa.int32(), "integer"),
    Oid.INT8: (pa.int64(), "bigint"), Oid.FLOAT4: (pa.float32(), "real"),
    Oid.FLOAT8: (pa.float64(), "double precision"),
    Oid.DATE: (pa.date32(), "date"), Oid.TIME: (pa.time64("us"), "time without time zone"),
    Oid.TIMESTAMP: (pa.timestamp("us"), "timestamp without time zone"),
    Oid.TIMESTAMPTZ: (pa.timestamp("us"), "timestamp with time zone"), Oid.JSON: (pa.string(), "super"),
    Oid.JSONB: (pa.string(), "super"), Oid.BYTEA: (pa.string(), "binary varying"),
}  # fmt: skip
_LONGEST = 65535  # of a VARCHAR, in bytes
FREE_SCALE = 18  # of a NUMERIC that declares none, such as a sum's
_DIGITS = 38


@dataclass(frozen=True)
class OutputColumn:
    """A column of the query's result: PostgreSQL's type by number, and its type modifier (-1 if none)."""

    name: str
    oid: int
    modifier: int

    @property
    def precision(self) -> tuple[int, int]:
        """A numeric's digits, and those after the point."""
        if self.modifier < 4:
            return _DIGITS, FREE_SCALE
        return (self.modifier - 4) >> 16, (self.modifier - 4) & 0x7FF

    def arrow_type(self) -> Any:
        """The type in a Parquet file."""
        return pa.decimal128(*self.precision) if self.oid == Oid.NUMERIC else _TYPES.get(self.oid, (pa.string(), ""))[0]

    def manifest_type(self) -> dict[str, Any]:
        """The type as MANIFEST VERBOSE tells it."""
        if self.oid == Oid.NUMERIC:
            precision, scale = self.precision
            return {"base": "numeric", "precision": precision, "scale": scale}
        if self.oid in _TYPES:
            return {"base": _TYPES[self.oid][1]}
        length = self.modifier - 4 if self.modifier >= 4 and self.oid in (Oid.BPCHAR, Oid.VARCHAR) else _LONGEST
        return {"base": "character" if self.oid == Oid.BPCHAR else "character varying", "max_length": length}


def from_description(frame: bytes) -> list[OutputColumn]:
    """The columns that a RowDescription message tells."""
    (count,) = struct.unpack_from("!H", frame, 5)
    columns, position = [], 7
    for _ in range(count):
        name, position = wire.cut_text(frame, position)
        oid, _size, modifier = struct.unpack_from("!IhI", frame, position + 6)
        columns.append(OutputColumn(name, oid, modifier - (1 << 32) if modifier >> 31 else modifier))
        position += 18
    return columns


def check(statement: UnloadStatement, columns: list[OutputColumn]) -> None:
    """Raises GatewayError for columns that the statement's options do not take."""
    names = [c.name for c in columns]
    form = statement.format.value
    if form in ("json", "parquet") and len(set(names)) < len(names):
        raise GatewayError(f"UNLOAD to {form.upper()} needs the query's column names to be unique", sqlstate="42701")
    for column in columns:
        if column.oid == Oid.BYTEA and form in ("json", "parquet"):
            raise not_supported(f"UNLOAD of VARBYTE column '{column.name}' to {form.upper()}")
        if column.oid == Oid.NUMERIC and form == "parquet" and column.precision[0] > _DIGITS:
            raise not_supported(f"UNLOAD of column '{column.name}', a NUMERIC of more than {_DIGITS} digits,")
    _check_partitions(statement, columns)


def _check_partitions(statement: UnloadStatement, columns: list[OutputColumn]) -> None:
    known = {c.name: c for c in columns}
    for name in statement.partition_by:
        if name not in known:
            raise GatewayError(f"PARTITION BY column '{name}' is not in the query's result", sqlstate="42703")
        if known[name].oid not in _PARTITION_KEYS:
            raise not_supported(f"PARTITION BY of column '{name}', because of its type,")
    if set(known) <= set(statement.partition_by) and statement.partition_by and not statement.include:
        raise GatewayError("UNLOAD needs a column that is not in PARTITION BY", sqlstate="42601")
