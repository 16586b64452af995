"""Charts: drawn where there is something to see, to scale."""

from datetime import UTC, datetime
from typing import Any

from living_answers.ui.chart import HEIGHT, draw
from living_answers.ui.evidence import Proof


def proof(observed: Any, expected: Any = 0, how: str = "equal", way: str = "", holds: bool = True) -> Proof:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Proof("r", way, "t", -1, None, "p", how, expected, observed, "rows", 0.1, holds, None, at)


def test_a_flat_line_is_not_worth_a_chart() -> None:
    assert draw([proof(0), proof(0)]) is None
    assert draw([proof(1)]) is None


def test_what_is_no_figure_has_no_chart() -> None:
    assert draw([proof("a", "a"), proof("b", "a")]) is None
    assert draw([proof(True, True), proof(False, True)]) is None


def test_greater_figures_stand_higher_and_broken_runs_look_different() -> None:
    drawn = draw([proof(0), proof(100, way="append", holds=False), proof(5, holds=False)])
    assert drawn is not None
    low, high, _ = drawn.points
    assert high.y < low.y <= HEIGHT
    assert [point.style for point in drawn.points] == ["holds", "broken", "fails"]
    assert drawn.line == low.y
    assert "broken by append: 100" in drawn.told


def test_bounds_are_a_band_that_is_open_where_it_must_be() -> None:
    at_least = draw([proof(3, 2, "at_least"), proof(4, 2, "at_least")])
    at_most = draw([proof(3, 5, "at_most"), proof(4, 5, "at_most")])
    assert at_least is not None
    assert at_most is not None
    assert at_least.band is not None
    assert at_most.band is not None
    assert at_least.band[0] == 0
    assert at_most.band[1] == HEIGHT


def test_great_ratios_are_drawn_by_their_logarithm() -> None:
    drawn = draw([proof(1, 1), proof(10_000, 1)])
    assert drawn is not None
    assert drawn.logarithmic
