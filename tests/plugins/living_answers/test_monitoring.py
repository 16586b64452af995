"""A private Prometheus scrapes, evaluates and alerts; every process ends with its block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedded.home import Home
from embedded.on_demand import ensure
from living_answers.local_server import Reply, serve
from living_answers.monitoring import alertmanager, prometheus, pushgateway, query, value
from living_answers.waiting import wait_for

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The programs, fetched if need be, and told as the platform tells a DAG."""
    home = Home(tmp_path_factory.mktemp("platform"))
    home.create()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSWERS_CACHE", os.environ.get("ANSWERS_CACHE") or str(ROOT / ".platform" / "cache"))
        patch.setenv("LIVING_ANSWERS_ENGINES", str(home.root / "airflow" / "engines"))
        if problem := ensure(home, ["prometheus"])["prometheus"]:
            pytest.skip(problem)
        yield


@pytest.mark.usefixtures("engine")
def test_prometheus_scrapes_and_answers(tmp_path: Path) -> None:
    with serve(lambda _: Reply(body=b"rows_total 42\n", headers={"Content-Type": "text/plain"})) as exporter:
        job = {"job_name": "mine", "static_configs": [{"targets": [exporter.url[7:]]}]}
        with prometheus(tmp_path, {"global": {"scrape_interval": "200ms"}, "scrape_configs": [job]}) as url:
            assert wait_for(lambda: value(url, "rows_total")) == 42
            assert value(url, "nothing_of_the_kind") is None
            assert value(url, "scalar(rows_total)") == 42
            with pytest.raises(ValueError, match="parse error"):
                query(url, "sum(")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


@pytest.mark.usefixtures("engine")
def test_alertmanager_and_push_gateway_start_and_end(tmp_path: Path) -> None:
    with alertmanager(tmp_path, {"route": {"receiver": "r"}, "receivers": [{"name": "r"}]}) as alerts:
        assert httpx.get(f"{alerts}/api/v2/alerts").json() == []
    with pushgateway(tmp_path) as gateway:
        assert httpx.post(f"{gateway}/metrics/job/j", content=b"rows 1\n").is_success
    for url in (alerts, gateway):
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


@pytest.mark.usefixtures("engine")
def test_a_program_that_ends_at_once_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="scrape_intervall"),
        prometheus(tmp_path, {"global": {"scrape_intervall": 1}}),
    ):
        pass
