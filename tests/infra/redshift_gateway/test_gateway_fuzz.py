"""Hostile input: no crash, no hang, no connection left, memory bounded.

GATEWAY_FUZZ_SECONDS=600 runs it for ten minutes with new examples; without it, some seconds of always the same.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from wire_fuzz import conversation, greeting, sql

from redshift_gateway.errors import GatewayError
from redshift_gateway.translation.translate import may_differ, translate
from redshift_gateway.wire import decode

SECONDS = float(os.environ.get("GATEWAY_FUZZ_SECONDS", "0"))
MEMORY = 200 << 20  # bytes that the gateway may grow by
ANSWER = 10.0  # seconds within which a conversation must end
FUZZ = settings(
    deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    print_blob=True, max_examples=100, derandomize=not SECONDS,
)  # fmt: skip


@dataclass
class Target:
    """A gateway in a process of its own, and what a test may ask about it."""

    running: Any
    process: psutil.Process
    log: Path
    watcher: psycopg.Connection
    examples: int = 0
    memory: int = 0

    def check(self) -> None:
        """The gateway is alive and answers, has not failed inside, and has not grown."""
        self.examples += 1
        assert self.watcher.execute("select 1").fetchone() == (1,)
        assert b"session_failed" not in self.log.read_bytes()[-4000:]
        self.memory = max(self.memory, self.process.memory_info().rss)

    def speak(self, client: socket.socket, pieces: list[bytes]) -> None:
        """Says all, then no more; the gateway must close the connection."""
        client.settimeout(ANSWER)
        try:
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            while client.recv(1 << 16):
                pass
        except TimeoutError:
            raise
        except OSError:  # the gateway has closed the connection
            pass


@pytest.fixture(scope="module")
def target(redshift: Any, s3: Any, postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    log = tmp_path_factory.mktemp("fuzz") / "log"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "redshift_gateway", "--port", str(port), "--s3-endpoint", s3.endpoint]
    with log.open("wb") as output:
        command += ["--postgres", f"postgresql://{postgres.host}:{postgres.port}"]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + 30
        while b"listening" not in log.read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        here = replace(redshift, port=port)
        with here.connect(autocommit=True) as watcher:
            yield Target(here, psutil.Process(process.pid), log, watcher)
        process.terminate()
        assert process.wait(20) == 0


def run(target: Target, example: Any) -> None:
    """Runs a Hypothesis test until the time is up, then looks for what is left over."""
    before = sessions(target)
    size = target.process.memory_info().rss
    until = time.monotonic() + SECONDS / 2
    target.examples = target.memory = 0
    example()
    while time.monotonic() < until:
        example()
    deadline = time.monotonic() + ANSWER
    while sessions(target) > before:
        assert time.monotonic() < deadline, "connections are left"
        time.sleep(0.05)
    print(f"{target.examples} examples; memory at most {target.memory / 2**20:.0f} MiB, {size / 2**20:.0f} before")
    assert target.memory - size < MEMORY


def sessions(target: Target) -> int:
    row = target.watcher.execute("select count(*) from pg_stat_activity where backend_type = 'client backend'")
    return int(row.fetchone()[0])  # type: ignore[index]


@pytest.mark.timeout(SECONDS + 180)
def test_first_bytes(target: Target) -> None:
    @FUZZ
    @given(greeting())
    def example(pieces: list[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", target.running.port), timeout=ANSWER) as client:
            target.speak(client, pieces)
        target.check()

    run(target, example)


@pytest.mark.timeout(SECONDS + 180)
def test_conversations(target: Target) -> None:
    @FUZZ
    @given(conversation())
    def example(pieces: list[bytes]) -> None:
        connection = target.running.connect(autocommit=True)
        client = socket.socket(fileno=os.dup(connection.pgconn.socket))
        try:
            target.speak(client, pieces)
        finally:
            client.close()
            connection.close()
        target.check()

    run(target, example)


@settings(deadline=None, max_examples=300)
@given(sql)
def test_any_statement_is_translated_or_refused(statement: bytes) -> None:
    may_differ(statement)
    with contextlib.suppress(GatewayError):
        translate(decode(statement))
