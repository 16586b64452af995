"""The API as a process of its own, as the platform runs it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from flights_api.flights import Flights, load_flights

TOKEN, ADMIN_TOKEN = "read-flights-only", "administer-faults"
START_SECONDS = 60


@dataclass(frozen=True)
class Api:
    """A running API, a client that may read, and one that may administer."""

    url: str
    pid: int
    reader: httpx.Client
    admin: httpx.Client

    def faults(self, *rules: dict[str, object], seed: int = 7) -> None:
        self.admin.put("/admin/faults", json={"seed": seed, "rules": rules}).raise_for_status()

    def struck(self) -> list[int]:
        return [rule["struck"] for rule in self.admin.get("/admin/faults").json()["rules"]]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def run_api(ready: tuple[int, str] = (200, "ok"), **settings: str) -> Iterator[Api]:
    port = free_port()
    environment = os.environ | {"FLIGHTS_API_TOKEN": TOKEN, "FLIGHTS_API_ADMIN_TOKEN": ADMIN_TOKEN} | settings
    process = subprocess.Popen(
        [sys.executable, "-m", "flights_api", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    reader, admin = (
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20, trust_env=False)
        for token in (TOKEN, ADMIN_TOKEN)
    )
    try:
        _wait_until_ready(reader, process, ready)
        yield Api(url, process.pid, reader, admin)
    finally:
        reader.close()
        admin.close()
        process.terminate()
        process.wait(10)


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], ready: tuple[int, str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the API ended with {process.returncode}"
        with contextlib.suppress(httpx.TransportError):
            health = client.get("/healthz")
            if health.status_code == ready[0] and ready[1] in health.text:
                return
        time.sleep(0.05)
    raise TimeoutError(f"the API was not ready within {START_SECONDS} s")


@pytest.fixture(scope="session")
def running_api() -> Iterator[Api]:
    # So fast that only the test of the rate limit meets a rate limit, on an API of its own.
    with run_api(FLIGHTS_API_RATE_LIMIT="10000", FLIGHTS_API_RATE_BURST="10000") as api:
        yield api


@pytest.fixture
def api(running_api: Api) -> Iterator[Api]:
    yield running_api
    running_api.admin.delete("/admin/faults").raise_for_status()
    running_api.admin.delete("/admin/corrections").raise_for_status()


@pytest.fixture(scope="session")
def start_api() -> Callable[..., contextlib.AbstractContextManager[Api]]:
    return run_api


@pytest.fixture(scope="session")
def flights() -> Flights:
    return load_flights()
