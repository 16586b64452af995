"""What dies, is cut or misbehaves leaves no row, no connection and no secret behind."""

import io
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg.conninfo import make_conninfo

from redshift_gateway.log import Log

ROWS = 200_000


@pytest.fixture(scope="module")
def big(put: Any) -> str:
    """A Parquet object of a few megabytes, in small row groups."""
    sink = io.BytesIO()
    table = pa.table({"a": pa.array(range(ROWS), pa.int32()), "b": [os.urandom(12).hex() for _ in range(ROWS)]})
    pq.write_table(table, sink, row_group_size=5000, compression="none")
    return str(put("big/a.parquet", sink.getvalue()))


@pytest.fixture
def slow(gateway_settings: Any, listening_gateway: Any, cut_proxy: Any, redshift: Any) -> Iterator[Any]:
    """A gateway whose S3 is behind the proxy, and the proxy."""
    s3 = replace(gateway_settings.s3, endpoint=f"http://127.0.0.1:{cut_proxy.port}")
    with listening_gateway(replace(gateway_settings, s3=s3)) as (gateway, port):
        yield replace(redshift, gateway=gateway, port=port), cut_proxy


@pytest.fixture
def target(connection: psycopg.Connection) -> Callable[[], int]:
    """An empty table t; how many rows it has."""
    connection.execute("drop table if exists t; create table t (a int, b text)")
    return lambda: int(connection.execute("select count(*) from t").fetchone()[0])


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def other_sessions(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    ).fetchone()
    return int(row[0])


def copying(connection: psycopg.Connection) -> bool:
    row = connection.execute("select count(*) from pg_stat_progress_copy where tuples_processed > 0").fetchone()
    return bool(row[0])


@pytest.mark.parametrize("budget", [3_000, 2_000_000])
def test_s3_cut_in_the_middle(slow: Any, target: Any, big: str, credentials: str, budget: int) -> None:
    gateway, proxy = slow
    proxy.budget = budget
    with gateway.connect() as client:
        with pytest.raises(psycopg.Error, match=r"S3ServiceException: reading s3://.*big"):
            client.execute(f"copy t from '{big}' {credentials} parquet")
        client.rollback()
        proxy.budget = 1 << 60
        client.execute(f"copy t from '{big}' {credentials} parquet")
        assert client.execute("select count(*) from t").fetchone() == (ROWS,)
        client.rollback()
    assert target() == 0


CLIENT = "import psycopg, sys; psycopg.connect(sys.argv[1], autocommit=True).execute(sys.argv[2])"


def test_a_client_killed_in_the_middle(slow: Any, target: Any, connection: Any, big: str, credentials: str) -> None:
    gateway, proxy = slow
    proxy.budget, proxy.hang = 3_000_000, True
    sql = f"copy t from '{big}' {credentials} parquet"
    address = make_conninfo(dbname=gateway.database, **gateway.arguments)
    client = subprocess.Popen([sys.executable, "-c", CLIENT, address, sql], stderr=subprocess.DEVNULL)
    wait_until(lambda: copying(connection))
    client.kill()
    client.wait(10)
    wait_until(lambda: other_sessions(connection) == 0, 3)
    assert target() == 0


def test_a_cancelled_load_ends_at_once(slow: Any, target: Any, connection: Any, big: str, credentials: str) -> None:
    gateway, proxy = slow
    proxy.budget, proxy.hang = 3_000_000, True
    with ThreadPoolExecutor(1) as pool, gateway.connect(autocommit=True) as client:
        load = pool.submit(client.execute, f"copy t from '{big}' {credentials} parquet")
        wait_until(lambda: copying(connection))
        client.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            load.result(3)
        assert client.execute("select 1").fetchone() == (1,)
    assert target() == 0


def test_postgresql_loses_the_session(slow: Any, target: Any, connection: Any, big: str, credentials: str) -> None:
    gateway, proxy = slow
    proxy.budget, proxy.hang = 3_000_000, True
    with ThreadPoolExecutor(1) as pool:
        sql = f"copy t from '{big}' {credentials} parquet"
        load = pool.submit(lambda: gateway.connect(autocommit=True).execute(sql))
        wait_until(lambda: copying(connection))
        connection.execute("select pg_terminate_backend(pid) from pg_stat_progress_copy")
        with pytest.raises(psycopg.OperationalError):
            load.result(5)
    wait_until(lambda: other_sessions(connection) == 0, 3)
    assert target() == 0


def test_no_postgresql_at_all(gateway_settings: Any, listening_gateway: Any, redshift: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    with listening_gateway(replace(gateway_settings, postgres_port=nobody)) as (_, port):
        with pytest.raises(psycopg.OperationalError, match="PostgreSQL cannot be reached"):
            replace(redshift, port=port).connect(connect_timeout=5)


def test_two_hundred_clients_at_once(redshift: Any, connection: Any) -> None:
    def one(number: int) -> int:
        for _ in range(60):  # the server takes a hundred connections; a client that finds none free tries again
            try:
                with redshift.connect(connect_timeout=30) as client:
                    return int(client.execute("select nvl(%s::int, 0)", (number,)).fetchone()[0])
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise AssertionError("never got a connection")

    with ThreadPoolExecutor(200) as pool:
        assert sorted(pool.map(one, range(200))) == list(range(200))
    wait_until(lambda: other_sessions(connection) == 0)


def test_more_sessions_than_allowed(gateway_settings: Any, listening_gateway: Any, redshift: Any) -> None:
    with listening_gateway(replace(gateway_settings, max_sessions=1)) as (_, port):
        limited = replace(redshift, port=port)
        with limited.connect() as first:
            with pytest.raises(psycopg.OperationalError, match="too many clients"):
                limited.connect()
            assert first.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x08\x00\x02\x00\x00", b"\xff" * 100, b"\0\0\0\x0c\0\x03\0\0user", b""],
)
def test_garbage_at_the_door(redshift: Any, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", redshift.port), timeout=5) as client:
        client.sendall(garbage)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000)[:1] in (b"E", b"")


def test_a_refused_statement_fails_its_transaction_as_any_error(redshift: Any) -> None:
    with redshift.connect() as client:
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="KMS_KEY_ID"):
            client.execute("unload ('select 1') to 's3://lake/x' kms_key_id 'k'")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            client.execute("select 1")
        client.rollback()
        assert client.execute("select 1").fetchone() == (1,)


def test_no_secret_reaches_the_logs(
    redshift: Any, put: Any, s3: Any, caplog: pytest.LogCaptureFixture, postgres: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = f"credentials 'aws_access_key_id={s3.access_key};aws_secret_access_key=CANARY-5a17'"
    with redshift.connect(autocommit=True) as client:
        for sql in (f"copy t from 's3://lake/x' {keys} parquet", f"copy t from 's3://lake/x' {keys} parquet bogus"):
            with pytest.raises(psycopg.Error) as caught:
                client.execute(sql)
            assert "CANARY" not in str(caught.value)
    log = Log(session=1)
    log.fault("fault", ValueError("CANARY-5a17"))
    assert "refused" in caplog.text
    assert "CANARY" not in caplog.text + str([r.__dict__ for r in caplog.records])
    assert redshift.password not in caplog.text + str([r.__dict__ for r in caplog.records])
