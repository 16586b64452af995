"""Judges a run from the ledger's evidence, and keeps the judgement there."""

from __future__ import annotations

from collections.abc import Collection

from living_answers import ledger
from living_answers.answers.declaration import Declaration
from living_answers.answers.judge import Judgement, judge
from living_answers.ledger import judgements, queries

MOST_EVIDENCE = 5000


def judge_run(
    answer: Declaration, run_id: str, *, way: str | None, state: str, failed_tasks: Collection[str]
) -> Judgement:
    """Judge a run that has ended and record it; harmless to repeat.

    Raises:
        ValueError: the answer has no such way.
    """
    if way is not None and way not in answer.breaks:
        raise ValueError(f"{answer.dag_id} cannot be broken by {way!r}; its ways: {', '.join(answer.breaks)}")
    must_fail = answer.breaks[way].fails if way else ()
    with ledger.engine().connect() as connection:
        evidence = queries.evidence(connection, run_ids=[run_id], most=MOST_EVIDENCE)
    mine = [one for one in evidence if one.dag_id == answer.dag_id]
    named = answer.named_proofs if way is None and state == "success" and mine else ()
    found = judge(
        answer.dag_id, way, must_fail, state=state, failed_tasks=failed_tasks, evidence=mine, must_leave=named
    )
    judgements.record(
        dag_id=answer.dag_id, run_id=run_id, way=way, green=found.green, faults=found.faults, code=answer.digest
    )
    return found
