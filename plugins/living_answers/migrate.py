"""Makes the ledger's and the warehouse's tables: ``python -m living_answers.migrate``.

The ledger is made straight in PostgreSQL, over the connection ``ledger``. The warehouse's SQL files run in the order of
their names over ``redshift_default``, each in one transaction: what they make is what Redshift would make. Every file
must be harmless to repeat.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlparse
from sqlalchemy import Engine, text

from living_answers import ledger
from living_answers.ledger import describe_error

CONNECTION_VARIABLE: Final = "AIRFLOW_CONN_REDSHIFT_DEFAULT"
SQL_FOLDER: Final = Path(__file__).parents[2] / "infra" / "sql" / "warehouse"
_MIGRATION_LOCK: Final = 7_263_542  # Beside the one of ledger.create.
_TIMEOUT_SECONDS: Final = 30


class MigrationError(RuntimeError):
    """A step of the migration failed; the message names the file and the statement."""


def main() -> int:
    """Migrate and say what was done; returns the process's exit code."""
    started = time.perf_counter()
    try:
        files = migrate()
    except Exception as error:  # noqa: BLE001  the last line of defence: a message and a code, no traceback
        sys.stderr.write(f"migration failed: {describe_error(error)}\n")
        return 1
    sys.stdout.write(f"ledger and {files} warehouse files are in place ({time.perf_counter() - started:.1f} s)\n")
    return 0


def migrate(folder: Path = SQL_FOLDER) -> int:
    """Create the ledger, then run the folder's SQL files; returns how many.

    Two at once wait for each other. Raises MigrationError when a statement fails or the connection is not set.
    """
    engine = ledger.engine()
    ledger.create(engine)
    files = sorted(folder.glob("*.sql"))
    if files:
        with _alone(engine), _warehouse() as connection:
            for file in files:
                _run(connection, file)
    return len(files)


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """CREATE ... IF NOT EXISTS fails in PostgreSQL when two do it at once, so only one migration runs at a time."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        yield


@contextmanager
def _warehouse() -> Iterator[Any]:
    import redshift_connector

    connection = redshift_connector.connect(**_arguments(os.environ.get(CONNECTION_VARIABLE, "")))
    try:
        yield connection
    finally:
        connection.close()


def _arguments(connection: str) -> dict[str, Any]:
    """Translate Airflow's JSON form of a connection into the driver's arguments, as Airflow's own hook does."""
    if not connection.lstrip().startswith("{"):
        raise MigrationError(f"{CONNECTION_VARIABLE} is not set to a connection in JSON form")
    fields = json.loads(connection)
    extra = fields.get("extra") or {}
    return {
        "host": fields["host"],
        "port": int(fields["port"]),
        "database": fields["schema"],
        "user": fields["login"],
        "password": fields["password"],
        "timeout": _TIMEOUT_SECONDS,
        **(json.loads(extra) if isinstance(extra, str) else extra),
    }


def _run(connection: Any, file: Path) -> None:
    cursor = connection.cursor()
    for number, statement in enumerate(filter(str.strip, sqlparse.split(file.read_text())), start=1):
        try:
            cursor.execute(statement)
        except Exception as error:
            connection.rollback()
            raise MigrationError(f"{file.name}, statement {number}: {describe_error(error)}") from error
    connection.commit()


if __name__ == "__main__":
    sys.exit(main())
