"""Prometheus's configuration and rules are valid, tested, and name only metrics that something exports."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.prometheus import binary
from living_answers.metrics.exported import airflow_series, ledger_series, metrics_of

FOLDER = Path(__file__).parents[3] / "infra" / "prometheus"
RULE_FILES = sorted((FOLDER / "rules").glob("*.yml"))


def _rules() -> Iterator[dict[str, Any]]:
    for file in RULE_FILES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def _promtool(*arguments: str) -> str:
    program = binary("promtool")
    if program is None:
        pytest.skip("promtool is not on this machine; infra/install.sh fetches it where Debian's packages can be had")
    command = [str(program), *arguments]
    run = subprocess.run(command, check=False, cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_promtool_accepts_the_configuration() -> None:
    assert "2 rule files found" in _promtool("check", "config", "prometheus.yml")


def test_promtool_finds_nothing_to_lint() -> None:
    _promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, RULE_FILES))


def test_the_rules_do_what_their_tests_say() -> None:
    assert "SUCCESS" in _promtool("test", "rules", "tests/alerts_test.yml")


def test_every_alert_has_a_test_a_severity_and_says_what_to_do() -> None:
    tested = (FOLDER / "tests" / "alerts_test.yml").read_text()
    for rule in _rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
            assert {"summary", "action"} == set(rule["annotations"]), rule["alert"]
            assert re.search(rf"alertname: {rule['alert']}\n[^}}]*?exp_labels", tested), rule["alert"]


def test_the_rules_name_only_metrics_that_exist() -> None:
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    known = ledger_series() | airflow_series() | recorded | {"up"}
    for rule in _rules():
        assert metrics_of(rule["expr"]) <= known, rule


def test_what_it_scrapes_is_what_the_metrics_server_serves_on_the_embedded_platform(tmp_path: Path) -> None:
    """The embedded platform replaces this very text, so it must be there once."""
    assert (FOLDER / "prometheus.yml").read_text().count("metrics:29108") == 1


def test_alertmanagers_routes_lead_somewhere() -> None:
    config = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    assert config["route"]["receiver"] in {receiver["name"] for receiver in config["receivers"]}
    program = shutil.which("amtool")
    if program:
        subprocess.run([program, "check-config", str(FOLDER / "alertmanager.yml")], check=True, timeout=30)
