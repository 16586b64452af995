"""Draws what a proof observed, run by run, against what it expected: one small SVG, drawn on the server."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from living_answers.ui.evidence import Proof
from living_answers.ui.values import number, plain, with_unit

WIDTH: Final = 320
HEIGHT: Final = 96
_LEFT, _RIGHT, _TOP, _BOTTOM = 8.0, 8.0, 10.0, 10.0
#: Where the greatest figure is more than this many times the least, equal steps on the page are equal ratios.
_LOG_RATIO: Final = 60.0


@dataclass(frozen=True)
class Point:
    """One run: where its dot stands, and what it says."""

    x: float
    y: float
    style: str
    told: str


@dataclass(frozen=True)
class Chart:
    """All that the template draws; lengths in the SVG's own units, downwards."""

    points: tuple[Point, ...]
    line: float | None
    band: tuple[float, float] | None
    top: str
    bottom: str
    told: str
    logarithmic: bool
    width: int = WIDTH
    height: int = HEIGHT


def draw(proofs: Sequence[Proof]) -> Chart | None:
    """Draw the outcomes of one proof, oldest first; ``None`` where there are no two different figures to draw."""
    figures = [one for one in proofs if _is_figure(one.observed) and _bounds(one) is not None]
    if len(figures) < 2 or len({float(one.observed) for one in figures} | _expected(figures)) < 2:
        return None
    low, high = _bounds(figures[-1]) or (None, None)
    values = [float(one.observed) for one in figures]
    domain = values + [bound for bound in (low, high) if bound is not None]
    least, most = min(domain), max(domain)
    logarithmic = least > 0 and most / least > _LOG_RATIO
    place = _scale(least, most, logarithmic)
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(figures) - 1)
    points = tuple(
        Point(_LEFT + step * at, place(value), _style(one), _told(one))
        for at, (one, value) in enumerate(zip(figures, values, strict=True))
    )
    unit = figures[-1].unit
    exact = low is not None and low == high
    return Chart(
        points=points,
        line=place(low) if exact and low is not None else None,
        band=None if exact else (0.0 if high is None else place(high), float(HEIGHT) if low is None else place(low)),
        top=with_unit(number(most), most, unit),
        bottom=with_unit(number(least), least, unit),
        told=f"Observed in {len(figures)} runs, oldest first: " + "; ".join(point.told for point in points),
        logarithmic=logarithmic,
    )


def _bounds(proof: Proof) -> tuple[float | None, float | None] | None:
    """The least and the greatest figure with which the proof holds, or ``None`` if it is not about a figure."""
    expected = proof.expected
    if proof.how == "between" and isinstance(expected, list) and len(expected) == 2:
        return (float(expected[0]), float(expected[1])) if all(map(_is_figure, expected)) else None
    if not _is_figure(expected):
        return None
    figure = float(expected)
    if proof.how == "close":
        slack = abs(figure) * (proof.tolerance or 0.0)
        return figure - slack, figure + slack
    return {"at_least": (figure, None), "at_most": (None, figure)}.get(proof.how, (figure, figure))


def _expected(figures: Sequence[Proof]) -> set[float]:
    return {bound for bound in _bounds(figures[-1]) or () if bound is not None}


def _scale(least: float, most: float, logarithmic: bool) -> Callable[[float], float]:
    turn: Callable[[float], float] = math.log10 if logarithmic else float
    bottom, span = turn(least), (turn(most) - turn(least)) or 1.0
    return lambda value: round(HEIGHT - _BOTTOM - (turn(value) - bottom) / span * (HEIGHT - _TOP - _BOTTOM), 1)


def _style(proof: Proof) -> str:
    if proof.way:
        return "broken"
    return "holds" if proof.holds else "fails"


def _told(proof: Proof) -> str:
    how = f"broken by {proof.way}" if proof.way else "as it is"
    return f"{proof.recorded_at:%Y-%m-%d %H:%M}, {how}: {plain(proof.observed, proof.unit)}"


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
