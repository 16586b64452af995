"""Where answers and questions stand follows from the judgements alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from living_answers.answers import standing
from living_answers.answers.declaration import Declaration, read
from living_answers.catalogue import load
from living_answers.ledger.judgements import Judged

ANSWER = read(Path(__file__).parents[4] / "dags/etl/idempotent_load.py")
ANSWERS = {ANSWER.dag_id: ANSWER}
WAYS: tuple[str, ...] = tuple(ANSWER.breaks)
QUESTION = ANSWER.questions[0]


def judged(way: str | None, *, green: bool = True, code: str = ANSWER.digest, minute: int = 0) -> Judged:
    at = dt.datetime(2026, 1, 1, 0, minute, tzinfo=dt.UTC)
    return Judged(ANSWER.dag_id, f"run-{way}-{minute}", way, green, () if green else ("the proof fails: x",), code, at)


EVERY_WAY = [judged(way) for way in WAYS]


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([], "never run"),
        ([judged(None)], "proven"),
        ([*EVERY_WAY, judged(None, minute=1)], "proven"),
        ([judged(None), judged(WAYS[0], minute=1)], "broken on purpose"),
        ([judged(None, green=False)], "failing"),
        ([judged(None, minute=1), judged(WAYS[0], green=False)], "failing"),
        ([judged(None, code="another file")], "stale"),
        ([judged(None, green=False, code="another file")], "stale"),
        ([judged("a way that was given up", green=False), judged(None)], "proven"),
        ([judged(WAYS[0])], "stale"),
    ],
)
def test_the_status_of_an_answer(found: list[Judged], status: str) -> None:
    assert standing.of_answers(ANSWERS, found) == {ANSWER.dag_id: status}
    assert standing.of_questions(load(), ANSWERS, found)[QUESTION] == status


def test_a_question_without_an_answer_says_so() -> None:
    statuses = standing.of_questions(load(), ANSWERS, [])
    assert statuses[QUESTION] == "never run"
    assert {status for question, status in statuses.items() if question != QUESTION} == {"not answered yet"}


def test_of_two_answers_the_worse_one_counts() -> None:
    fields = {name: getattr(ANSWER, name) for name in Declaration.__dataclass_fields__}
    both = {**ANSWERS, "other": Declaration(**{**fields, "dag_id": "other"})}
    assert standing.of_questions(load(), both, [judged(None)])[QUESTION] == "never run"


def test_coverage_counts_what_is_proven_and_what_was_broken_on_purpose() -> None:
    before = standing.coverage(load(), ANSWERS, [])
    half = standing.coverage(load(), ANSWERS, [judged(None)])
    whole = standing.coverage(load(), ANSWERS, [judged(None), *EVERY_WAY])
    stale = standing.coverage(load(), ANSWERS, [judged(None, code="another file")])
    etl = [found["areas"]["etl"] for found in (before, half, whole, stale)]
    assert [(area["proven"], area["broken_on_purpose"]) for area in etl] == [(0, 0), (1, 0), (1, 1), (0, 0)]
    assert etl[0]["questions"] == len(load().areas["etl"])
    assert whole["claims"] == {"no verdict yet": len(load().claims)}
