"""What the warehouse holds, read straight from PostgreSQL."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from support.source import COLUMNS, Row, keys_of

#: Key columns by table, and where the source's own keys stand.
DIMENSIONS = {
    "dim_carrier": ("carrier", "airlines.csv"),
    "dim_airport": ("faa", "airports.csv"),
    "dim_plane": ("tailnum", "planes.csv"),
}


class Warehouse:
    """Read access to the warehouse database, past the gateway; each question has a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.url, connect_timeout=10) as connection:
            yield connection

    def rows(self, query: str, *parameters: Any) -> list[Row]:
        with self.connect() as connection:
            return connection.execute(query, parameters).fetchall()

    def flights(self, day: str) -> Counter[Row]:
        """The day's loaded flights as a multiset of rows: a doubled row counts twice."""
        columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        query = sql.SQL("SELECT {} FROM warehouse.fact_flight WHERE flight_date = %s").format(columns)
        with self.connect() as connection:
            return Counter(connection.execute(query, (day,)).fetchall())

    def ids(self, day: str) -> list[str]:
        found = self.rows("SELECT flight_id FROM warehouse.fact_flight WHERE flight_date = %s ORDER BY 1", day)
        return [flight_id for (flight_id,) in found]

    def letters(self, *days: str) -> list[tuple[str, str, str]]:
        """Kind, day and key of the open dead letters of these days."""
        query = (
            "SELECT kind, partition, key FROM ledger.dead_letters "
            "WHERE state IN ('open', 'replaying') AND partition = ANY(%s) ORDER BY 1, 2, 3"
        )
        return self.rows(query, list(days))

    def tuples(self) -> dict[str, Counter[tuple[str, str]]]:
        """Place and writer of every tuple by table: a tuple written again, even with equal values, has others."""
        with self.connect() as connection:
            tables = connection.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('warehouse', 'marts') ORDER BY 1, 2"
            ).fetchall()
            query = sql.SQL("SELECT ctid::text, xmin::text FROM {}")
            return {
                ".".join(table): Counter(connection.execute(query.format(sql.Identifier(*table))).fetchall())
                for table in tables
            }

    def left_in_staging(self) -> list[str]:
        """The staging tables that runs made and did not drop."""
        found = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'staging' AND tablename LIKE '%%\\_%%'")
        return sorted(table for (table,) in found)

    def inserted(self, day: str) -> list[int]:
        """How many flights each claimed batch of the day inserted."""
        query = "SELECT inserted FROM ledger.batches WHERE dataset = 'flights' AND partition = %s ORDER BY sequence"
        return [int(count) for (count,) in self.rows(query, day)]

    def wrong_dimensions(self) -> list[str]:
        """The dimensions that do not hold each key of the source's file once (planes: one current version)."""
        wrong = []
        for table, (key, file) in DIMENSIONS.items():
            current = " WHERE is_current" if table == "dim_plane" else ""
            keys = Counter(value for (value,) in self.rows(f"SELECT {key} FROM warehouse.{table}{current}"))
            if keys != Counter(keys_of(file, key)):
                wrong.append(table)
        dates = self.rows("SELECT date_day FROM warehouse.dim_date")
        loaded = self.rows("SELECT DISTINCT flight_date FROM warehouse.fact_flight")
        return wrong + (["dim_date"] if sorted(dates) != sorted(loaded) else [])


def changed_tables(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The tables in which a tuple was written or removed."""
    assert before.keys() == after.keys()
    return [table for table in after if before[table] != after[table]]
