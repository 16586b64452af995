"""What each page shows, gathered for its template; nothing here knows of HTTP or HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from living_answers.answers import standing
from living_answers.answers.declaration import ClaimVerdict, Declaration
from living_answers.answers.standing import STATUSES, Status
from living_answers.catalogue import Claim, Question, System
from living_answers.ledger import judgements
from living_answers.ui import cards, listing, plan_pictures, prose
from living_answers.ui.evidence import last_runs
from living_answers.ui.shelf import Shelf

#: Areas are ids; this is how those are written that are not simply a word.
_AREAS: Final = {
    "sql": "SQL",
    "aws": "AWS",
    "iac": "Infrastructure as code",
    "etl": "ETL",
    "nosql": "NoSQL",
    "pandas": "pandas",
    "security-governance": "Security and governance",
}
UNTESTED: Final = "no verdict yet"
VERDICTS: Final = ("holds", "imprecise", "wrong", "not testable here", UNTESTED)


@dataclass(frozen=True)
class Row:
    """A question on the index."""

    question: Question
    answers: tuple[tuple[Declaration, Status], ...]
    status: Status
    words: str


@dataclass(frozen=True)
class Area:
    """An area with its questions, and how many of them have each status."""

    id: str
    name: str
    rows: tuple[Row, ...]
    counts: dict[str, int]


@dataclass(frozen=True)
class TestedClaim:
    """A claim, and the verdict that a proven answer gives it; ``answer`` alone if its run has yet to back it."""

    claim: Claim
    verdict: str
    told: ClaimVerdict | None
    answer: Declaration | None


@dataclass(frozen=True)
class UsedSystem:
    """A system, its questions, and what stands in for it, by answer."""

    system: System
    questions: tuple[Row, ...]
    stand_ins: tuple[tuple[str, Declaration], ...]


def area_name(area: str) -> str:
    """Return an area as people write it."""
    return _AREAS.get(area, area.replace("-", " ").capitalize())


def index(shelf: Shelf) -> dict[str, Any]:
    """Return the questions by area, those areas first that have answers, and the coverage."""
    rows = _rows(shelf)
    areas = [_area(area, [rows[one.id] for one in asked]) for area, asked in shelf.catalogue.areas.items()]
    areas.sort(key=lambda area: area.counts["not answered yet"] == len(area.rows))
    counts = Counter(row.status for row in rows.values())
    return {
        "areas": areas,
        "counts": {status: counts[status] for status in STATUSES},
        "total": len(rows),
        "coverage": _figures(shelf),
        "unreadable": shelf.unreadable,
    }


def answer(shelf: Shelf, connection: Connection, dag_id: str, *, judged_only: bool = False) -> dict[str, Any]:
    """Return an answer's page: its prose, its evidence, its claims, its code; of all runs, or of judged ones only."""
    declared = shelf.answers[dag_id]
    runs = last_runs(connection, dag_id)
    judged = judgements.of_runs(connection, dag_id, [run.run_id for run in runs])
    runs = [run for run in runs if run.run_id in judged] if judged_only else runs
    newest = {run.way: run.run_id for run in reversed(runs)}
    plans = plan_pictures.kept(connection, dag_id, newest.values())
    names = {one.id: one.name for one in shelf.catalogue.systems.values()}
    return {
        "answer": declared,
        "status": shelf.of_answers[dag_id],
        "area": area_name(declared.area),
        "page": prose.page(declared.page),
        "questions": [shelf.catalogue.questions[one] for one in declared.questions if one in shelf.catalogue.questions],
        "panels": cards.panels(declared, runs, judged, shelf.judged, plans),
        "claims": _tested(shelf, [one for one in declared.claims if one in shelf.catalogue.claims]),
        "stand_ins": {names.get(system, system): what for system, what in declared.stand_ins.items()},
        "lines": listing.lines(declared.code),
        "neighbours": _neighbours(shelf, declared),
    }


