"""A private Prometheus scrapes, evaluates and alerts; every process ends with its block."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from living_answers.engines import EngineMissing, settings
from living_answers.local_server import Reply, serve
from living_answers.monitoring import NotInTime, alertmanager, prometheus, pushgateway, query, value, wait_for


def test_waiting_ends() -> None:
    answers = iter([0, 0, 7])
    assert wait_for(lambda: next(answers), 5) == 7
    with pytest.raises(NotInTime):
        wait_for(lambda: None, 0.01)


@pytest.fixture
def engine() -> None:
    try:
        settings("prometheus")
    except EngineMissing as missing:
        pytest.skip(str(missing))


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
