"""The warehouse: loads that are one transaction with their record.

Everything runs over the Airflow connection ``redshift_default`` in the SQL that Redshift and PostgreSQL share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import sqlparse


@dataclass(frozen=True)
class Written:
    """How many rows a merge inserted and updated."""

    inserted: int = 0
    updated: int = 0

    @property
    def total(self) -> int:
        return self.inserted + self.updated


@dataclass(frozen=True)
class Transaction:
    """An open transaction. It commits when the ``with`` block of :func:`transaction` ends well, else it rolls back."""

    cursor: Any

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> None:
        self.cursor.execute(sql, parameters)

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        self.cursor.execute(sql, parameters)
        return [tuple(row) for row in self.cursor.fetchall()]

    def scalar(self, sql: str, parameters: tuple[Any, ...] = ()) -> Any:
        """Return the first column of the first row, or ``None`` where there is no row."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    def lock_loads(self) -> None:
        """Let one load at a time go on, until this transaction ends.

        The table exists to be locked: nothing reads it, so that neither metrics nor people wait for a load.
        """
        self.execute("LOCK ledger.load_lock")

    def claim(self, dataset: str, day: str, content_hash: str, run_id: str) -> bool:
        """Record that this content is now the partition's; return ``False`` where it already was (a replay).

        Call after :meth:`lock_loads`: of two runners, the second then finds the first one's claim.
        """
        latest = self.scalar(
            "SELECT content_hash FROM ledger.batches WHERE dataset = %s AND partition = %s "
            "ORDER BY sequence DESC LIMIT 1",
            (dataset, day),
        )
        if latest == content_hash:
            return False
        # The same content may come back after another one (a correction, taken back): then it is claimed anew.
        self.execute(
            "DELETE FROM ledger.batches WHERE dataset = %s AND partition = %s AND content_hash = %s",
            (dataset, day, content_hash),
        )
        self.execute(
            "INSERT INTO ledger.batches (sequence, dataset, partition, content_hash, run_id, claimed_at) "
            "SELECT COALESCE(MAX(sequence), 0) + 1, CAST(%s AS VARCHAR), CAST(%s AS VARCHAR), CAST(%s AS VARCHAR), "
            "CAST(%s AS VARCHAR), CURRENT_TIMESTAMP FROM ledger.batches",
            (dataset, day, content_hash, run_id),
        )
        return True

    def merge(self, file: Path, stage: str) -> Written:
        """Run a merge script, which sets the rows to write aside in the temporary table ``delta``."""
        for statement in statements(file, stage=quoted(stage)):
            self.execute(statement)
        new, all_rows = self.rows("SELECT SUM(CASE WHEN is_new THEN 1 ELSE 0 END), COUNT(*) FROM delta")[0]
        self.execute("DROP TABLE delta")
        return Written(inserted=int(new or 0), updated=int(all_rows) - int(new or 0))

    def count(self, table: str) -> int:
        """Return how many rows a table holds."""
        return int(self.scalar(f"SELECT COUNT(*) FROM {quoted(table)}"))  # noqa: S608 - the name is quoted

    def total(self, table: str, column: str) -> int:
        """Return the sum of a column, 0 where the table is empty."""
        return int(self.scalar(f"SELECT SUM({quoted(column)}) FROM {quoted(table)}") or 0)  # noqa: S608 - quoted

    def replace_if_different(self, table: str, file: Path) -> int:
        """Make the table hold what the file's SELECT gives; return the rows written, 0 where nothing differs.

        EXCEPT does not see doubled rows, so the counts are compared too.
        """
        name, (query,) = quoted(table), statements(file)
        self.execute(f"CREATE TEMP TABLE wanted AS {query}")
        differs = self.scalar(
            f"SELECT COUNT(*) FROM ((SELECT * FROM wanted EXCEPT SELECT * FROM {name}) "  # noqa: S608 - the name is quoted
            f"UNION ALL (SELECT * FROM {name} EXCEPT SELECT * FROM wanted)) AS difference"
        )
        rows = self.count("wanted")
        if not differs and rows == self.count(table):
            rows = 0
        else:
            self.execute(f"DELETE FROM {name}")  # noqa: S608 - the name is quoted
            self.execute(f"INSERT INTO {name} SELECT * FROM wanted")  # noqa: S608 - the name is quoted
        self.execute("DROP TABLE wanted")
        return rows

    def record_rows(self, dataset: str, day: str, content_hash: str, rows: int, written: Written) -> None:
        """Complete a claim with what it wrote."""
        self.execute(
            "UPDATE ledger.batches SET rows = %s, inserted = %s, updated = %s "
            "WHERE dataset = %s AND partition = %s AND content_hash = %s",
            (rows, written.inserted, written.updated, dataset, day, content_hash),
        )


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Open a transaction on ``redshift_default``; commit at the end of the block, or roll back upon an exception."""
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    connection = RedshiftSQLHook(redshift_conn_id="redshift_default").get_conn()
    try:
        yield Transaction(connection.cursor())
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def statements(file: Path, **names: str) -> list[str]:
    """Return the statements of a SQL file, with ``$names`` put in, which :func:`quoted` must have quoted."""
    return [
        statement for statement in sqlparse.split(Template(file.read_text()).substitute(names)) if statement.strip()
    ]


def quoted(name: str) -> str:
    """Return a table's name as quoted identifiers.

    Raises:
        ValueError: it is not one or two plain lower-case names joined by a dot.
    """
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?", name):
        raise ValueError(f"{name!r} is no table name: use lower-case letters, digits and _, with a schema if you like")
    return ".".join(f'"{part}"' for part in name.split("."))
