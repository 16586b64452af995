"""The committed dashboard is what its code makes, and asks only for metrics that exist."""

import importlib.util
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from embedded.prometheus import binary
from living_answers.metrics.exported import airflow_series, ledger_series, metrics_of

INFRA = Path(__file__).parents[3] / "infra"
BOARD = INFRA / "grafana" / "dashboards" / "living_answers.json"


def _code() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboard", INFRA / "grafana" / "dashboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _panels() -> Iterator[dict[str, Any]]:
    for panel in json.loads(BOARD.read_text())["panels"]:
        yield from (panel, *panel.get("panels", []))


def _expressions() -> list[str]:
    return [target["expr"] for panel in _panels() for target in panel.get("targets", [])]


def _recorded() -> set[str]:
    groups = yaml.safe_load((INFRA / "prometheus" / "rules" / "recording.yml").read_text())["groups"]
    return {rule["record"] for group in groups for rule in group["rules"]}


def test_the_committed_json_is_up_to_date() -> None:
    assert BOARD.read_text() == _code().render(), "run: python infra/grafana/dashboard.py"


def test_it_asks_only_for_metrics_that_exist() -> None:
    known = ledger_series() | airflow_series() | _recorded()
    assert len(_expressions()) > 15
    for expression in _expressions():
        assert metrics_of(expression), expression
        assert metrics_of(expression) <= known, expression


def test_every_query_is_valid_promql(tmp_path: Path) -> None:
    program = binary("promtool")
    if program is None:
        pytest.skip("promtool is not on this machine; infra/install.sh fetches it where Debian's packages can be had")
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(_expressions())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    check = subprocess.run(
        [str(program), "check", "rules", str(file)], check=False, capture_output=True, text=True, timeout=30
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_panels_have_titles_and_fit_the_width() -> None:
    panels = [panel for panel in _panels() if panel["type"] != "row"]
    assert all(panel["title"] for panel in panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_grafana_finds_the_data_source_and_the_folder() -> None:
    provisioning = INFRA / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    used = {p["datasource"]["uid"] for p in _panels() if "datasource" in p}
    assert used == {source["uid"]}
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "living_answers.yml").read_text())["providers"]
    compose = (INFRA.parent / "docker-compose.yml").read_text()
    assert f"./infra/grafana/dashboards:{provider['options']['path']}:ro" in compose
