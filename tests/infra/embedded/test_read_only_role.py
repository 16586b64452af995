"""Why the page has no SQL playground (docs/decisions.md): what a role that may only read is refused, and what not."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

ROLE = """
    revoke all on database {database} from public;
    create schema sample;
    create table sample.orders as select id from generate_series(1, 100) as id;
    create schema ledger;
    create table ledger.evidence as select 1 as id;
    create role reader login password 'reads' connection limit 3;
    grant connect on database {database} to reader;
    grant usage on schema sample to reader;
    grant select on all tables in schema sample to reader;
    alter role reader set default_transaction_read_only = on;
    alter role reader set statement_timeout = '3s';
    alter role reader set temp_file_limit = '64MB';
"""
REFUSED = {
    "select * from ledger.evidence": "permission denied for schema ledger",
    "select pg_read_file('/etc/passwd')": "permission denied for function pg_read_file",
    "select * from pg_authid": "permission denied for table pg_authid",
    "select lo_import('/etc/passwd')": "permission denied for function lo_import",
    "select 1; drop table sample.orders": "cannot insert multiple commands",
    "copy (select 1) to program 'id'": "syntax error",
    "do $$ begin perform pg_sleep(9); exception when query_canceled then null; end $$": "syntax error",
    "set role postgres": "syntax error",
    "select set_config('role', 'postgres', true)": "permission denied to set role",
    "select set_config('transaction_read_only', 'off', true)": "must be set before any query",
    "with gone as (delete from sample.orders returning *) select * from gone": "data-modifying",
    "select * into sample.copy from sample.orders": "not allowed here",
    "select * from generate_series(1, 100000000) as i order by md5(i::text)": "temp_file_limit",
    "select pg_sleep(60)": "statement timeout",
}


@pytest.fixture(scope="module")
def database(postgres: Any) -> Iterator[str]:
    with postgres.database() as url:
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(ROLE.format(database=owner.info.dbname))
        yield url
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("drop owned by reader; drop role reader")


@pytest.fixture
def reader(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, user="reader", password="reads") as connection:
        yield connection


def ask(connection: psycopg.Connection, sql: str) -> str:
    """Declare a cursor by the extended protocol: the server's own grammar lets one query through, nothing else."""
    connection.execute("set transaction read only")
    for statement in (f"declare asked no scroll cursor for {sql}", "fetch 200 from asked"):
        if error := connection.pgconn.exec_params(statement.encode(), []).error_message:
            return error.decode()
    return "given"


@pytest.mark.parametrize(("sql", "error"), REFUSED.items())
def test_a_reading_role_is_refused(reader: psycopg.Connection, sql: str, error: str) -> None:
    assert error in ask(reader, sql)


def test_it_may_write_to_the_write_ahead_log_all_the_same(reader: psycopg.Connection, database: str) -> None:
    """As much as it likes: 10 MB here, by a SELECT in a read-only transaction."""
    with psycopg.connect(database, autocommit=True) as owner:
        before = owner.execute("select pg_current_wal_insert_lsn()").fetchone()
        flood = "select max(pg_logical_emit_message(false, 'x', repeat('x', 100000))) from generate_series(1, 100)"
        assert ask(reader, flood) == "given"
        written = owner.execute("select pg_current_wal_insert_lsn() - %s::pg_lsn", before).fetchone()
    assert written is not None
    assert written[0] > 10_000_000


def test_it_may_take_all_locks_of_the_server(reader: psycopg.Connection, database: str) -> None:
    """While its session lasts, others do not even get in: the lock table is one for all databases."""
    greedy = "select count(taken) from (select pg_advisory_lock(generate_series(1, 3000000)) as taken) as locks"
    assert "out of shared memory" in ask(reader, greedy)
    with pytest.raises(psycopg.OperationalError, match="out of shared memory"):
        look_in(database)
    reader.close()
    deadline = time.monotonic() + 20
    while True:
        try:
            return look_in(database)
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "its locks should end with its session"
            time.sleep(0.1)


def look_in(database: str) -> None:
    with psycopg.connect(database) as neighbour:
        neighbour.execute("select count(*) from pg_class, pg_type, pg_proc where false")
        neighbour.execute("lock table ledger.evidence")
