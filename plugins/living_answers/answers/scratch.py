"""What an answer has for itself alone: a schema in the warehouse, a prefix in the lake, and a name for anything else.

All names derive from the DAG and the run, so that two runs at once do not meet, a retry finds its own again, and a
teardown knows what to drop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from living_answers import run_context, waiting

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Engine

    from living_answers.lake import Lake

STATEMENT_TIMEOUT_MS = 120_000
#: A scan begins at the table's beginning, not where another session's scan of it happens to be: what is copied from a
#: sample keeps its order.
SETTINGS = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c synchronize_seqscans=off"


def name() -> str:
    """Return a name that only this run has: at most 63 letters, digits and underscores, as PostgreSQL likes them."""
    run = run_context.current()
    digest = hashlib.md5(run.run_id.encode(), usedforsecurity=False).hexdigest()[:10]
    return f"answer_{run.dag_id[:45]}_{digest}"


def schema() -> str:
    """Return the name of the answer's own schema in the warehouse database."""
    return name()


def prefix() -> str:
    """Return the answer's own prefix in the lake, with a slash at its end."""
    return f"scratch/{name()}/"


@contextmanager
def connect() -> Iterator[psycopg.Connection]:
    """Open a connection to PostgreSQL that finds the answer's own tables without naming the schema.

    It commits at the end of the block and rolls back upon an exception, as psycopg's own ``with`` does.
    """
    import psycopg

    from living_answers import ledger

    url = ledger.engine().url.set(drivername="postgresql").render_as_string(hide_password=False)
    options = f"-c search_path={schema()},warehouse,public {SETTINGS}"
    with psycopg.connect(url, options=options, connect_timeout=10, application_name=name()) as connection:
        yield connection


def wait_until_blocked(sessions: int) -> None:
    """Wait until so many of the run's sessions wait for a lock: each is then in the middle of what it does.

    Raises:
        living_answers.waiting.NotInTime: they are not, within a minute.
    """

    def blocked() -> bool:
        with connect() as connection:  # anew each time: pg_stat_activity stands still within a transaction
            query = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
            found = connection.execute(query, [name()]).fetchone()
        return found is not None and found[0] >= sessions

    waiting.wait_for(blocked)


def engine() -> Engine:
    """Return a SQLAlchemy engine that finds the answer's own tables without naming the schema."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    from living_answers import ledger

    options = f"-c search_path={schema()},warehouse,public {SETTINGS}"
    arguments = {"options": options, "connect_timeout": 10}
    return create_engine(ledger.engine().url, poolclass=NullPool, connect_args=arguments)


def lake() -> Lake:
    """Return the lake; the answer's own objects lie below :func:`prefix`."""
    from living_answers.lake import Lake

    return Lake.connect()


def make(kinds: Sequence[str]) -> None:
    """Make what the answer declared. Harmless to repeat.

    Raises:
        ValueError: a kind that is not known.
    """
    if unknown := set(kinds) - {"schema", "prefix"}:
        raise ValueError(f"unknown kind of scratch: {', '.join(sorted(unknown))}; known are schema and prefix")
    if "schema" in kinds:
        _execute("CREATE SCHEMA IF NOT EXISTS {}")


def drop(kinds: Sequence[str]) -> None:
    """Drop what the answer made. Harmless to repeat."""
    if "schema" in kinds:
        _execute("DROP SCHEMA IF EXISTS {} CASCADE")
    if "prefix" in kinds:
        bucket = lake()
        bucket.delete(bucket.keys(prefix()))


def _execute(statement: str) -> None:
    from psycopg import sql

    with connect() as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(schema())))
