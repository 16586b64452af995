"""How runs stand, read from Airflow's metadata. Works inside the API server, which has its database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class TaskState:
    """One task of a run; a mapped task is one for each of its parts."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    began: datetime | None


@dataclass(frozen=True)
class RunState:
    """One run as Airflow sees it."""

    run_id: str
    state: str
    way: str | None
    paused: bool
    began: datetime | None
    tasks: tuple[TaskState, ...]

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def failed_tasks(self) -> list[str]:
        return sorted({task.task_id for task in self.tasks if task.state == "failed"})


class Runs(Protocol):
    """Where the pages learn how runs stand."""

    def look(self, dag_id: str, run_id: str) -> RunState | None:
        """Return how a run stands, or ``None`` if there is none."""

    def under_way(self, dag_id: str) -> str | None:
        """Return the id of the newest run that has not ended."""


class AirflowRuns:
    """Reads Airflow's metadata."""

    def look(self, dag_id: str, run_id: str) -> RunState | None:
        from airflow.models.dag import DagModel
        from airflow.models.dagrun import DagRun
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
            if run is None:
                return None
            wanted = (
                TaskInstance.task_id,
                TaskInstance.map_index,
                TaskInstance.state,
                TaskInstance.try_number,
                TaskInstance.start_date,
            )
            where = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
            tasks = session.execute(select(*wanted).where(*where)).all()
            paused = session.scalar(select(DagModel.is_paused).where(DagModel.dag_id == dag_id))
            return RunState(
                run_id=run_id,
                state=str(run.state),
                way=(run.conf or {}).get("break_it"),
                paused=bool(paused),
                began=run.start_date,
                tasks=tuple(TaskState(*row) for row in tasks),
            )

    def under_way(self, dag_id: str) -> str | None:
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            query = select(DagRun.run_id).where(DagRun.dag_id == dag_id, DagRun.state.in_(["queued", "running"]))
            found: str | None = session.scalar(query.order_by(DagRun.id.desc()).limit(1))
            return found
