"""Faults in the rows of a page: broken rows, doubled rows, drifted fields."""

from collections.abc import Callable
from random import Random
from typing import Any

from flights_api.faults import Faults, Kind, Rule
from flights_api.listings import Record, Window

# Each breaks another rule of the contract; the rows are real in everything else.
BREAKAGES: tuple[dict[str, Any], ...] = (
    {"distance": -1},
    {"dep_time": 2561},
    {"carrier": None},
    {"dest": ""},
    {"time_hour": "yesterday, about ten"},
)
RETYPED_FIELDS = ("dep_delay", "arr_delay")


def faulty_records(faults: Faults, window: Window) -> list[Record]:
    """The page's records as the fault plan has them served, duplicates included."""
    rows = _touched(faults, window, counted=True)
    scope, page = window.listing.scope, window.number
    doubles: list[Record] = []
    for index, rule in faults.of_rows(Kind.DUPLICATE_ROW, scope, page):
        chosen = _doubled(faults.plan.seed, rule, window, rows)
        doubles += [row for row, later in chosen if not later]
        faults.count_rows(index, scope, page, len(chosen))
    return _carried_over(faults, window) + rows + doubles


def _touched(faults: Faults, window: Window, counted: bool) -> list[Record]:
    """The page's records with every row fault but doubling."""
    scope, page = window.listing.scope, window.number
    rows = window.records()
    for kind, change in CHANGES.items():
        for index, rule in faults.of_rows(kind, scope, page):
            touched = change(rows, Random(f"{faults.plan.seed}|{kind}|{scope}|{page}"), rule)
            if counted and touched:
                faults.count_rows(index, scope, page, touched)
    return rows


def _doubled(seed: int, rule: Rule, window: Window, rows: list[Record]) -> list[tuple[Record, bool]]:
    """Rows that are served twice, each with whether its double comes on the next page only."""
    random = Random(f"{seed}|{rule.kind}|{window.listing.scope}|{window.number}")
    chosen = random.sample(rows, _how_many(rows, random, rule))
    last = window.next_cursor is None
    return [(row, not last and random.random() < 0.5) for row in chosen]


def _carried_over(faults: Faults, window: Window) -> list[Record]:
    """The doubles that the page before left to this one."""
    before = window.shifted(-1)
    if before is None:
        return []
    rules = list(faults.of_rows(Kind.DUPLICATE_ROW, before.listing.scope, before.number))
    rows = _touched(faults, before, counted=False) if rules else []
    doubled = [pair for _, rule in rules for pair in _doubled(faults.plan.seed, rule, before, rows)]
    return [row for row, later in doubled if later]


def _how_many(rows: list[Record], random: Random, rule: Rule) -> int:
    return min(len(rows), rule.rows or random.randint(1, 3))


def _break(rows: list[Record], random: Random, rule: Rule) -> int:
    chosen = random.sample(range(len(rows)), _how_many(rows, random, rule))
    for at in chosen:
        rows[at] = rows[at] | random.choice(BREAKAGES)
    return len(chosen)


def _rename(rows: list[Record], _random: Random, _rule: Rule) -> int:
    # The field keeps its place, as it would if the source had renamed a column.
    rows[:] = [{"tail_number" if name == "tailnum" else name: value for name, value in row.items()} for row in rows]
    return len(rows)


def _retype(rows: list[Record], _random: Random, _rule: Rule) -> int:
    for row in rows:
        row.update({name: str(row[name]) for name in RETYPED_FIELDS if row[name] is not None})
    return len(rows)


def _add(rows: list[Record], random: Random, _rule: Rule) -> int:
    for row in rows:
        row["gate"] = f"{random.choice('ABC')}{random.randint(1, 40)}"
    return len(rows)


# In this order: a row is broken before its field is renamed.
CHANGES: dict[Kind, Callable[[list[Record], Random, Rule], int]] = {
    Kind.BAD_ROW: _break,
    Kind.RETYPED: _retype,
    Kind.ADDED: _add,
    Kind.RENAMED: _rename,
}
