"""The dashboard drawn without Grafana, from a Prometheus that answers as the real one does."""

import importlib.util
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer

FILE = Path(__file__).parents[3] / "infra" / "grafana" / "picture.py"


@pytest.fixture(scope="module")
def picture() -> Any:
    spec = importlib.util.spec_from_file_location("picture", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def prometheus(httpserver: HTTPServer) -> httpx.Client:
    result = [{"metric": {"__name__": "x", "step": "load.<merge>"}, "values": [[100, "1"], [105, "2.5"]]}]
    httpserver.expect_request("/api/v1/query_range").respond_with_json({"data": {"result": result}})
    return httpx.Client(base_url=httpserver.url_for(""))


@pytest.mark.parametrize("kind", ["stat", "table", "bargauge", "timeseries"])
def test_every_kind_of_panel_shows_the_last_figure_or_the_highest(
    kind: str, picture: Any, prometheus: httpx.Client
) -> None:
    place = {"x": 0, "y": 1, "w": 12, "h": 8}
    panel = {"type": kind, "title": "A & B", "gridPos": place, "targets": [{"expr": "x[$__rate_interval]"}]}
    drawn = picture.draw(panel, prometheus, seconds=600)
    assert "2.50" in drawn
    assert "A &amp; B" in drawn
    assert "<merge>" not in drawn


def test_a_panel_without_data_says_so(picture: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/query_range").respond_with_json({"data": {"result": []}})
    panel = {"type": "stat", "gridPos": {"x": 0, "y": 1, "w": 1, "h": 1}, "targets": [{"expr": "x"}]}
    with httpx.Client(base_url=httpserver.url_for("")) as client:
        assert "no data" in picture.draw(panel, client, seconds=600)
