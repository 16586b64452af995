"""The ways in which a proof compares what was observed with what was expected: pure functions."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from living_answers.json_safe import JSON, json_safe

How = Literal["equal", "at_least", "at_most", "between", "close", "rows", "times_at_least", "times_at_most"]
_SAMPLE: Final = 20  # Rows of a difference that are kept: enough to see the pattern, little enough to read.


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome: whether it holds, what to store of both sides, and the difference in words."""

    holds: bool
    observed: JSON
    expected: JSON
    difference: str | None = None


class EmptyComparisonError(ValueError):
    """Empty was to be compared with empty, which would hold even if nothing had run."""


def compare(
    observed: Any, expected: Any, how: How = "equal", *, tolerance: float | None = None, allow_empty: bool = False
) -> Comparison:
    """Compare in the named way.

    Raises EmptyComparisonError for empty against empty, TypeError for sets (they hide doubled rows), and ValueError
    for an unknown way or a missing tolerance.
    """
    if how not in _WAYS:
        raise ValueError(f"unknown way to compare: {how!r}; known are {', '.join(_WAYS)}")
    observed, expected = _plain(observed), _plain(expected)
    if not allow_empty and _is_empty(observed) and _is_empty(expected):
        raise EmptyComparisonError("both sides are empty, which proves nothing; pass allow_empty=True if it is meant")
    return _WAYS[how](observed, expected, tolerance)


def _plain(value: Any) -> Any:
    """Strip numpy, refuse sets; decimals and dates keep their types, so that they compare exactly."""
    if isinstance(value, set | frozenset):
        raise TypeError("a set hides doubled rows; compare sorted lists, or lists with how='rows'")
    return value.tolist() if hasattr(value, "tolist") else value


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, Sized) and len(value) == 0)


def _outcome(holds: bool, observed: Any, expected: Any, difference: str | None = None) -> Comparison:
    return Comparison(bool(holds), json_safe(observed), json_safe(expected), None if holds else difference)


def _equal(observed: Any, expected: Any, _tolerance: float | None) -> Comparison:
    return _outcome(observed == expected, observed, expected, _name_difference(observed, expected))


def _name_difference(observed: Any, expected: Any) -> str | None:
    """Of two mappings, say which keys differ; two numbers or texts speak for themselves."""
    if not (isinstance(observed, Mapping) and isinstance(expected, Mapping)):
        return None
    keys = [k for k in {**expected, **observed} if observed.get(k, _ABSENT) != expected.get(k, _ABSENT)]
    lines = [f"{k}: expected {expected.get(k, _ABSENT)!r}, observed {observed.get(k, _ABSENT)!r}" for k in keys]
    return "\n".join(lines[:_SAMPLE])


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_ABSENT: Final = _Absent()


def _at_least(observed: Any, expected: Any, _tolerance: float | None) -> Comparison:
    return _outcome(observed is not None and observed >= expected, observed, expected, "below the lower bound")


def _at_most(observed: Any, expected: Any, _tolerance: float | None) -> Comparison:
    return _outcome(observed is not None and observed <= expected, observed, expected, "above the upper bound")


def _between(observed: Any, expected: Any, _tolerance: float | None) -> Comparison:
    low, high = expected
    holds = observed is not None and low <= observed <= high
    return _outcome(holds, observed, expected, f"outside {low} to {high}")


def _close(observed: Any, expected: Any, tolerance: float | None) -> Comparison:
    if tolerance is None:
        raise ValueError("how='close' needs a tolerance: the share of the expected value, such as 0.05")
    if observed is None:
        return _outcome(False, observed, expected, "nothing was observed")
    distance = abs(float(observed) - float(expected))
    holds = distance <= tolerance * abs(float(expected))  # False for NaN, as it should be
    share = distance / abs(float(expected)) if expected else math.inf
    return _outcome(holds, observed, expected, f"off by {share:.2%}, allowed {tolerance:.2%}")


def _times(observed: Any) -> tuple[dict[str, Any], float]:
    """Two figures of the same run and how many times the second goes into the first."""
    figure, base = observed
    if not base:
        raise ValueError(f"no ratio to {base!r}: the second of the two figures must not be zero")
    times = float(figure) / float(base)
    return {"times": round(times, 2), "of": [figure, base]}, times


def _times_at_least(observed: Any, expected: Any, _tolerance: float | None) -> Comparison:
    shown, times = _times(observed)
    return _outcome(times >= expected, shown, expected, f"{times:.2f} times, below the lower bound")


def _times_at_most(observed: Any, expected: Any, _tolerance: float | None) -> Comparison:
    shown, times = _times(observed)
    return _outcome(times <= expected, shown, expected, f"{times:.2f} times, above the upper bound")


def _rows(observed: Sequence[Any], expected: Sequence[Any], _tolerance: float | None) -> Comparison:
    """Compare as multisets: the order is free, the number of each row is not."""
    seen, due = Counter(map(_frozen, observed)), Counter(map(_frozen, expected))
    missing, surplus = due - seen, seen - due
    return Comparison(
        holds=seen == due,
        observed={"rows": len(observed), "distinct": len(seen), "surplus": _sample(surplus)},
        expected={"rows": len(expected), "distinct": len(due), "missing": _sample(missing)},
        difference=_describe("missing", missing) + _describe("surplus", surplus) or None,
    )


def _frozen(value: Any) -> Any:
    """Make a row hashable; 1, 1.0 and Decimal(1) stay equal, as they are in SQL; NaN equals NaN."""
    value = _plain(value)
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), _frozen(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def _sample(rows: Counter[Any]) -> JSON:
    return [{"times": n, "row": json_safe(row)} for row, n in rows.most_common(_SAMPLE)]


def _describe(word: str, rows: Counter[Any]) -> str:
    if not rows:
        return ""
    lines = [f"  {n} x {row}" for row, n in rows.most_common(_SAMPLE)]
    more = [f"  and {len(rows) - _SAMPLE} more"] if len(rows) > _SAMPLE else []
    return "\n".join([f"{word}: {rows.total()}", *lines, *more, ""])


_WAYS: Final[Mapping[str, Callable[[Any, Any, float | None], Comparison]]] = MappingProxyType(
    {
        "equal": _equal,
        "at_least": _at_least,
        "at_most": _at_most,
        "between": _between,
        "close": _close,
        "rows": _rows,
        "times_at_least": _times_at_least,
        "times_at_most": _times_at_most,
    }
)
