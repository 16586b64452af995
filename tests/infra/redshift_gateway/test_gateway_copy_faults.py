"""A load of any format that S3 cuts or refuses, or whose client dies, leaves no row and no session behind."""

import gzip
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import fastavro
import psycopg
import pyarrow as pa
import pytest
from psycopg.conninfo import make_conninfo
from pyarrow import orc

ROWS = 60_000
VALUES = [os.urandom(12).hex() for _ in range(ROWS)]
SCHEMA = {"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}]}
CLIENT = "import psycopg, sys; psycopg.connect(sys.argv[1], autocommit=True).execute(sys.argv[2])"


def text(line: str) -> bytes:
    return "".join(line % row for row in enumerate(VALUES)).encode()


def as_orc() -> bytes:
    sink = io.BytesIO()
    rows = {"a": pa.array(range(ROWS), pa.int32()), "b": VALUES}
    orc.write_table(pa.table(rows), sink, stripe_size=500_000, compression="uncompressed")
    return sink.getvalue()


def as_avro() -> bytes:
    sink = io.BytesIO()
    fastavro.writer(sink, SCHEMA, ({"a": n, "b": b} for n, b in enumerate(VALUES)))
    return sink.getvalue()


FORMATS = {
    "csv": lambda: text("%d,%s\n"),
    "csv maxerror 5": lambda: text("%d,%s\n"),
    "csv gzip": lambda: gzip.compress(text("%d,%s\n"), 1),
    "escape": lambda: text("%d|%s\n"),
    "fixedwidth 'a:7,b:24'": lambda: text("%7d%s\n"),
    "json 'auto'": lambda: text('{"a": %d, "b": "%s"}\n'),
    "avro 'auto'": as_avro,
    "orc": as_orc,
}


@pytest.fixture(scope="module")
def objects(put: Any) -> dict[str, str]:
    """An object of some megabytes in each format."""
    return {form: put(f"faults/{number}-file", make()) for number, (form, make) in enumerate(FORMATS.items())}


@pytest.fixture(scope="module")
def proxied(gateway_settings: Any, listening_gateway: Any, redshift: Any, module_proxy: Any) -> Iterator[Any]:
    """A gateway whose S3 is behind the proxy."""
    s3 = replace(gateway_settings.s3, endpoint=f"http://127.0.0.1:{module_proxy.port}")
    with listening_gateway(replace(gateway_settings, s3=s3)) as (gateway, port):
        yield replace(redshift, gateway=gateway, port=port)


@pytest.fixture
def faulty(proxied: Any, module_proxy: Any, connection: psycopg.Connection) -> Iterator[Any]:
    """That gateway and its proxy, and an empty table t."""
    connection.execute("drop table if exists t; create table t (a int, b varchar(24))")
    module_proxy.budget = module_proxy.requests = 1 << 60
    module_proxy.hang = False
    yield proxied, module_proxy
    module_proxy.budget = module_proxy.requests = 1 << 60


def count(connection: psycopg.Connection) -> Any:
    return connection.execute("select count(*) from t").fetchone()


@pytest.mark.parametrize("form", list(FORMATS))
def test_a_stream_that_is_cut(faulty: Any, connection: Any, objects: Any, credentials: str, form: str) -> None:
    gateway, proxy = faulty
    with gateway.connect(autocommit=True) as client:
        proxy.budget = 600_000
        with pytest.raises(psycopg.Error, match=r"S3ServiceException: reading s3://.*faults/|truncated"):
            client.execute(f"copy t from '{objects[form]}' {credentials} {form}")
        assert count(connection) == (0,)
        proxy.budget = 1 << 60
        client.execute(f"copy t from '{objects[form]}' {credentials} {form}")
        assert count(connection) == (ROWS,)


@pytest.mark.parametrize("form", ["csv maxerror 5", "json 'auto'", "avro 'auto'", "orc"])
def test_s3_answers_500(faulty: Any, connection: Any, objects: Any, credentials: str, form: str) -> None:
    gateway, proxy = faulty
    for allowed in (0, 2):  # at once, and when the object is read
        proxy.requests = allowed
        with gateway.connect(autocommit=True) as client:
            with pytest.raises(psycopg.Error, match="S3ServiceException") as caught:
                client.execute(f"copy t from '{objects[form]}' {credentials} {form}")
            assert caught.value.sqlstate == "58030"
            assert client.execute("select 1").fetchone() == (1,)
        assert count(connection) == (0,)


@pytest.mark.parametrize("form", ["csv maxerror 5", "avro 'auto'"])
def test_a_client_killed_in_the_middle(faulty: Any, connection: Any, objects: Any, credentials: str, form: str) -> None:
    gateway, proxy = faulty
    proxy.budget, proxy.hang = 1_400_000, True
    address = make_conninfo(dbname=gateway.database, **gateway.arguments)
    sql = f"copy t from '{objects[form]}' {credentials} {form}"
    client = subprocess.Popen([sys.executable, "-c", CLIENT, address, sql], stderr=subprocess.DEVNULL)
    wait_until(connection, "select count(*) > 0 from pg_stat_progress_copy where tuples_processed > 0")
    client.kill()
    client.wait(10)
    others = "datname = current_database() and pid <> pg_backend_pid()"
    wait_until(connection, f"select count(*) = 0 from pg_stat_activity where {others}")
    assert count(connection) == (0,)


def wait_until(connection: psycopg.Connection, sql: str) -> None:
    deadline = time.monotonic() + 10
    while connection.execute(sql).fetchone() != (True,):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
