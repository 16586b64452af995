"""MariaDB, an engine on demand, for answers that hold it beside PostgreSQL; `answers up --with mariadb` starts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from living_answers import engines
from living_answers.answers import scratch

if TYPE_CHECKING:
    import pymysql

LOCK_SECONDS = 10
STATEMENT_SECONDS = 60


def connect(database: str | None = None) -> pymysql.Connection[Any]:
    """Open a session; no statement in it waits for ever. Nothing is committed but by ``commit()``.

    Raises:
        EngineMissing: nobody has started MariaDB.
    """
    import pymysql

    option_file = engines.settings("mariadb")["option_file"]
    bounds = f"SET innodb_lock_wait_timeout = {LOCK_SECONDS}, max_statement_time = {STATEMENT_SECONDS}"
    return pymysql.connect(read_default_file=option_file, database=database, init_command=bounds, connect_timeout=10)


@contextmanager
def scratch_database() -> Iterator[str]:
    """Make a database that only this run has, yield its name, and drop it: for one task of an answer."""
    name = scratch.name()
    with connect() as connection:
        cursor = connection.cursor()
        cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")  # what a killed attempt left
        cursor.execute(f"CREATE DATABASE `{name}`")
        try:
            yield name
        finally:
            cursor.execute(f"DROP DATABASE `{name}`")


def run(connection: pymysql.Connection[Any], sql: str, parameters: Any = None) -> Any:
    """Run a statement and return its cursor, as psycopg's ``connection.execute`` does."""
    cursor = connection.cursor()
    cursor.execute(sql, parameters)
    return cursor
