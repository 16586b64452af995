"""Three days with every fault on: what is loaded and what waits are together exactly the flights of the file."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from support import api_pages, days, source
from support.pipeline import Pipeline, wait_until
from support.source import Row
from support.warehouse import Warehouse, changed_tables

from living_answers.airflow_api import MAIN_JOB, AirflowApi, AirflowApiError
from living_answers.demo.faults import EVERY_FAULT, FaultControl, malformed_page

pytestmark = pytest.mark.timeout(900)
DAYS, ASKED = days.FAULTY, days.ASKED_OF_A_PERSON
DEAD_DAY, DEAD_PAGE = DAYS[1], 3
LATE = {"kind": "late_corrections", "rate": 1.0, "dates": list(DAYS)}
#: Faults of the rows are there however often one asks.
STAYING: list[dict[str, Any]] = [
    *({"kind": kind, "rate": 0.5} for kind in ("duplicate_row", "bad_row", "renamed", "retyped", "added")),
    LATE,
]
#: Faults of the transport strike a page once.
ONCE = [
    *("http_500", "http_503", "rate_limited", "drop", "cut", "truncated", "repeated_page", "skipped_page"),
    *("unordered", "hang"),
]


def plan() -> list[dict[str, Any]]:
    """Every fault that the demo has, the faults of the transport on pages of their own, so that each strikes.

    The day that a person is asked about has one fault only: a page that is broken for good.
    """
    assert {fault["kind"] for fault in EVERY_FAULT} - set(ONCE) == {fault["kind"] for fault in STAYING}
    once = [
        {"kind": kind, "dates": [DAYS[number % 3]], "pages": [2 + number // 3 % 3], "rate": 1.0, "seconds": 12}
        for number, kind in enumerate(ONCE)
    ]
    staying = [{**fault, "dates": list(DAYS)} for fault in STAYING]
    return [*once, *staying, malformed_page(DEAD_DAY, DEAD_PAGE), malformed_page(ASKED, 2)]


@dataclass(frozen=True)
class Source:
    """What the source would serve without faults, but for its late corrections."""

    rows: dict[str, dict[str, Row]]
    on_dead_page: set[str]


@dataclass(frozen=True)
class Asked:
    """Where a run waits for a person."""

    run_id: str
    path: str


@pytest.fixture(scope="module")
def truth(variables: dict[str, str], levers: FaultControl) -> Source:
    """The file's rows, with the corrections that the API serves; the same seed serves them again in the run."""
    levers.set([LATE])
    pages = {day: api_pages.pages(variables, day) for day in DAYS}
    levers.clear()
    rows = {day: source.rows_of(day) | _corrected(day, pages[day]) for day in DAYS}
    return Source(rows, {row["flight_id"] for row in pages[DEAD_DAY][DEAD_PAGE - 1]})


def _corrected(day: str, pages: list[list[dict[str, Any]]]) -> dict[str, Row]:
    """The rows published after the year's end, which are corrections, with what they changed."""
    late = [row for page in pages for row in page if row["updated_at"] >= "2014-01-02"]
    assert late, "every day has a late correction"
    return {
        row["flight_id"]: source.changed(
            source.rows_of(day)[row["flight_id"]], arr_delay=row["arr_delay"], arr_time=row["arr_time"]
        )
        for row in late
    }


@pytest.fixture(scope="module")
def faulty(truth: Source, pipeline: Pipeline, levers: FaultControl) -> Iterator[dict[str, int]]:
    """The first pass over the days with every fault on; gives how often each fault struck."""
    levers.set(plan())
    pipeline.run([*DAYS, ASKED])
    yield levers.struck()
    levers.clear()


@pytest.fixture(scope="module")
def mended(faulty: dict[str, int], pipeline: Pipeline, levers: FaultControl) -> str:
    """The source is mended for all but the day that a person is asked about, and the letters are replayed."""
    levers.set([LATE, malformed_page(ASKED, 2)])
    follower = pipeline.follow([*DAYS, ASKED], MAIN_JOB[1:])
    run_id = pipeline.replay(None)
    pipeline.arrive(follower, 300)
    return run_id


def test_the_faults_struck(faulty: dict[str, int]) -> None:
    # The API does not count late corrections; that they came is seen in the rows.
    assert {kind for kind, times in faulty.items() if times == 0} <= {"late_corrections"}


