"""Where every answer and every question stands, from the last judgements. Pure functions: computed, never typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, get_args

from living_answers.answers.declaration import ClaimVerdict, Declaration
from living_answers.catalogue import Catalogue
from living_answers.ledger.judgements import Judged

Status = Literal["proven", "failing", "broken on purpose", "stale", "never run", "not answered yet"]
STATUSES: tuple[Status, ...] = get_args(Status)
#: Of a question with several answers, the first of these that one of them has.
_WORST_FIRST: tuple[Status, ...] = ("failing", "never run", "stale", "broken on purpose", "proven")


def of_answers(answers: Mapping[str, Declaration], judged: Iterable[Judged]) -> dict[str, Status]:
    """Return the status of each answer by its DAG id.

    - failing: the latest run as it is, or the latest of one of its counterexamples, did not do what was promised.
    - stale: the file has changed since it was judged.
    - broken on purpose: all is as promised, and the latest run of all was a counterexample.
    - proven: all is as promised, and the latest run was one that nobody broke.
    """
    by_answer: dict[str, list[Judged]] = {}
    for one in judged:
        by_answer.setdefault(one.dag_id, []).append(one)
    return {dag_id: _status(answer, by_answer.get(dag_id, [])) for dag_id, answer in answers.items()}


def of_questions(
    catalogue: Catalogue, answers: Mapping[str, Declaration], judged: Iterable[Judged]
) -> dict[str, Status]:
    """Return the status of each question: that of its answers, the worst of them if there are several."""
    statuses = of_answers(answers, judged)
    found: dict[str, Status] = dict.fromkeys(catalogue.questions, "not answered yet")
    for dag_id, answer in answers.items():
        for question in answer.questions:
            both = {found[question], statuses[dag_id]}
            found[question] = next(status for status in _WORST_FIRST if status in both)
    return found


def answers_of(question: str, answers: Mapping[str, Declaration]) -> list[Declaration]:
    """Return the answers that settle a question."""
    return [answer for answer in answers.values() if question in answer.questions]


def verdicts(answers: Mapping[str, Declaration]) -> dict[str, tuple[Declaration, ClaimVerdict]]:
    """Return for each claim that has a verdict the answer that gives it, and the verdict."""
    return {claim: (answer, told) for answer in answers.values() for claim, told in answer.claims.items()}


def coverage(
    catalogue: Catalogue, answers: Mapping[str, Declaration], judged: Collection[Judged]
) -> dict[str, dict[str, Any]]:
    """Return how much is proven, by area, claim and system, from the latest judgements of the files as they are."""
    proven = {dag_id for dag_id, answer in answers.items() if _is_green(answer, judged, ways=(None,))}
    broken = {dag_id for dag_id, answer in answers.items() if _is_green(answer, judged, ways=answer.breaks)}
    areas = {
        area: {
            "questions": len(questions),
            "proven": _all_in(proven, [question.id for question in questions], answers),
            "broken_on_purpose": _all_in(broken, [question.id for question in questions], answers),
        }
        for area, questions in catalogue.areas.items()
    }
    backed = {claim: told for claim, (answer, told) in verdicts(answers).items() if answer.dag_id in proven}
    claims: dict[str, int] = dict(Counter(told.verdict for told in backed.values()))
    return {
        "areas": areas,
        "claims": {**claims, "no verdict yet": len(catalogue.claims) - len(backed)},
        "systems": _systems(catalogue, answers, proven),
    }


def _status(answer: Declaration, judged: list[Judged]) -> Status:
    known = [one for one in judged if one.way is None or one.way in answer.breaks]
    current = [one for one in known if one.code == answer.digest]
    as_it_is = [one for one in current if one.way is None]
    if not known:
        return "never run"
    if any(not one.green for one in current):
        return "failing"
    if not as_it_is:
        return "stale"
    newest = max(current, key=lambda one: one.judged_at)
    return "proven" if newest.way is None else "broken on purpose"


def _is_green(answer: Declaration, judged: Iterable[Judged], ways: Iterable[str | None]) -> bool:
    mine = {one.way for one in judged if one.dag_id == answer.dag_id and one.green and one.code == answer.digest}
    return set(ways) <= mine


def _all_in(good: Collection[str], questions: Iterable[str], answers: Mapping[str, Declaration]) -> int:
    """Count the questions that have answers, all of which are good."""
    found = 0
    for question in questions:
        its = answers_of(question, answers)
        found += bool(its) and all(answer.dag_id in good for answer in its)
    return found


def _systems(catalogue: Catalogue, answers: Mapping[str, Declaration], proven: Collection[str]) -> dict[str, int]:
    stand_ins = {system for answer in answers.values() if answer.dag_id in proven for system in answer.stand_ins}
    asked = {question for dag_id in proven for question in answers[dag_id].questions}
    reached = {system.id for system in catalogue.systems.values() if set(system.questions) & asked}
    return {
        "systems": len(catalogue.systems),
        "in a proven answer": len(reached | stand_ins),
        "by a stand-in": len(stand_ins),
    }
