"""Reads the evidence of one answer from the ledger, run by run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, text

#: How many runs of each way the page shows.
RUNS_SHOWN: Final = 12
_MOST: Final = 2000

_LAST_RUNS: Final = text(
    """
    WITH runs AS (
        SELECT run_id, COALESCE(max(break_it), '') AS way, max(id) AS newest
        FROM ledger.evidence WHERE dag_id = :dag_id GROUP BY run_id
    ), ranked AS (
        SELECT run_id, way, newest, row_number() OVER (PARTITION BY way ORDER BY newest DESC) AS place FROM runs
    )
    SELECT e.run_id, r.way, e.task_id, e.map_index, e.partition, e.proof, e.how, e.expected, e.observed, e.unit,
           e.tolerance, e.holds, e.difference, e.recorded_at
    FROM ledger.evidence AS e JOIN ranked AS r USING (run_id)
    WHERE e.dag_id = :dag_id AND r.place <= :runs
    ORDER BY r.newest DESC, e.id LIMIT :most
    """
)
_ONE_RUN: Final = text(
    """
    SELECT run_id, COALESCE(break_it, '') AS way, task_id, map_index, partition, proof, how, expected, observed, unit,
           tolerance, holds, difference, recorded_at
    FROM ledger.evidence WHERE dag_id = :dag_id AND run_id = :run_id ORDER BY id LIMIT :most
    """
)


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of one proof in one run; ``way`` is empty if nobody broke it."""

    run_id: str
    way: str
    task_id: str
    map_index: int
    partition: str | None
    proof: str
    how: str
    expected: Any
    observed: Any
    unit: str | None
    tolerance: float | None
    holds: bool
    difference: str | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One run's proofs in the order in which they were first recorded."""

    run_id: str
    way: str
    proofs: tuple[Proof, ...]

    @property
    def began(self) -> datetime:
        return min(one.recorded_at for one in self.proofs)

    @property
    def ended(self) -> datetime:
        return max(one.recorded_at for one in self.proofs)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the proofs that fail, each once."""
        return tuple(dict.fromkeys(one.proof for one in self.proofs if not one.holds))


def last_runs(connection: Connection, dag_id: str, runs: int = RUNS_SHOWN) -> list[Run]:
    """Return the last runs of each way, newest first; the whole of a run or nothing of it."""
    parameters = {"dag_id": dag_id, "runs": runs, "most": _MOST + 1}
    rows = [Proof(**row) for row in connection.execute(_LAST_RUNS, parameters).mappings()]
    found = [_run(list(proofs)) for _, proofs in groupby(rows, key=lambda row: row.run_id)]
    return found[:-1] if len(rows) > _MOST and len(found) > 1 else found


def one_run(connection: Connection, dag_id: str, run_id: str) -> Run | None:
    """Return one run, or ``None`` while it has left no evidence."""
    parameters = {"dag_id": dag_id, "run_id": run_id, "most": _MOST}
    rows = [Proof(**row) for row in connection.execute(_ONE_RUN, parameters).mappings()]
    return _run(rows) if rows else None


def _run(rows: Iterable[Proof]) -> Run:
    """A task that was tried again has recorded its proofs again: the last word counts."""
    latest: dict[tuple[Any, ...], Proof] = {}
    for row in rows:
        latest[row.task_id, row.map_index, row.partition, row.proof] = row
    proofs = tuple(latest.values())
    return Run(proofs[0].run_id, proofs[0].way, proofs)