def test_every_flight_is_loaded_or_waits(faulty: dict[str, int], truth: Source, warehouse: Warehouse) -> None:
    for day in DAYS:
        loaded = warehouse.ids(day)
        waiting = {key for kind, _, key in warehouse.letters(day) if kind == "row"}
        dead = truth.on_dead_page if day == DEAD_DAY else set()
        print(f"{day}: {len(loaded)} loaded, {len(waiting)} rows wait, {len(dead)} on a dead page")
        assert len(set(loaded)) == len(loaded)
        assert waiting, "some rows of each day are broken"
        assert waiting.isdisjoint(loaded)
        assert set(loaded) | waiting | dead == set(source.rows_of(day))


def test_what_is_loaded_is_what_the_file_says(faulty: dict[str, int], truth: Source, warehouse: Warehouse) -> None:
    for day in DAYS:
        loaded = warehouse.flights(day)
        assert loaded == Counter(truth.rows[day][row[0]] for row in loaded)


def test_the_unreadable_page_is_a_dead_letter(faulty: dict[str, int], warehouse: Warehouse) -> None:
    pages = [letter for letter in warehouse.letters(*DAYS, ASKED) if letter[0] == "page"]
    assert pages == [("page", DEAD_DAY, f"page-{DEAD_PAGE:05d}"), ("page", ASKED, "page-00002")]


def test_a_second_pass_writes_no_tuple(faulty: dict[str, int], pipeline: Pipeline, warehouse: Warehouse) -> None:
    before = warehouse.tuples()
    pipeline.run(DAYS)
    assert changed_tables(before, warehouse.tuples()) == []


def test_after_the_replay_the_warehouse_is_the_file(mended: str, truth: Source, warehouse: Warehouse) -> None:
    assert warehouse.letters(*DAYS) == []
    for day in DAYS:
        assert warehouse.flights(day) == Counter(truth.rows[day].values())
    assert warehouse.wrong_dimensions() == []


def test_what_is_still_bad_stays_in_the_queue(mended: str, warehouse: Warehouse) -> None:
    assert warehouse.letters(ASKED) == [("page", ASKED, "page-00002")]


def test_a_dead_letter_replayed_twice_writes_no_tuple(mended: str, pipeline: Pipeline, warehouse: Warehouse) -> None:
    before = warehouse.tuples()
    with warehouse.connect() as connection:
        reopen = "UPDATE ledger.dead_letters SET state = 'open', resolved_at = NULL WHERE partition = %s"
        assert connection.execute(reopen, (DEAD_DAY,)).rowcount > 1
    follower = pipeline.follow([DEAD_DAY], MAIN_JOB[1:])
    pipeline.replay(DEAD_DAY)
    pipeline.arrive(follower, 200)
    assert changed_tables(before, warehouse.tuples()) == []
    assert warehouse.letters(DEAD_DAY) == []


def test_with_nothing_in_the_queue_a_replay_does_nothing(mended: str, pipeline: Pipeline) -> None:
    run_id = pipeline.replay(DAYS[0])
    assert pipeline.task("flights_replay", run_id, "pull_again")["state"] == "skipped"


@pytest.fixture(scope="module")
def asked(mended: str, pipeline: Pipeline, levers: FaultControl) -> Asked:
    """A replay that waits for a person's word, with the source mended meanwhile."""
    levers.set([LATE])
    run_id = pipeline.api.trigger("flights_replay", conf={"partition": ASKED})
    wait_until(
        lambda: pipeline.task("flights_replay", run_id, "ask_a_person")["state"] == "awaiting_input",
        120,
        "nobody is asked",
    )
    path = f"/api/v2/dags/flights_replay/dagRuns/{run_id}/taskInstances/ask_a_person/-1/hitlDetails"
    return Asked(run_id, path.replace("+", "%2B"))


def test_a_viewer_cannot_approve(asked: Asked, viewer: AirflowApi) -> None:
    with pytest.raises(AirflowApiError, match="403"):
        viewer._request("PATCH", asked.path, json={"chosen_options": ["Approve"], "params_input": {}})


def test_a_person_approves(asked: Asked, pipeline: Pipeline, warehouse: Warehouse) -> None:
    follower = pipeline.follow([ASKED], MAIN_JOB[1:])
    _answer(pipeline.api, asked)
    pipeline.succeed("flights_replay", asked.run_id)
    pipeline.arrive(follower, 200)
    assert warehouse.letters(ASKED) == []
    assert warehouse.flights(ASKED) == Counter(source.rows_of(ASKED).values())


def _answer(api: AirflowApi, asked: Asked) -> None:
    time.sleep(5)  # An answer before the scheduler has seen that the task waits fails the task (Airflow 3.3.2).
    api._request("PATCH", asked.path, json={"chosen_options": ["Approve"], "params_input": {}})
