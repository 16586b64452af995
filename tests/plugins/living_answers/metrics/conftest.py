"""The metrics server as it runs on the platform: a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass(frozen=True)
class MetricsServer:
    url: str
    pid: int

    def text(self) -> str:
        with urlopen(f"{self.url}/metrics", timeout=20) as response:
            body: bytes = response.read()
        return body.decode()

    def samples(self) -> Samples:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
        }

    def value(self, name: str, /, **labels: str) -> float | None:
        return self.samples().get((name, tuple(sorted(labels.items()))))


@contextmanager
def _serving(**env: str) -> Iterator[MetricsServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "living_answers.metrics", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **env})
    try:
        server = MetricsServer(f"http://127.0.0.1:{port}", process.pid)
        wait_until(lambda: _healthy(server.url))
        yield server
    finally:
        process.terminate()
        assert process.wait(10) == 0


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def _healthy(url: str) -> bool:
    try:
        with urlopen(f"{url}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, ConnectionError):
        return False


@pytest.fixture
def metrics_server(fresh_ledger: Engine) -> Iterator[MetricsServer]:
    with _serving() as server:
        yield server


@pytest.fixture(scope="module")
def metrics_server_without_ledger() -> Iterator[MetricsServer]:
    with _serving(AIRFLOW_CONN_LEDGER="postgresql://nobody:canary-99@127.0.0.1:1/none") as server:
        yield server
