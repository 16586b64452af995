"""Every answer proves what it says, and every counterexample fails where it says and nowhere else: on real engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from embedded.platform import Platform
from living_answers.airflow_api import AirflowApi
from living_answers.answers.declaration import read_all

pytestmark = pytest.mark.timeout(3100)
ANSWERS = read_all()
RUNS = [(dag_id, way) for dag_id, answer in ANSWERS.items() for way in (*answer.breaks, None)]


def answers(platform: Platform, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command `answers` as a person would, on this platform."""
    variables = {**os.environ, "ANSWERS_HOME": str(platform.home.root)}
    command = [sys.executable, "-c", "from living_answers.cli import app; app()", *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=seconds)


@pytest.fixture(scope="module")
def judged(platform: Platform, api: AirflowApi) -> dict[tuple[str, str | None], dict[str, Any]]:
    """What `answers verify` says of every run: the counterexamples in processes, the answers by the scheduler."""
    broken = found_by(answers(platform, "verify", "--broken", "--local", "--json", seconds=1500))
    return broken | found_by(answers(platform, "verify", "--as-it-is", "--json", seconds=1500))


def found_by(done: subprocess.CompletedProcess[str]) -> dict[tuple[str, str | None], dict[str, Any]]:
    """The judgements that the command printed as JSON, by answer and way; a local run's own words come before them."""
    begin = done.stdout.find("[\n")
    assert begin >= 0, done.stdout[-2000:] + done.stderr[-2000:]
    return {(one["dag_id"], one["way"]): one for one in json.loads(done.stdout[begin:])}


@pytest.mark.parametrize(("dag_id", "way"), RUNS, ids=[f"{dag_id}-{way or 'as-it-is'}" for dag_id, way in RUNS])
def test_a_run_does_what_it_promises(
    dag_id: str, way: str | None, judged: dict[tuple[str, str | None], dict[str, Any]]
) -> None:
    as_it_is = judged[dag_id, None]
    if as_it_is["engines_missing"]:
        pytest.skip(f"engine missing: {', '.join(as_it_is['engines_missing'])}")
    judgement = judged[dag_id, way]
    # Whoever reads a failure of yesterday's CI has nothing but this text: the figures belong into it.
    not_held = {one["proof"]: (one["observed"], one["expected"]) for one in judgement["evidence"] if not one["holds"]}
    assert judgement["faults"] == [], f"observed and expected, of the proofs that failed: {not_held}"


@pytest.mark.usefixtures("judged")
def test_coverage_comes_from_the_judgements(platform: Platform) -> None:
    covered = json.loads(answers(platform, "coverage", "--json").stdout)
    etl = covered["areas"]["etl"]
    assert etl["questions"] == etl["proven"] == etl["broken_on_purpose"] == 17
    assert covered["claims"]["wrong"] >= 1


def test_outside_the_scheduler_the_same_evidence_is_left(platform: Platform, api: AirflowApi) -> None:
    done = answers(platform, "verify", "idempotent_load", "--local", "--json", seconds=300)
    found = found_by(done).values()
    assert [(one["green"], len(one["evidence"])) for one in found if one["way"] is None] == [(True, 5)]
    assert all(one["green"] for one in found)


@pytest.mark.usefixtures("judged")  # its question has several answers, and stands where the worst of them does
def test_a_person_breaks_an_answer_in_the_terminal(platform: Platform, api: AirflowApi) -> None:
    broken = answers(platform, "run", "idempotent_load", "--break", "append")
    assert broken.returncode == 0, broken.stdout + broken.stderr
    assert "It failed where it should: the load appends its rows and records nothing." in broken.stdout
    listed = answers(platform, "list", "--area", "etl", "--status", "broken on purpose").stdout
    assert "etl-idempotent-pipelines" in listed
    shown = answers(platform, "show", "etl-idempotent-pipelines").stdout
    assert "broken by append" in shown
    assert "Break it" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "idempotent_load", "--break", "x"), "its ways: append, two_transactions"),
        (("verify", "nothing"), "no such answer: nothing"),
        (("verify", "--area", "nowhere"), "no such area: nowhere"),
        (("show", "nothing"), "no question, answer or DAG is called 'nothing'"),
        (("list", "--status", "good"), "no status 'good'"),
    ],
)
def test_what_is_not_there_is_named(arguments: tuple[str, ...], told: str, platform: Platform, api: AirflowApi) -> None:
    done = answers(platform, *arguments)
    assert done.returncode != 0
    assert told in " ".join((done.stdout + done.stderr).replace("│", " ").split())
