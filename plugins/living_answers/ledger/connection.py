"""The way to the ledger: the Airflow connection ``ledger``, by psycopg, one engine per process."""

import json
import os
import sys
from functools import lru_cache
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateColumn, CreateSchema, Table

from living_answers.ledger.tables import SCHEMA, metadata

CONNECTION_VARIABLE: Final = "AIRFLOW_CONN_LEDGER"
_CREATE_LOCK: Final = 7_263_541  # Any number that nothing else in this database takes as an advisory lock.


class LedgerNotConfiguredError(RuntimeError):
    """No connection named ``ledger`` is known to this process."""


def engine(*, connect_timeout: int = 10, statement_timeout: int = 30) -> Engine:
    """Return this process's engine for the ledger; both timeouts in seconds.

    Cached by process id: an Airflow task is a fork, and a connection shared with the parent would mix two talks in
    one socket. Raises LedgerNotConfiguredError when there is no connection ``ledger``.
    """
    return _engine(os.getpid(), _url(), connect_timeout, statement_timeout)


def create(ledger: Engine) -> None:
    """Create the ledger's schema, tables, and columns and indexes that came later.

    Harmless to repeat, and by two at once.
    """
    with ledger.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CREATE_LOCK})
        connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
        metadata.create_all(connection)
        for table in metadata.sorted_tables:
            _add_missing_columns(connection, table)
            for index in table.indexes:
                index.create(connection, checkfirst=True)


@lru_cache(maxsize=4)
def _engine(pid: int, url: URL, connect_timeout: int, statement_timeout: int) -> Engine:
    return create_engine(
        url,
        pool_size=2,
        pool_pre_ping=True,  # PostgreSQL may have been restarted since the last use.
        hide_parameters=True,  # Bind values are data, and errors end up in logs.
        connect_args={
            "connect_timeout": connect_timeout,
            "application_name": f"living_answers:{pid}",
            "options": f"-c statement_timeout={statement_timeout}s",
        },
    )


def _url() -> URL:
    uri = os.environ.get(CONNECTION_VARIABLE) or _uri_from_airflow()
    if not uri:
        raise LedgerNotConfiguredError(
            f"no connection to the ledger: set {CONNECTION_VARIABLE}, or start the platform with `answers up`"
        )
    if uri.lstrip().startswith("{"):
        return _url_from_json(json.loads(uri))
    return make_url(uri.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")


def _url_from_json(fields: dict[str, str]) -> URL:
    return URL.create(
        "postgresql+psycopg",
        username=fields.get("login"),
        password=fields.get("password"),
        host=fields.get("host"),
        port=int(fields.get("port") or 5432),
        database=fields.get("schema"),
    )


def _uri_from_airflow() -> str | None:
    """Ask Airflow's secrets backends, but only inside a task, where the SDK is loaded and can reach them."""
    sdk = sys.modules.get("airflow.sdk")
    if sdk is None:
        return None
    try:
        sdk.get_current_context()
    except RuntimeError:
        return None
    uri: str = sdk.Connection.get("ledger").get_uri()
    return uri


def _add_missing_columns(connection: Connection, table: Table) -> None:
    present = {column["name"] for column in inspect(connection).get_columns(table.name, schema=table.schema)}
    quote = connection.dialect.identifier_preparer.format_table
    for column in table.columns:
        if column.name not in present:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {quote(table)} ADD COLUMN IF NOT EXISTS {definition}"))
