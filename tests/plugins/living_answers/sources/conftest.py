"""The flights API behind real sockets, in a thread of the test's own process."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from flights_api.app import create_app
from flights_api.settings import Settings
from flights_api.transport import SocketInReach
from living_answers.sources.flights import FlightsSource

TOKEN, ADMIN_TOKEN = "canary-read-flights", "canary-administer"
START_SECONDS = 60


@dataclass(frozen=True)
class Api:
    url: str
    admin: httpx.Client
    token: str = TOKEN

    def faults(self, *rules: dict[str, object], seed: int = 7) -> None:
        self.admin.put("/admin/faults", json={"seed": seed, "rules": rules}).raise_for_status()

    def struck(self) -> list[int]:
        return [rule["struck"] for rule in self.admin.get("/admin/faults").json()["rules"]]


@pytest.fixture(scope="session")
def api_in_thread() -> Iterator[Api]:
    settings = Settings(
        token=SecretStr(TOKEN), admin_token=SecretStr(ADMIN_TOKEN), rate_limit=10_000, rate_burst=10_000
    )
    config = uvicorn.Config(
        create_app(settings), port=0, http=SocketInReach, log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    url = "http://{}:{}".format(*server.servers[0].sockets[0].getsockname())
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20) as admin:
        yield Api(url, admin)
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def api(api_in_thread: Api) -> Iterator[Api]:
    yield api_in_thread
    api_in_thread.admin.delete("/admin/faults").raise_for_status()
    api_in_thread.admin.delete("/admin/corrections").raise_for_status()


@pytest.fixture
def source(api: Api) -> Iterator[FlightsSource]:
    with FlightsSource(api.url, TOKEN) as source:
        yield source
