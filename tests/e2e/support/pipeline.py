"""Leads days through the main job and says why when one does not arrive."""

import glob
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from living_answers.airflow_api import MAIN_JOB, AirflowApi, RunTimeout, ticks
from living_answers.follow import Follower

DAGS = (*MAIN_JOB, "flights_replay")


@dataclass(frozen=True)
class Pipeline:
    """The main job on one platform."""

    api: AirflowApi
    logs: Path

    def run(self, days: Collection[str], seconds: float = 400) -> None:
        """Trigger the ingest of each day and follow all of them, at the same time, to the marts."""
        follower = self.follow(days)
        for day in days:
            self.api.trigger("flights_ingest", partition_key=day)
        self.arrive(follower, seconds)

    def follow(self, days: Collection[str], dags: Sequence[str] = MAIN_JOB) -> Follower:
        """Follow the runs that start from now on."""
        return Follower(self.api, days, tuple(dags))

    def arrive(self, follower: Follower, seconds: float) -> None:
        """Wait until each day is through; fail with the tasks' own errors if one is not."""
        try:
            for _ in follower.until_done(seconds):
                pass
        except RunTimeout as late:
            raise AssertionError(f"{late}\n{self._stand(follower)}") from None
        failures = follower.failures()
        assert not failures, "\n".join(self.explain(task) for task in failures)

    def replay(self, day: str | None, seconds: float = 200) -> str:
        """Replay the open letters of a day, or all, without asking a person; return the run's id."""
        run_id = self.api.trigger("flights_replay", conf={"approve": True, "partition": day})
        self.succeed("flights_replay", run_id, seconds)
        return run_id

    def succeed(self, dag_id: str, run_id: str, seconds: float = 200) -> None:
        """Wait for the end of a run, which must be a good one."""
        state = self.end_of(dag_id, run_id, seconds)
        failed = [task for task in self.api.tasks(dag_id, run_id) if task["state"] == "failed"]
        assert state == "success", "\n".join([f"{dag_id} {run_id}: {state}", *map(self.explain, failed)])

    def end_of(self, dag_id: str, run_id: str, seconds: float = 200) -> str:
        """Wait for the end of a run and return its state."""
        try:
            return self.api.wait(dag_id, run_id, seconds)
        except RunTimeout as late:
            stand = [f"{task['task_id']} {task['state']}" for task in self.api.tasks(dag_id, run_id)]
            raise AssertionError("\n".join([str(late), *stand])) from None

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        return next(task for task in self.api.tasks(dag_id, run_id) if task["task_id"] == task_id)

    def runs_of(self, dag_id: str, day: str) -> list[dict[str, Any]]:
        """The runs of a DAG for a day, newest first."""
        return [run for run in self.api.runs(dag_id) if run["partition_key"] == day]

    def log(self, task: dict[str, Any], attempt: int | None = None) -> str:
        """What a task's last, or given, attempt wrote to its log."""
        return "\n".join(path.read_text() for path in self._log_files(task, attempt))

    def explain(self, task: dict[str, Any]) -> str:
        """Name a task and the errors in its newest log."""
        name = f"{task['dag_id']} {task['dag_run_id']} {task['task_id']}[{task['map_index']}]"
        return f"{name} {task['state']}, try {task['try_number']}: {errors_in(self.log(task))[-1500:]}"

    def _log_files(self, task: dict[str, Any], attempt: int | None) -> list[Path]:
        run = f"dag_id={task['dag_id']}/run_id={glob.escape(task['dag_run_id'])}/task_id={task['task_id']}"
        mapped = f"map_index={task['map_index']}/" if task["map_index"] >= 0 else ""
        return sorted(self.logs.glob(f"{run}/{mapped}attempt={attempt or task['try_number']}.log"))

    def _stand(self, follower: Follower) -> str:
        lines = []
        for (dag_id, day), cell in follower.look().items():
            if cell.state != "success":
                waiting = [t for t in self.api.tasks(dag_id, cell.run_id) if t["state"] not in (None, "success")]
                lines += [f"{day}: {self.explain(task)}" for task in waiting]
        return "\n".join(lines)


def errors_in(log: str) -> str:
    """The exceptions, and else the warnings, of a task's log, which is one JSON object a line."""
    exceptions, warnings = [], []
    for line in log.splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        exceptions += [f"{one['exc_type']}: {one['exc_value']}" for one in entry.get("error_detail") or []]
        if entry.get("level") in ("warning", "error"):
            warnings.append(str(entry.get("event")))
    return "\n".join(exceptions or warnings)


def wait_until(condition: Callable[[], Any], seconds: float, what: str, pause: float = 0.5) -> Any:
    """Return what the condition gives once that is true; fail, naming what was waited for, if it never is."""
    for _ in ticks(seconds, pause):
        if value := condition():
            return value
    raise AssertionError(f"after {seconds:.0f} s: {what}")
