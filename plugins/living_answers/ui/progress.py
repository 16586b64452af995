"""How a run that is under way stands: its tasks, the evidence so far, and in the end the judgement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import Any

from living_answers import ledger
from living_answers.answers.declaration import Declaration
from living_answers.answers.judging import judge_run
from living_answers.ledger import judgements
from living_answers.ledger.judgements import Judged
from living_answers.ui import cards
from living_answers.ui.airflow_runs import Runs, RunState, TaskState
from living_answers.ui.evidence import Run, one_run

#: Of a task in several parts, the first of these that one of the parts has.
_WORST_FIRST = ("failed", "upstream_failed", "up_for_retry", "running", "queued", "scheduled", "success", "skipped")

_TASK_ENDED = frozenset({"success", "failed", "failed as it should", "skipped", "upstream failed"})


@dataclass(frozen=True)
class Task:
    """One task of the run; ``parts`` counts those of a mapped one."""

    task_id: str
    state: str
    parts: int
    tries: int


def stand(answer: Declaration, state: RunState) -> dict[str, Any]:
    """Return what the page shows of a run; judge it if it has ended and nobody has."""
    judged = judge_if_ended(answer, state)
    with ledger.engine().connect() as connection:
        run = one_run(connection, answer.dag_id, state.run_id)
    shown = cards.cards(answer, run) if run else ()
    tasks = _tasks(answer, state, _failed_as_it_should(shown))
    return {
        "answer": answer,
        "run": state,
        "tasks": tasks,
        "cards": shown,
        "done": judged is not None or state.ended,
        "verdict": _verdict(run, judged, state),
        "told": _told(tasks, shown),
    }


def judge_if_ended(answer: Declaration, state: RunState) -> Judged | None:
    """Return a run's judgement, and make it if the run has ended; a run of an older file is left alone."""
    with ledger.engine().connect() as connection:
        known = judgements.of_runs(connection, answer.dag_id, [state.run_id]).get(state.run_id)
    if known or not state.ended or not _ran_this_file(answer, state):
        return known
    if state.way is not None and state.way not in answer.breaks:
        return None
    judge_run(answer, state.run_id, way=state.way, state=state.state, failed_tasks=state.failed_tasks)
    with ledger.engine().connect() as connection:
        return judgements.of_runs(connection, answer.dag_id, [state.run_id]).get(state.run_id)


def judge_latest(answer: Declaration, found: list[Run], judged: dict[str, Judged], runs: Runs) -> dict[str, Judged]:
    """Judge the latest run of each way that has ended unseen: somebody triggered it in Airflow's own UI."""
    newest = {run.way: run for run in reversed(found)}.values()
    made = {}
    for run in newest:
        state = None if run.run_id in judged else runs.look(answer.dag_id, run.run_id)
        if state and (judgement := judge_if_ended(answer, state)):
            made[run.run_id] = judgement
    return {**judged, **made}


def _ran_this_file(answer: Declaration, state: RunState) -> bool:
    """A run that began before the file was last written has run another file."""
    return state.began is not None and state.began.timestamp() >= answer.file.stat().st_mtime


def _failed_as_it_should(shown: tuple[cards.Card, ...]) -> set[str]:
    """The tasks that failed at proofs which their way must break, and at no other."""
    failed = {card.task for card in shown if card.mark == "failed as it should"}
    return failed - {card.task for card in shown if card.mark == "fails"}


def _tasks(answer: Declaration, state: RunState, as_they_should: set[str]) -> list[Task]:
    """In the order in which they began; those that have not, in the order in which the file defines them."""
    parts: dict[str, list[TaskState]] = {}
    for task in state.tasks:
        parts.setdefault(task.task_id, []).append(task)

    def place(task_id: str) -> tuple[float, float]:
        began = [part.began.timestamp() for part in parts[task_id] if part.began]
        return min(began, default=inf), _place_in_code(answer, task_id)

    return [_task(task_id, parts[task_id], as_they_should) for task_id in sorted(parts, key=place)]


def _place_in_code(answer: Declaration, task_id: str) -> float:
    """The setup and the teardown stand in the library, before and behind all others."""
    if task_id in {"prepare", "clean_up"}:
        return -1.0 if task_id == "prepare" else inf
    at = answer.code.find(f"def {task_id.rsplit('.', 1)[-1]}(")
    return float(at if at >= 0 else len(answer.code))


def _task(task_id: str, parts: list[TaskState], as_they_should: set[str]) -> Task:
    states = {part.state or "waiting" for part in parts}
    worst = next((state for state in _WORST_FIRST if state in states), "waiting")
    if worst == "failed" and task_id in as_they_should:
        worst = "failed as it should"
    return Task(task_id, worst.replace("_", " "), len(parts), max(part.try_number for part in parts))


def _verdict(run: Run | None, judged: Judged | None, state: RunState) -> cards.Verdict:
    if judged is not None or (state.ended and run is not None):
        return cards.verdict(run, judged)
    if state.ended:
        return cards.Verdict("failing", f"The run ended as {state.state}", "It left no evidence.")
    if state.paused:
        return cards.Verdict("waiting", "Waiting", "The DAG is paused in Airflow: switch it on there, and it runs.")
    if all(task.began is None for task in state.tasks):
        return cards.Verdict("running", "Waiting for a worker", "Other runs have them all, or the scheduler is busy.")
    return cards.Verdict("running", "Running", "")


def _told(tasks: list[Task], shown: tuple[cards.Card, ...]) -> str:
    """One sentence for a screen reader."""
    ended = sum(task.state in _TASK_ENDED for task in tasks)
    marks = Counter(card.mark for card in shown)
    proofs = ", ".join(f"{times} {mark}" for mark, times in marks.items())
    return f"{ended} of {len(tasks)} tasks have ended." + (f" Proofs: {proofs}." if proofs else "")
