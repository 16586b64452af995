"""A socket cut in the middle of a COPY: a clear error, no row, and the same COPY again loads all rows, once."""

import io
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.fault_proxy import FaultProxy, Toxics
from support.pipeline import wait_until
from support.warehouse import Warehouse

from embedded.applications import Gateway
from embedded.home import Home
from embedded.platform import Platform
from embedded.ports import unused

ROWS = 200_000
KEY = "test/cut-sockets.parquet"


@dataclass(frozen=True)
class Way:
    """From the client through a proxy to a gateway, and through another proxy to PostgreSQL."""

    client_side: FaultProxy
    server_side: FaultProxy
    statement: str
    url: str

    def copy(self) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as client:
            client.execute(self.statement)


@pytest.fixture(scope="module")
def way(platform: Platform, variables: dict[str, str], s3: Any) -> Iterator[Way]:
    sink = io.BytesIO()
    texts = [os.urandom(12).hex() for _ in range(ROWS)]
    pq.write_table(pa.table({"number": pa.array(range(ROWS), pa.int32()), "text": texts}), sink, row_group_size=5_000)
    s3.put_object(Bucket="lake", Key=KEY, Body=sink.getvalue())
    with FaultProxy(platform.ports.postgres) as server_side, tempfile.TemporaryDirectory(prefix="la-e2e-") as folder:
        home = Home(Path(folder))
        home.create()
        upstream = replace(platform.postgres(), port=server_side.port)
        gateway = replace(platform.gateway(), home=home, port=unused(), metrics_port=unused(), postgres=upstream)
        gateway.start()
        try:
            with FaultProxy(gateway.port) as client_side:
                yield Way(client_side, server_side, _copy_statement(variables), _url(gateway, client_side.port))
        finally:
            gateway.stop()


def _copy_statement(variables: dict[str, str]) -> str:
    keys = f"{variables['AWS_ACCESS_KEY_ID']};aws_secret_access_key={variables['AWS_SECRET_ACCESS_KEY']}"
    return f"COPY cut_sockets FROM 's3://lake/{KEY}' CREDENTIALS 'aws_access_key_id={keys}' FORMAT AS PARQUET"


def _url(gateway: Gateway, port: int) -> str:
    return gateway.url().replace(f":{gateway.port}/", f":{port}/")


@pytest.fixture
def table(warehouse: Warehouse, way: Way) -> Iterator[None]:
    with warehouse.connect() as connection:
        connection.execute("CREATE TABLE cut_sockets (number INTEGER, text VARCHAR(40))")
    yield
    way.client_side.toxics = way.server_side.toxics = Toxics()
    with warehouse.connect() as connection:
        connection.execute("DROP TABLE cut_sockets")


def loaded(warehouse: Warehouse) -> tuple[int, int]:
    """Rows and distinct rows."""
    return warehouse.rows("SELECT COUNT(*), COUNT(DISTINCT number) FROM cut_sockets")[0]


def copying(warehouse: Warehouse) -> int:
    return int(warehouse.rows("SELECT COUNT(*) FROM pg_stat_progress_copy WHERE relid = 'cut_sockets'::regclass")[0][0])


def expect_all_or_nothing(way: Way, warehouse: Warehouse) -> None:
    """The cut COPY is over and has left no row; once nothing is cut, the same COPY loads all rows, once."""
    wait_until(lambda: not copying(warehouse), 30, "the COPY goes on")
    assert loaded(warehouse) == (0, 0)
    way.server_side.toxics = way.client_side.toxics = Toxics()
    way.copy()
    assert loaded(warehouse) == (ROWS, ROWS)


@pytest.mark.parametrize(
    "toxics", [Toxics(limit_data=1_000_000), Toxics(limit_data=1_000_000, latency=0.01)], ids=["fast", "slow"]
)
def test_cut_between_the_gateway_and_postgresql(table: None, way: Way, warehouse: Warehouse, toxics: Toxics) -> None:
    way.server_side.toxics = toxics
    cuts = way.server_side.cuts
    with pytest.raises(psycopg.OperationalError, match=r"(?i)connection"):
        way.copy()
    assert way.server_side.cuts == cuts + 1
    expect_all_or_nothing(way, warehouse)


def test_reset_between_the_gateway_and_postgresql(table: None, way: Way, warehouse: Warehouse) -> None:
    way.server_side.toxics = Toxics(latency=0.05)
    with ThreadPoolExecutor(1) as pool:
        copy = pool.submit(way.copy)
        wait_until(lambda: copying(warehouse), 30, "the COPY has not begun", pause=0.05)
        way.server_side.toxics = Toxics(reset_peer=True)
        with pytest.raises(psycopg.OperationalError, match=r"(?i)connection"):
            copy.result(30)
    expect_all_or_nothing(way, warehouse)


def test_reset_between_the_client_and_the_gateway(table: None, way: Way, warehouse: Warehouse) -> None:
    way.server_side.toxics = Toxics(latency=0.05)  # So slow that the client goes while the rows are on their way.
    with ThreadPoolExecutor(1) as pool:
        copy = pool.submit(way.copy)
        wait_until(lambda: copying(warehouse), 30, "the COPY has not begun", pause=0.05)
        way.client_side.down()
        with pytest.raises(psycopg.OperationalError):
            copy.result(30)
    way.client_side.up()
    expect_all_or_nothing(way, warehouse)


def test_postgresql_out_of_reach_is_said_at_once(table: None, way: Way, warehouse: Warehouse) -> None:
    way.server_side.down()
    try:
        with pytest.raises(psycopg.OperationalError):
            way.copy()
    finally:
        way.server_side.up()
    way.copy()
    assert loaded(warehouse) == (ROWS, ROWS)
