"""Follows days through the main job: which run of which DAG works on which day, and how it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from living_answers.airflow_api import MAIN_JOB, AirflowApi, RunTimeout, ticks


@dataclass(frozen=True)
class Cell:
    """One DAG's newest run for one day."""

    state: str
    run_id: str
    seconds: float | None


@dataclass
class Follower:
    """Sees the runs that were started after it was made, so that a second pass over the same days is told apart."""

    api: AirflowApi
    days: Collection[str]
    dags: tuple[str, ...] = MAIN_JOB
    _known: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = {dag_id: {run["dag_run_id"] for run in self.api.runs(dag_id)} for dag_id in self.dags}

    def look(self) -> dict[tuple[str, str], Cell]:
        """Return the newest run of each DAG and day."""
        cells: dict[tuple[str, str], Cell] = {}
        for dag_id in self.dags:
            for run in reversed(self.api.runs(dag_id)):
                if run["partition_key"] in self.days and run["dag_run_id"] not in self._known[dag_id]:
                    cells[dag_id, run["partition_key"]] = Cell(run["state"], run["dag_run_id"], run.get("duration"))
        return cells

    def until_done(self, seconds: float) -> Iterator[dict[tuple[str, str], Cell]]:
        """Yield what :meth:`look` sees until each day is through the last DAG, or has failed in one.

        Raises:
            RunTimeout: a day is still on its way after ``seconds``.
        """
        for _ in ticks(seconds, pause=1.0):
            cells = self.look()
            yield cells
            if all(self.ended(cells, day) for day in self.days):
                return
        waiting = [day for day in self.days if not self.ended(self.look(), day)]
        raise RunTimeout(f"after {seconds:.0f} s still on the way: {', '.join(waiting)}")

    def ended(self, cells: dict[tuple[str, str], Cell], day: str) -> bool:
        last = cells.get((self.dags[-1], day))
        return self.failed(cells, day) or (last is not None and last.state == "success")

    def failed(self, cells: dict[tuple[str, str], Cell], day: str) -> bool:
        return any(cell.state == "failed" for (_, of), cell in cells.items() if of == day)

    def failures(self) -> list[dict[str, Any]]:
        """Return the failed tasks of the runs followed, each with its DAG and run."""
        return [
            task
            for (dag_id, _), cell in self.look().items()
            if cell.state == "failed"
            for task in self.api.tasks(dag_id, cell.run_id)
            if task["state"] == "failed"
        ]
