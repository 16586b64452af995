"""The crash matrix: what a kill at each failpoint leaves, as rows, and as the page in docs/."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "crash-matrix.md"
HEAD = """# Crash matrix

At each failpoint the task's process is killed with SIGKILL, Airflow tries the task again, and the day goes on to the
marts; a day meets at most one kill in each of its steps. Then the day's rows in `warehouse.fact_flight` are compared,
value by value and as a multiset, with the rows of the source's file; the dimensions hold each key of the source once,
no staging table is left and no dead letter is open.

This page is written by a run: `pytest tests/e2e/test_crash_matrix.py --write-crash-matrix`. The same test fails when
the page is not what it sees.
"""
COLUMNS = (
    "failpoint",
    "what a kill there leaves",
    "day",
    "task killed",
    "tries",
    "rows in the source",
    "loaded",
    "wrong",
)


@dataclass(frozen=True)
class Crash:
    """What became of a day whose task was killed at a failpoint."""

    failpoint: str
    leaves: str
    day: str
    killed: str
    tries: int
    expected: int
    found: int
    wrong: int

    def cells(self) -> list[str]:
        numbers = (self.tries, self.expected, self.found, self.wrong)
        return [f"`{self.failpoint}`", self.leaves, self.day, f"`{self.killed}`", *map(str, numbers)]


def table(crashes: Iterable[Crash]) -> str:
    """The matrix as a Markdown table."""
    rows = [list(COLUMNS), ["---"] * 4 + ["---:"] * 4, *(crash.cells() for crash in crashes)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page(crashes: Iterable[Crash]) -> str:
    """The whole page."""
    return f"{HEAD}\n{table(crashes)}"
