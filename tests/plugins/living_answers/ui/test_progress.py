"""A run that is under way: its tasks, its evidence, and in the end the judgement."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from living_answers.ui.airflow_runs import RunState, TaskState

LATER = datetime.now(UTC) + timedelta(days=1)


def state(of: str, *tasks: tuple[str, str | None], way: str | None = None, began: datetime = LATER) -> RunState:
    found = tuple(TaskState(name, -1, how, 1, began if how else None) for name, how in tasks)
    return RunState("run", of, way, paused=False, began=began, tasks=found)


def judged(answers: Any) -> list[tuple[str | None, bool]]:
    with answers.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT way, green FROM ledger.judgements"))]


@pytest.fixture
def load(answers: Any) -> Any:
    answers.write("load")
    return answers


def test_tasks_are_shown_as_they_go(page: TestClient, load: Any, runs: Any) -> None:
    runs.states["run"] = state("running", ("clean_up", None), ("write_once", "running"), ("prepare", "success"))
    html = page.get("/answer/load/run/run").text
    assert 'data-done="false"' in html
    assert html.index("prepare") < html.index("write_once") < html.index("clean_up")
    assert "1 of 3 tasks have ended." in html
    assert judged(load) == []


def test_a_run_that_waits_says_so(page: TestClient, load: Any, runs: Any) -> None:
    runs.states["run"] = state("running", ("write_once", None))
    assert "Waiting for a worker" in page.get("/answer/load/run/run").text


def test_evidence_appears_while_the_run_goes_on(page: TestClient, load: Any, runs: Any) -> None:
    runs.states["run"] = state("running", ("write_once", "running"))
    load.prove("load")
    html = page.get("/answer/load/run/run").text
    assert "one row is written" in html
    assert "Proofs: 1 holds." in html


def test_the_end_is_judged_and_recorded_once(page: TestClient, load: Any, runs: Any) -> None:
    runs.states["run"] = state("success", ("write_once", "success"))
    load.prove("load")
    for _ in range(2):
        html = page.get("/answer/load/run/run").text
        assert 'data-done="true"' in html
        assert "It did what it promises" in html
    assert judged(load) == [(None, True)]


def test_a_counterexample_that_fails_at_its_proof_has_succeeded(page: TestClient, load: Any, runs: Any) -> None:
    runs.states["run"] = state("failed", ("write_once", "failed"), way="twice")
    load.prove("load", way="twice")
    html = page.get("/answer/load/run/run").text
    assert "It failed where it should" in html
    assert "verdict broken" in html
    assert "task failed-as-it-should" in html
    assert judged(load) == [("twice", True)]


def test_a_crash_is_no_counterexample(page: TestClient, load: Any, runs: Any) -> None:
    runs.states["run"] = state("failed", ("write_once", "failed"), way="twice")
    html = page.get("/answer/load/run/run").text
    assert "It did not fail as it should" in html
    assert "it left no evidence" in html
    assert judged(load) == [("twice", False)]
    assert "it left no evidence" in page.get("/answer/load").text


def test_a_run_of_an_older_file_is_not_judged(page: TestClient, load: Any, runs: Any) -> None:
    runs.states["run"] = state("success", ("write_once", "success"), began=datetime(2020, 1, 1, tzinfo=UTC))
    load.prove("load")
    page.get("/answer/load/run/run")
    assert judged(load) == []


def test_a_run_from_airflows_own_ui_is_judged_when_the_page_sees_it(page: TestClient, load: Any, runs: Any) -> None:
    runs.states["run"] = state("success", ("write_once", "success"))
    load.prove("load")
    html = page.get("/answer/load").text
    assert "It did what it promises" in html
    assert judged(load) == [(None, True)]


def test_a_way_that_is_no_more_is_left_alone(page: TestClient, load: Any, runs: Any) -> None:
    runs.states["run"] = state("failed", ("write_once", "failed"), way="gone")
    load.prove("load", way="gone")
    assert page.get("/answer/load/run/run").status_code == 200
    assert judged(load) == []
