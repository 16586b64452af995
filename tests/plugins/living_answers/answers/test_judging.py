"""A judgement is kept beside its evidence, once for each run."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from living_answers.answers.declaration import read
from living_answers.answers.judging import judge_run
from living_answers.ledger import judgements

ANSWER = read(Path(__file__).parents[4] / "dags/etl/idempotent_load.py")


def test_a_run_judged_twice_has_one_judgement(fresh_ledger: Engine) -> None:
    judge_run(ANSWER, "r1", way=None, state="failed", failed_tasks=["t"])
    judge_run(ANSWER, "r1", way=None, state="success", failed_tasks=[])
    with fresh_ledger.connect() as connection:
        (latest,) = judgements.latest(connection)
        of_runs = judgements.of_runs(connection, ANSWER.dag_id, ["r1", "r2"])
    assert latest.faults == ("it left no evidence",)
    assert (latest.green, latest.code, latest.way) == (False, ANSWER.digest, None)
    assert of_runs == {"r1": latest}


def test_the_latest_judgement_of_each_way_counts(fresh_ledger: Engine) -> None:
    for run, way in (("r1", None), ("r2", "append"), ("r3", None)):
        judge_run(ANSWER, run, way=way, state="success", failed_tasks=[])
    with fresh_ledger.connect() as connection:
        assert {(one.run_id, one.way) for one in judgements.latest(connection)} == {("r3", None), ("r2", "append")}


def test_a_way_that_is_none_is_refused(fresh_ledger: Engine) -> None:
    with pytest.raises(ValueError, match=r"cannot be broken by 'x'; its ways: append, two_transactions"):
        judge_run(ANSWER, "r1", way="x", state="failed", failed_tasks=[])
