"""The comparisons, and the two classic lies that they refuse."""

import math
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from living_answers.comparisons import EmptyComparisonError, compare


@pytest.mark.parametrize(
    ("observed", "expected", "how", "options", "holds"),
    [
        (0, 0, "equal", {}, True),
        (1, 2, "equal", {}, False),
        ("a", "a", "equal", {}, True),
        (np.int64(3), 3, "equal", {}, True),
        (np.array([1, 2]), [1, 2], "equal", {}, True),
        (Decimal("0.10"), Decimal("0.1"), "equal", {}, True),
        (math.nan, math.nan, "equal", {}, False),
        (date(2013, 1, 1), date(2013, 1, 1), "equal", {}, True),
        ([], [1], "equal", {}, False),
        ([], [], "equal", {"allow_empty": True}, True),
        (5, 5, "at_least", {}, True),
        (4, 5, "at_least", {}, False),
        (None, 5, "at_least", {}, False),
        (5, 5, "at_most", {}, True),
        (None, 5, "at_most", {}, False),
        (math.nan, 5, "at_most", {}, False),
        (5, (5, 6), "between", {}, True),
        (7, (5, 6), "between", {}, False),
        (None, (5, 6), "between", {}, False),
        ((30, 10), 3, "times_at_least", {}, True),
        ((29, 10), 3, "times_at_least", {}, False),
        ((11, 10), 1.1, "times_at_most", {}, True),
        ((12, 10), 1.1, "times_at_most", {}, False),
        (1.04, 1.0, "close", {"tolerance": 0.05}, True),
        (1.06, 1.0, "close", {"tolerance": 0.05}, False),
        (math.nan, 1.0, "close", {"tolerance": 0.05}, False),
        (0, 0, "close", {"tolerance": 0.05}, True),
        (1, 0, "close", {"tolerance": 0.05}, False),
        (None, 1, "close", {"tolerance": 0.05}, False),
        ([(1, "a"), (2, "b")], [(2, "b"), (1, "a")], "rows", {}, True),
        ([(1, "a"), (1, "a")], [(1, "a")], "rows", {}, False),
        ([{"a": 1, "b": None}], [{"b": None, "a": Decimal(1)}], "rows", {}, True),
        ([(1, math.nan)], [(1, math.nan)], "rows", {}, True),
    ],
)
def test_compare(observed: Any, expected: Any, how: Any, options: dict[str, Any], holds: bool) -> None:
    assert compare(observed, expected, how, **options).holds is holds


@pytest.mark.parametrize("empty", [None, [], "", {}, ()])
@pytest.mark.parametrize("how", ["equal", "rows"])
def test_empty_against_empty_proves_nothing(empty: Any, how: Any) -> None:
    with pytest.raises(EmptyComparisonError, match="allow_empty"):
        compare(empty, empty, how)


def test_sets_are_refused() -> None:
    with pytest.raises(TypeError, match="doubled"):
        compare({1}, {1})


def test_close_needs_a_tolerance_and_the_way_must_be_known() -> None:
    with pytest.raises(ValueError, match="tolerance"):
        compare(1, 1, "close")
    with pytest.raises(ValueError, match="known are equal"):
        compare(1, 1, "roughly")  # type: ignore[arg-type]


def test_the_difference_names_rows_and_keys() -> None:
    rows = compare([("EWR", 1), ("EWR", 1)], [("EWR", 1), ("JFK", 2)], "rows")
    assert rows.difference == "missing: 1\n  1 x ('JFK', 2)\nsurplus: 1\n  1 x ('EWR', 1)\n"
    assert rows.observed == {"rows": 2, "distinct": 1, "surplus": [{"times": 1, "row": ["EWR", 1]}]}
    keys = compare({"a": 1, "b": 2}, {"a": 1, "c": 3})
    assert keys.difference == "c: expected 3, observed nothing\nb: expected nothing, observed 2"


def test_a_long_difference_is_cut() -> None:
    comparison = compare([(n,) for n in range(1000)], [(-1,)], "rows")
    assert comparison.difference is not None
    assert comparison.difference.endswith("and 980 more\n")
    assert len(comparison.observed["surplus"]) == 20  # type: ignore[index, call-overload, arg-type]


_rows = st.lists(st.tuples(st.integers(0, 3), st.none() | st.text("ab", max_size=1)), min_size=1, max_size=12)


@given(_rows, _rows)
def test_rows_hold_exactly_when_the_multisets_are_equal(left: list[Any], right: list[Any]) -> None:
    assert compare(left, right, "rows").holds == (Counter(left) == Counter(right))


def test_a_ratio_keeps_both_figures_and_refuses_nothing_as_its_base() -> None:
    found = compare((30, 8), 3, "times_at_least")
    assert found.observed == {"times": 3.75, "of": [30, 8]}
    with pytest.raises(ValueError, match="must not be zero"):
        compare((30, 0), 3, "times_at_least")
