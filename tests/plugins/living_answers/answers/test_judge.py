"""A run is green only if it did just what its answer promises."""

from __future__ import annotations

import datetime as dt

import pytest

from living_answers.answers.judge import judge
from living_answers.ledger.queries import Evidence

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def proof(name: str, holds: bool, task: str = "t") -> Evidence:
    return Evidence(
        dag_id="d",
        run_id="r",
        task_id=task,
        partition=None,
        proof=name,
        how="equal",
        expected=1,
        observed=1 if holds else 2,
        unit=None,
        holds=holds,
        difference=None,
        break_it=None,
        recorded_at=NOW,
    )


A_HOLDS, A_FAILS, B_FAILS = proof("a", True), proof("a", False), proof("b", False, task="u")


@pytest.mark.parametrize(
    ("way", "must_fail", "state", "failed_tasks", "evidence", "fault"),
    [
        (None, (), "success", (), (A_HOLDS,), None),
        (None, (), "success", (), (), "it left no evidence"),
        (None, (), "failed", ("t",), (A_FAILS,), "the proof fails: a"),
        (None, (), "failed", ("crash",), (A_HOLDS,), "the task failed, and not at a proof: crash"),
        ("w", ("a",), "failed", ("t",), (A_FAILS,), None),
        ("w", ("a",), "success", (), (A_HOLDS,), "broken by w, it succeeded all the same"),
        ("w", ("a",), "failed", ("t",), (A_HOLDS,), "the proof should fail and does not: a"),
        ("w", ("a",), "failed", ("t", "u"), (A_FAILS, B_FAILS), "the proof fails: b"),
        ("w", ("a",), "failed", ("t", "crash"), (A_FAILS,), "the task failed, and not at a proof: crash"),
    ],
)
def test_green_means_the_promise_and_nothing_else(
    way: str | None,
    must_fail: tuple[str, ...],
    state: str,
    failed_tasks: tuple[str, ...],
    evidence: tuple[Evidence, ...],
    fault: str | None,
) -> None:
    judgement = judge("d", way, must_fail, state=state, failed_tasks=failed_tasks, evidence=evidence)
    assert judgement.green == (fault is None)
    if fault:
        assert fault in judgement.faults


def test_a_proof_on_which_something_stands_must_leave_evidence() -> None:
    judgement = judge("d", None, (), state="success", failed_tasks=(), evidence=(A_HOLDS,), must_leave=("a", "b"))
    assert judgement.faults == ("no evidence of the proof: b",)
