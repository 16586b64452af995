"""What a client may ask for is bounded, and stopping is orderly."""

import asyncio
import contextlib
import gc
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from redshift_gateway.copy.load import Load
from redshift_gateway.copy.source import Chunk
from redshift_gateway.server import gateway as gateways
from redshift_gateway.server import portals
from redshift_gateway.server.gateway import Gateway

STARTUP = struct.pack("!IIxx", 10, 80877103)


@pytest.fixture(scope="module")
def narrow(gateway_settings: Any, listening_gateway: Any, redshift: Any) -> Iterator[Any]:
    """A gateway that takes little."""
    with listening_gateway(replace(gateway_settings, max_statement_bytes=100_000, startup_seconds=0.5)) as (g, port):
        yield replace(redshift, gateway=g, port=port)


@pytest.mark.parametrize("prepare", [False, True])
def test_a_statement_that_is_too_long(narrow: Any, prepare: bool) -> None:
    with narrow.connect(autocommit=True) as client:
        assert client.execute(f"select length('{'x' * 90_000}')", prepare=prepare).fetchone() == (90_000,)
        with pytest.raises(psycopg.OperationalError, match="over the limit of 100000 bytes"):
            client.execute(f"select length('{'x' * 100_000}')", prepare=prepare)


def test_data_is_no_statement(narrow: Any) -> None:
    with narrow.connect() as client:
        big = "x" * 1_000_000
        assert client.execute("select length(%s::text), %s::text", (big, big)).fetchone() == (len(big), big)


@pytest.mark.parametrize("said", [b"", b"\0\0", STARTUP[:6], struct.pack("!II", 5000, 196608) + b"user\0"])
def test_a_client_that_does_not_say_what_it_wants(narrow: Any, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=5) as client:
        client.sendall(said)
        started = time.monotonic()
        assert client.recv(100) in (b"", b"N")
        assert time.monotonic() - started < 3


def test_a_start_up_packet_that_is_too_long(narrow: Any) -> None:
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=5) as client:
        client.sendall(struct.pack("!II", 1 << 30, 196608))
        assert b"invalid length of startup packet" in client.recv(1000)


def test_connections_that_never_become_sessions(
    gateway_settings: Any, listening_gateway: Any, redshift: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "_CONNECTING", 3)
    with listening_gateway(replace(gateway_settings, max_sessions=1)) as (gateway, port), ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5)) for _ in range(6)]
        assert [_is_closed(s) for s in silent] == [False] * 4 + [True] * 2
        assert gateway.metrics.turned_away._value.get() == 2
        for one in silent:
            one.close()
        deadline = time.monotonic() + 5
        while gateway._tasks and time.monotonic() < deadline:
            time.sleep(0.01)
        with replace(redshift, port=port).connect() as client:
            assert client.execute("select 1").fetchone() == (1,)


def _is_closed(client: socket.socket) -> bool:
    client.settimeout(0.3)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_prepared_copies_are_bounded(redshift: Any, credentials: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portals, "_MOST", 20)
    sql = f"copy pg_class from 's3://lake/x' {credentials} csv".encode()
    parse = [b"s%d\0%s\0\0\0" % (i, sql) for i in range(21)]
    with redshift.connect(autocommit=True) as client, socket.socket(fileno=_duplicate(client)) as raw:
        raw.settimeout(20)
        for body in parse:
            raw.sendall(b"P" + struct.pack("!I", len(body) + 4) + body)
        raw.sendall(b"S\0\0\0\x04")
        answer = b""
        while b"more than 20" not in answer and (piece := raw.recv(1 << 16)):
            answer += piece
    assert b"more than 20" in answer


@pytest.mark.parametrize("value", ["1", "x"])
def test_a_prepared_copy_keeps_no_rows(redshift: Any, put: Any, credentials: str, value: str) -> None:
    url = put(f"limits/{value}.csv", f"{value}\n".encode())
    with redshift.connect(autocommit=True) as client:
        client.execute("create temp table kept (n int)")
        with contextlib.suppress(psycopg.Error):
            client.execute(f"copy kept from '{url}' {credentials} csv", prepare=True)
        gc.collect()
        assert [load.places for load in gc.get_objects() if isinstance(load, Load)]
        assert not [chunk for chunk in gc.get_objects() if isinstance(chunk, Chunk)]


def _duplicate(client: psycopg.Connection) -> int:
    return os.dup(client.pgconn.socket)


def test_stopping_waits_for_a_transaction_and_tells_the_idle(gateway_settings: Any, redshift: Any) -> None:
    loop, gateway = asyncio.new_event_loop(), Gateway(gateway_settings)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(gateway.start(), loop).result(10)
    here = replace(redshift, gateway=gateway, port=port)
    with here.connect(autocommit=True) as idle, here.connect() as busy:
        idle.execute("select 1")
        busy.execute("create table if not exists stopping (a int)")
        stopping = asyncio.run_coroutine_threadsafe(gateway.stop(grace=10), loop)
        with pytest.raises(psycopg.errors.AdminShutdown):
            idle.execute("select 1")
        with pytest.raises(psycopg.OperationalError):
            here.connect()
        busy.execute("insert into stopping values (1)")
        busy.commit()
        stopping.result(5)
    with redshift.connect() as client:
        assert client.execute("select count(*) from stopping").fetchone() == (1,)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
