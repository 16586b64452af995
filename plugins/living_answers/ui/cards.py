"""An answer's evidence as the page shows it: a panel for the run as it is and for each way, a card for each proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from living_answers.answers.declaration import Declaration
from living_answers.ledger.judgements import Judged
from living_answers.ui import listing, values
from living_answers.ui.chart import Chart, draw
from living_answers.ui.evidence import Proof, Run
from living_answers.ui.plan_pictures import Kept, Picture
from living_answers.ui.plan_pictures import draw as draw_plans
from living_answers.ui.values import View

Mark = Literal["holds", "fails", "failed as it should", "should fail"]


@dataclass(frozen=True)
class Past:
    """One earlier outcome of a proof, for the strip of the last runs."""

    mark: Mark
    told: str


@dataclass(frozen=True)
class Card:
    """One proof of one run. ``where`` tells apart proofs of the same name."""

    name: str
    key: str
    mark: Mark
    task: str
    where: str
    words: str
    expected: View
    observed: View
    difference: str | None
    line: int | None
    history: tuple[Past, ...]
    chart: Chart | None


@dataclass(frozen=True)
class Verdict:
    """What a run as a whole came to: ``tone`` is how it is coloured."""

    tone: Literal["proven", "broken", "failing", "stale", "waiting", "running"]
    headline: str
    detail: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """The latest run of one way; ``run`` is ``None`` if there was none."""

    way: str
    what: str
    must_fail: tuple[str, ...]
    run: Run | None
    verdict: Verdict
    cards: tuple[Card, ...]
    plans: tuple[Picture, ...]


def panels(
    answer: Declaration,
    runs: Sequence[Run],
    judged: Mapping[str, Judged],
    latest: Sequence[Judged] = (),
    plans: Mapping[str, Sequence[Kept]] | None = None,
) -> list[Panel]:
    """Return the panels of an answer, the run that nobody broke first.

    ``judged`` are the judgements of the runs, ``latest`` the newest of each way: its run may have left no evidence.
    ``plans`` are those that the runs have shown.
    """
    last = {one.way or "": one for one in latest if one.dag_id == answer.dag_id}
    found = []
    for way in ("", *answer.breaks):
        run = next((one for one in runs if one.way == way), None)
        judgement = judged.get(run.run_id) if run else None
        if (newest := last.get(way)) and (run is None or newest.judged_at > run.ended):
            judgement = newest
        of_this_run = judgement is None or (run is not None and judgement.run_id == run.run_id)
        said = verdict(run if of_this_run else None, judgement)
        if judgement and judgement.code != answer.digest:
            said = Verdict("stale", said.headline, f"{said.detail} The file has changed since.", said.faults)
        must_fail = answer.breaks[way].fails if way else ()
        found.append(
            Panel(
                way=way,
                what=answer.breaks[way].what if way else "",
                must_fail=must_fail,
                run=run,
                verdict=said,
                cards=cards(answer, run, runs) if run else (),
                plans=draw_plans((plans or {}).get(run.run_id, ())) if run else (),
            )
        )
    return found


def verdict(run: Run | None, judged: Judged | None) -> Verdict:
    """Return a judgement in words."""
    if judged is None:
        return Verdict("waiting", "Not judged yet", _counted(run)) if run else Verdict("waiting", "Never run", "")
    if judged.green:
        if judged.way:
            return Verdict("broken", "It failed where it should", _failures(run) if run else "")
        return Verdict("proven", "It did what it promises", _counted(run) if run else "")
    said = "It did not fail as it should" if judged.way else "It did not do what it promises"
    return Verdict("failing", said, _counted(run) if run else "The evidence is that of a run before.", judged.faults)


def cards(answer: Declaration, run: Run, runs: Sequence[Run] = ()) -> tuple[Card, ...]:
    """Return a card for each proof of a run, with its outcomes in the other runs."""
    must_fail = answer.breaks[run.way].fails if run.way in answer.breaks else ()
    times = Counter(one.proof for one in run.proofs)
    # Beside a broken run stand those of the same way, and those that nobody broke.
    past = _past([each for each in runs if not run.way or each.way in {"", run.way}])
    return tuple(
        _card(answer, one, must_fail, past.get(_identity(one), []), times[one.proof] > 1) for one in run.proofs
    )


def _card(answer: Declaration, one: Proof, must_fail: Sequence[str], past: list[Proof], several: bool) -> Card:
    words, expected = values.expectation(one.how, one.expected, one.unit, one.tolerance)
    observed = values.view(one.observed, one.unit, other=one.expected)
    if not one.holds and expected.kind == observed.kind == "text" and expected.text == observed.text:
        # Rounded they look alike: then show them to the last digit.
        expected, observed = values.exact(one.expected, one.unit), values.exact(one.observed, one.unit)
    parts = [f"part {one.map_index}" if one.map_index >= 0 else "", one.partition or ""]
    return Card(
        name=one.proof,
        key="/".join(map(str, _identity(one))),
        mark=mark(one, must_fail),
        task=one.task_id,
        where=" · ".join(part for part in [one.task_id, *parts] if part) if several else one.task_id,
        words=words,
        expected=expected,
        observed=observed,
        # Two tables beside each other, with what differs marked, say it better than words.
        difference=None if one.holds or {expected.kind, observed.kind} <= {"pairs", "table"} else one.difference,
        line=listing.line_of(answer.code, one.proof),
        history=tuple(_past_of(answer, each) for each in past),
        chart=draw(past) if not one.way or not one.holds else None,
    )


def mark(one: Proof, must_fail: Sequence[str]) -> Mark:
    """Return how a proof came out, seen against what its way must break."""
    if one.holds:
        return "should fail" if one.proof in must_fail else "holds"
    return "failed as it should" if one.proof in must_fail else "fails"


def _past(runs: Sequence[Run]) -> dict[tuple[object, ...], list[Proof]]:
    """The outcomes of each proof, oldest first."""
    found: dict[tuple[object, ...], list[Proof]] = {}
    for run in sorted(runs, key=lambda run: run.ended):
        for one in run.proofs:
            found.setdefault(_identity(one), []).append(one)
    return found


def _past_of(answer: Declaration, one: Proof) -> Past:
    must_fail = answer.breaks[one.way].fails if one.way in answer.breaks else ()
    how = f"broken by {one.way}" if one.way else "as it is"
    outcome = mark(one, must_fail)
    return Past(outcome, f"{one.recorded_at:%Y-%m-%d %H:%M}, {how}: {outcome}")


def _identity(one: Proof) -> tuple[object, ...]:
    return one.task_id, one.map_index, one.partition or "", one.proof


def _counted(run: Run) -> str:
    failed, total = len(run.failed), len(run.proofs)
    if not failed:
        return f"{total} proof{'s hold' if total != 1 else ' holds'}."
    return f"{failed} of {total} proofs fail{'s' if failed == 1 else ''}."


def _failures(run: Run) -> str:
    failed, held = len(run.failed), sum(one.holds for one in run.proofs)
    fails = "The named proof fails" if failed == 1 else f"The {failed} named proofs fail"
    return f"{fails}, and no other." + (f" {held} hold{'s' if held == 1 else ''} all the same." if held else "")