def question(shelf: Shelf, question_id: str) -> dict[str, Any]:
    """Return the page of a question that has no answer yet."""
    asked = shelf.catalogue.questions[question_id]
    return {
        "question": asked,
        "area": area_name(asked.area),
        "claims": [one for one in shelf.catalogue.claims.values() if question_id in one.questions],
        "systems": [one for one in shelf.catalogue.systems.values() if question_id in one.questions],
    }


def claims(shelf: Shelf) -> dict[str, Any]:
    """Return all claims with their verdicts, those first that have one."""
    tested = sorted(_tested(shelf, shelf.catalogue.claims), key=lambda one: one.verdict == UNTESTED)
    counts = Counter(one.verdict for one in tested)
    return {"claims": tested, "counts": {verdict: counts[verdict] for verdict in VERDICTS}, "total": len(tested)}


def systems(shelf: Shelf) -> dict[str, Any]:
    """Return all systems with their questions and stand-ins."""
    rows = _rows(shelf)
    stand_ins: dict[str, list[tuple[str, Declaration]]] = {}
    for declared in shelf.answers.values():
        for system, what in declared.stand_ins.items():
            stand_ins.setdefault(system, []).append((what, declared))
    found = [
        UsedSystem(one, tuple(rows[id_] for id_ in one.questions), tuple(stand_ins.get(one.id, ())))
        for one in shelf.catalogue.systems.values()
    ]
    return {"systems": found, "total": len(found), "with_stand_in": sum(bool(one.stand_ins) for one in found)}


def _rows(shelf: Shelf) -> dict[str, Row]:
    answered, statuses, of_answers = shelf.answered, shelf.of_questions, shelf.of_answers
    systems_of: dict[str, list[str]] = {}
    for system in shelf.catalogue.systems.values():
        for id_ in system.questions:
            systems_of.setdefault(id_, []).append(system.name)
    return {
        one.id: Row(
            one,
            tuple((shelf.answers[dag_id], of_answers[dag_id]) for dag_id in answered.get(one.id, ())),
            statuses[one.id],
            " ".join([one.id.replace("-", " "), one.kind, *systems_of.get(one.id, [])]),
        )
        for one in shelf.catalogue.questions.values()
    }


def _area(area: str, rows: list[Row]) -> Area:
    counts = Counter(row.status for row in rows)
    return Area(area, area_name(area), tuple(rows), {status: counts[status] for status in STATUSES})


def _figures(shelf: Shelf) -> dict[str, Any]:
    covered = standing.coverage(shelf.catalogue, shelf.answers, shelf.judged)
    areas = covered["areas"].values()
    return {
        "proven": sum(area["proven"] for area in areas),
        "broken_on_purpose": sum(area["broken_on_purpose"] for area in areas),
        "claims": covered["claims"],
        "claims_total": len(shelf.catalogue.claims),
        "claims_tested": len(shelf.catalogue.claims) - covered["claims"].get(UNTESTED, 0),
        "systems": covered["systems"],
    }


def _green(shelf: Shelf) -> set[str]:
    """The answers whose latest run as it is, of the file as it is, did what it promises."""
    return {
        one.dag_id
        for one in shelf.judged
        if one.way is None and one.green and one.dag_id in shelf.answers
        if one.code == shelf.answers[one.dag_id].digest
    }


def _tested(shelf: Shelf, claim_ids: Iterable[str]) -> list[TestedClaim]:
    backed, verdicts = _green(shelf), standing.verdicts(shelf.answers)
    found = []
    for id_ in claim_ids:
        declared, told = verdicts.get(id_, (None, None))
        verdict = told.verdict if declared and told and declared.dag_id in backed else UNTESTED
        found.append(TestedClaim(shelf.catalogue.claims[id_], verdict, told, declared))
    return found


def _neighbours(shelf: Shelf, declared: Declaration) -> tuple[Declaration | None, Declaration | None]:
    """The answers before and behind this one in its area."""
    siblings = [one for one in shelf.answers.values() if one.area == declared.area]
    at = siblings.index(declared)
    return (siblings[at - 1] if at else None, siblings[at + 1] if at + 1 < len(siblings) else None)
