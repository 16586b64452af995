"""A kill -9 at every failpoint: the warehouse then holds what a run without faults gives, row for row."""

import dataclasses
import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support import crash_matrix, days, source
from support.crash_matrix import Crash
from support.pipeline import Pipeline, wait_until
from support.warehouse import Warehouse

from living_answers.airflow_api import MAIN_JOB
from living_answers.demo.faults import FaultControl, malformed_page
from living_answers.failpoints import REGISTRY, arm, armed

pytestmark = pytest.mark.timeout(1500)
#: Struck only while a snapshot of the reference data is new, and while a dead letter waits: these need a preparation.
REFERENCE, REPLAY = "ingest.reference_stored", "replay.after_pull"


def spread() -> dict[str, str]:
    """Give each failpoint a day: the first of each DAG has the first day, the second the next, the replay its own.

    So no DAG is killed twice on a day, and six days do instead of eighteen, of 20 seconds of CPU time each.
    """
    first, days_of_dag = dt.date.fromisoformat(days.FIRST_CRASH), Counter[str]()
    numbers = {}
    for failpoint in REGISTRY:
        dag = failpoint.partition(".")[0]
        numbers[failpoint] = days_of_dag[dag]
        days_of_dag[dag] += 1
    numbers[REPLAY] = max(numbers.values()) + 1
    return {failpoint: str(first + dt.timedelta(days=number)) for failpoint, number in numbers.items()}


DAYS = spread()
AIRPORTS = "raw/airports/snapshot.jsonl"


@pytest.fixture(scope="module")
def crashes(
    pipeline: Pipeline, warehouse: Warehouse, levers: FaultControl, failpoints: Path, s3: Any
) -> dict[str, Crash]:
    """Kill at every failpoint, all days in flight together, and wait until every day is through."""
    for failpoint, day in DAYS.items():
        if failpoint != REPLAY:
            arm(failpoints, failpoint, day)
    follower = pipeline.follow(set(DAYS.values()))
    _renew_reference_data(pipeline, s3)
    levers.set([malformed_page(DAYS[REPLAY], 2)])
    for day in sorted(set(DAYS.values()) - {DAYS[REFERENCE]}):
        pipeline.api.trigger("flights_ingest", partition_key=day)
    pipeline.arrive(follower, 1200)
    levers.clear()
    _replay_and_kill(pipeline, warehouse, failpoints)
    assert armed(failpoints) == [], "these failpoints were not reached"
    return {failpoint: _crash(failpoint, day, pipeline, warehouse) for failpoint, day in DAYS.items()}


def _renew_reference_data(pipeline: Pipeline, s3: Any) -> None:
    """Take a snapshot away and let one day alone fetch it: what is not new meets no failpoint."""
    s3.delete_object(Bucket="lake", Key=AIRPORTS)
    run_id = pipeline.api.trigger("flights_ingest", partition_key=DAYS[REFERENCE])
    pipeline.succeed("flights_ingest", run_id)


def _replay_and_kill(pipeline: Pipeline, warehouse: Warehouse, failpoints: Path) -> None:
    day = DAYS[REPLAY]
    assert warehouse.letters(day) == [("page", day, "page-00002")]
    follower = pipeline.follow([day], MAIN_JOB[1:])
    arm(failpoints, REPLAY, day)
    pipeline.replay(day)
    pipeline.arrive(follower, 200)


def _crash(failpoint: str, day: str, pipeline: Pipeline, warehouse: Warehouse) -> Crash:
    killed, tries = _killed_task(failpoint, day, pipeline)
    expected, found = Counter(source.rows_of(day).values()), warehouse.flights(day)
    wrong = (expected - found) + (found - expected)
    return Crash(failpoint, REGISTRY[failpoint], day, killed, tries, expected.total(), found.total(), wrong.total())


def _killed_task(failpoint: str, day: str, pipeline: Pipeline) -> tuple[str, int]:
    """The task one of whose tries ended by SIGKILL, and how many tries it took."""
    dag_id = f"flights_{failpoint.partition('.')[0]}"
    runs = pipeline.api.runs(dag_id, limit=1) if failpoint == REPLAY else pipeline.runs_of(dag_id, day)
    for task in pipeline.api.tasks(dag_id, runs[0]["dag_run_id"]):
        for attempt in range(1, task["try_number"]):
            if "SIGKILL" in pipeline.log(task, attempt):
                return f"{dag_id}.{task['task_id']}", task["try_number"]
    raise AssertionError(f"{failpoint}: no task of {dag_id} was killed on {day}")


@pytest.mark.parametrize("failpoint", REGISTRY)
def test_the_day_is_what_a_run_without_faults_gives(failpoint: str, crashes: dict[str, Crash]) -> None:
    crash = crashes[failpoint]
    assert crash.tries >= 2
    assert crash.expected > 0
    assert (crash.found, crash.wrong) == (crash.expected, 0)


def test_nothing_is_doubled_left_or_lost_beside_the_flights(crashes: dict[str, Crash], warehouse: Warehouse) -> None:
    assert warehouse.wrong_dimensions() == []
    assert warehouse.letters(*DAYS.values()) == []
    wait_until(lambda: not warehouse.left_in_staging(), 60, f"staging tables are left: {warehouse.left_in_staging()}")


def test_each_batch_was_loaded_once(crashes: dict[str, Crash], warehouse: Warehouse) -> None:
    inserted = {day: sum(warehouse.inserted(day)) for day in DAYS.values()}
    assert inserted == {crash.day: crash.expected for crash in crashes.values()}


def test_the_documentation_shows_the_matrix(crashes: dict[str, Crash], request: pytest.FixtureRequest) -> None:
    # A busy machine may cost one more try; the page shows the quiet case.
    page = crash_matrix.page(dataclasses.replace(crash, tries=2) for crash in crashes.values())
    print(crash_matrix.table(crashes.values()))
    if request.config.getoption("--write-crash-matrix", default=False):
        crash_matrix.PAGE.write_text(page)
    assert crash_matrix.PAGE.read_text() == page, (
        "write it anew: pytest tests/e2e/test_crash_matrix.py --write-crash-matrix"
    )
