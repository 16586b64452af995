"""Two runners, a database that restarts, a worker that dies, a correction that comes late: the same rows, once."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support import days, source
from support.pipeline import Pipeline, wait_until
from support.processes import busy_workers
from support.warehouse import Warehouse, changed_tables

from embedded.platform import Platform
from living_answers.demo.faults import FaultControl
from living_answers.failpoints import arm, armed

pytestmark = pytest.mark.timeout(600)


def expect_the_file(warehouse: Warehouse, *expected: str) -> None:
    """Each of these days is loaded just as the source's file has it."""
    for day in expected:
        assert warehouse.flights(day) == Counter(source.rows_of(day).values()), day


@pytest.fixture(scope="module")
def loaded_by_two(pipeline: Pipeline, failpoints: Path) -> str:
    """A day that two runs of the ingest, and at least two of the load, worked on at the same time."""
    day = days.TWICE_AT_ONCE
    # The first to claim the batch waits with the rows not merged, so that the other one is at the lock meanwhile.
    arm(failpoints, "load.after_claim", day, "sleep 8")
    follower = pipeline.follow([day])
    ingests = [pipeline.api.trigger("flights_ingest", partition_key=day) for _ in range(2)]
    wait_until(lambda: pipeline.runs_of("flights_load", day), 300, "no load has begun", pause=0.1)
    pipeline.api.trigger("flights_load", partition_key=day)
    pipeline.arrive(follower, 300)
    for run_id in ingests:
        pipeline.succeed("flights_ingest", run_id)
    for run in pipeline.runs_of("flights_load", day):
        pipeline.succeed("flights_load", run["dag_run_id"])
    return day


def test_two_runners_load_once(loaded_by_two: str, pipeline: Pipeline, warehouse: Warehouse) -> None:
    loads = pipeline.runs_of("flights_load", loaded_by_two)
    assert any(overlap(first, second) for first in loads for second in loads if first is not second)
    assert warehouse.inserted(loaded_by_two) == [len(source.rows_of(loaded_by_two))]
    expect_the_file(warehouse, loaded_by_two)
    assert warehouse.wrong_dimensions() == []


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["start_date"] <= other["start_date"] < one["end_date"])


def test_postgresql_restarts_in_the_middle_of_a_load(
    platform: Platform, pipeline: Pipeline, warehouse: Warehouse, failpoints: Path
) -> None:
    day = days.DATABASE_RESTARTED
    arm(failpoints, "load.after_merge", day, "sleep 6")
    follower = pipeline.follow([day])
    pipeline.api.trigger("flights_ingest", partition_key=day)
    wait_until(lambda: not armed(failpoints), 300, "the load has not come to its merge", pause=0.1)
    postgres = platform.postgres()
    postgres.stop()
    postgres.start()
    assert warehouse.ids(day) == [], "what was not committed is gone"
    pipeline.arrive(follower, 400)
    load = pipeline.runs_of("flights_load", day)[0]["dag_run_id"]
    assert pipeline.task("flights_load", load, "merge")["try_number"] >= 2
    expect_the_file(warehouse, day)


def test_a_late_correction_changes_its_row_alone(
    loaded_by_two: str, pipeline: Pipeline, warehouse: Warehouse, levers: FaultControl
) -> None:
    day = loaded_by_two
    flight_id, *_ = next(row for row in source.rows_of(day).values() if row[12] is not None)
    delay = "SELECT SUM(flights), SUM(mean_arr_delay * flights) FROM marts.delay_by_carrier_month"
    before, tuples, marts = _places(warehouse), warehouse.tuples(), warehouse.rows(delay)
    levers.correct(flight_id, arr_delay=999)
    pipeline.run([day])
    after = _places(warehouse)
    assert {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} == {flight_id}
    assert changed_tables(tuples, warehouse.tuples()) == ["marts.delay_by_carrier_month", "warehouse.fact_flight"]
    assert warehouse.rows("SELECT arr_delay FROM warehouse.fact_flight WHERE flight_id = %s", flight_id) == [(999,)]
    (flights, minutes), (flights_before, minutes_before) = warehouse.rows(delay)[0], marts[0]
    assert flights == flights_before
    assert minutes > minutes_before


def _places(warehouse: Warehouse) -> dict[str, tuple[str, str]]:
    """Where each flight's tuple lies and which transaction wrote it."""
    rows = warehouse.rows("SELECT flight_id, ctid::text, xmin::text FROM warehouse.fact_flight")
    return {flight_id: (place, writer) for flight_id, place, writer in rows}


def test_a_worker_dies_and_its_task_lives_on(
    platform: Platform, pipeline: Pipeline, warehouse: Warehouse, failpoints: Path
) -> None:
    day = days.WORKER_KILLED
    # The orphan holds the load's lock, then commits, while the retry waits for it.
    arm(failpoints, "load.before_commit", day, "sleep 20")
    follower = pipeline.follow([day])
    pipeline.api.trigger("flights_ingest", partition_key=day)
    wait_until(lambda: not armed(failpoints), 300, "the load has not come to its commit", pause=0.1)
    # The tasks beside it end; the one that sleeps is left, below its worker.
    worker = wait_until(lambda: _only(busy_workers(platform.home)), 20, "not one worker is busy")
    worker.kill()
    killed = time.monotonic()
    load = pipeline.runs_of("flights_load", day)[0]["dag_run_id"]
    wait_until(lambda: pipeline.task("flights_load", load, "merge")["try_number"] >= 2, 120, "no retry", pause=0.2)
    print(f"the dead worker was noticed after {time.monotonic() - killed:.1f} s")
    pipeline.arrive(follower, 300)
    expect_the_file(warehouse, day)
    assert warehouse.inserted(day) == [len(source.rows_of(day))]


def _only(found: list[Any]) -> Any:
    return found[0] if len(found) == 1 else None
