"""Turns the JSON that evidence holds into what a person reads: numbers with units, lists, tables."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

TIMES: Final = "\N{MULTIPLICATION SIGN}"
MOST_ROWS: Final = 25
MOST_CHARACTERS: Final = 160
_DIGEST: Final = re.compile("[0-9a-f]{32,128}")
Kind = Literal["text", "long", "pairs", "table"]
_LONG_UNITS: Final = 3  # "rows" loses its s for one of them, "ms" and "s" do not


@dataclass(frozen=True)
class Cell:
    """One value in a table, ``share`` of the greatest of its kind where a bar helps to compare."""

    text: str
    differs: bool = False
    share: float | None = None


@dataclass(frozen=True)
class View:
    """A value made ready for a template, which escapes it."""

    kind: Kind
    text: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    more: int = 0
    note: str = field(default="")


def view(value: Any, unit: str | None = None, other: Any = None) -> View:
    """Return a value as text, pairs or a table; what differs from ``other`` is marked."""
    if isinstance(value, Mapping):
        return _rows_compared(value) if _is_rows(value) else _pairs(value, unit, other)
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        return _table(value)
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        cells = tuple(tuple(Cell(plain(item)) for item in row) for row in value[:MOST_ROWS])
        return View("table", rows=cells, more=max(0, len(value) - MOST_ROWS))
    told = plain(value, unit)
    return View("long" if len(told) > MOST_CHARACTERS or "\n" in told else "text", told)


def plain(value: Any, unit: str | None = None) -> str:
    """Return a value in one line of text."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "nothing"}[value]
    if isinstance(value, int | float):
        return with_unit(number(value), value, unit)
    if isinstance(value, str):
        if _DIGEST.fullmatch(value):
            return f"{value[:12]}…"
        return value or "“”"
    if isinstance(value, list):
        items = [plain(item) for item in value[:MOST_ROWS]]
        rest = [f"and {len(value) - MOST_ROWS} more"] if len(value) > MOST_ROWS else []
        joined = ", ".join(items + rest) or "an empty list"
        return f"{joined} {unit}" if unit and value else joined
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) or "nothing"
    return json.dumps(value, ensure_ascii=False)


def number(value: float) -> str:
    """Return a number as a person writes it: thousands apart, four significant digits of a fraction."""
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}" if abs(value) < 1e15 else f"{value:.4g}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    if digits > 9:
        return f"{value:.3g}"
    rounded = f"{value:,.{digits}f}"
    return rounded.rstrip("0").rstrip(".") if "." in rounded else rounded


def with_unit(told: str, value: float, unit: str | None) -> str:
    """Append the unit: 1 row, 2 rows, 5%."""
    if not unit:
        return told
    if unit in {"%", TIMES, "x"}:
        return told + (TIMES if unit == "x" else unit)
    one = value == 1 and len(unit) >= _LONG_UNITS and unit.endswith("s") and " " not in unit
    return f"{told}\N{NO-BREAK SPACE}{unit[:-1] if one else unit}"


def expectation(how: str, expected: Any, unit: str | None, tolerance: float | None) -> tuple[str, View]:
    """Return the words before what was expected, and what was expected."""
    if how == "between" and isinstance(expected, list) and len(expected) == 2:
        return "between", View("text", f"{plain(expected[0])} and {plain(expected[1], unit)}")
    if how == "close" and tolerance is not None:
        return "about", View("text", f"{plain(expected, unit)} ± {number(round(tolerance * 100, 6))}%")
    words = {"at_least": "at least", "at_most": "at most", "rows": "the same rows"}
    return words.get(how, ""), view(expected, unit)


def _is_rows(value: Mapping[str, Any]) -> bool:
    """Whether this is what a comparison of rows records: counts, and the rows that the other side lacks."""
    return {"rows", "distinct"} <= value.keys() <= {"rows", "distinct", "surplus", "missing"}


def _rows_compared(value: Mapping[str, Any]) -> View:
    apart = "surplus" if "surplus" in value else "missing"
    sample = value.get(apart) or []
    note = f"{number(value['rows'])} rows, {number(value['distinct'])} distinct"
    if not sample:
        return View("text", note)
    rows = [(Cell(f"{one['times']} {TIMES}"), Cell(_row(one["row"]), differs=True)) for one in sample[:MOST_ROWS]]
    return View("table", head=("times", apart), rows=tuple(rows), note=note)


def _row(row: Any) -> str:
    """A row is stored as a list of values, or of pairs of a name and a value."""
    if isinstance(row, list) and row and all(isinstance(item, list) and len(item) == 2 for item in row):
        return ", ".join(f"{name}: {plain(item)}" for name, item in row)
    return plain(row)


def _pairs(value: Mapping[str, Any], unit: str | None, other: Any) -> View:
    beside = other if isinstance(other, Mapping) else value
    figures = [item for item in value.values() if _is_number(item)]
    greatest = max(figures, default=0)
    # Bars of nearly the same length say nothing.
    compare = len(figures) >= 2 and len(figures) == len(value) and 0 <= 1.5 * min(figures) < greatest
    rows = tuple(
        (
            Cell(str(key), differs=beside.get(key, ...) != item),
            Cell(
                plain(item, unit if _is_number(item) else None),
                differs=beside.get(key, ...) != item,
                share=item / greatest if compare else None,
            ),
        )
        for key, item in list(value.items())[:MOST_ROWS]
    )
    return View("pairs", rows=rows, more=max(0, len(value) - MOST_ROWS)) if rows else View("text", "nothing")


def _table(rows: Sequence[Mapping[str, Any]]) -> View:
    head = tuple(dict.fromkeys(str(name) for row in rows[:MOST_ROWS] for name in row))
    cells = tuple(tuple(Cell(plain(row[name]) if name in row else "") for name in head) for row in rows[:MOST_ROWS])
    return View("table", head=head, rows=cells, more=max(0, len(rows) - MOST_ROWS))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def exact(value: Any, unit: str | None) -> View:
    """Return a value to its last digit and with its type: for two that look alike when rounded."""
    told = json.dumps(value, ensure_ascii=False)
    return View("text", f"{told} {unit}" if unit else told)
