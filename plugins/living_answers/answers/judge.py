"""Judges the runs of an answer: all proofs must hold, or, when it was broken, exactly the named ones must fail."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from living_answers.ledger.queries import Evidence


@dataclass(frozen=True)
class Judgement:
    """Whether a run did what its answer promises, and what it did not; ``way`` is ``None`` if nobody broke it.

    With ``engines_missing`` there was no run, and the judgement is neither green nor red.
    """

    dag_id: str
    way: str | None
    faults: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    engines_missing: tuple[str, ...] = ()

    @property
    def green(self) -> bool:
        return not self.faults and not self.engines_missing


def judge(
    dag_id: str,
    way: str | None,
    must_fail: Collection[str],
    *,
    state: str,
    failed_tasks: Collection[str],
    evidence: Sequence[Evidence],
    must_leave: Collection[str] = (),
) -> Judgement:
    """Judge one run by its state, the tasks that failed, and the evidence it left.

    ``must_fail`` is empty for a run that nobody broke. A broken run must fail at the named proofs and nowhere else: a
    task that fails without a failed proof has crashed, and a crash proves nothing. ``must_leave`` are the proofs on
    which claims and counterexamples stand: without evidence of each, they stand on nothing.
    """
    failed = {one.proof for one in evidence if not one.holds}
    at_proofs = {one.task_id for one in evidence if not one.holds}
    faults = []
    if not evidence:
        faults.append("it left no evidence")
    if way is None and state != "success":
        faults.append(f"the run ended as {state}")
    if way is not None and state == "success":
        faults.append(f"broken by {way}, it succeeded all the same")
    faults += [
        f"no evidence of the proof: {name}" for name in sorted(set(must_leave) - {one.proof for one in evidence})
    ]
    faults += [f"the proof fails: {name}" for name in sorted(failed - set(must_fail))]
    faults += [f"the proof should fail and does not: {name}" for name in sorted(set(must_fail) - failed)]
    faults += [f"the task failed, and not at a proof: {task}" for task in sorted(set(failed_tasks) - at_proofs)]
    return Judgement(dag_id, way, tuple(faults), tuple(evidence))
