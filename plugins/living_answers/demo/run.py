"""Runs the demo on the running platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr
from rich.console import Console
from rich.live import Live
from rich.table import Table

from living_answers.airflow_api import MAIN_JOB, AirflowApi
from living_answers.demo import report
from living_answers.demo.faults import EVERY_FAULT, FaultControl, malformed_page
from living_answers.follow import Cell, Follower

DAYS = ("2013-01-01", "2013-01-02", "2013-01-03")
PASS_SECONDS, DAY_SECONDS = 240, 30
MOST_COLUMNS = 7
SIGNS = {
    "success": "[green]done[/]",
    "failed": "[red]failed[/]",
    "running": "[yellow]running[/]",
    "queued": "[dim]queued[/]",
}


class DemoFailed(RuntimeError):
    """A day failed, a proof does not hold, or the second pass changed something."""


@dataclass
class Demo:
    """The demo's parts and where it prints."""

    api: AirflowApi
    faults: FaultControl
    console: Console
    days: Sequence[str] = DAYS

    def run(self) -> None:
        """Run the days with faults, run them again, mend the source and replay.

        Raises:
            DemoFailed: something that must hold did not. Everything is printed before.
        """
        start = report.now()
        self.faults.set([*EVERY_FAULT, malformed_page(self.days[1], 3)])
        self.console.rule("[bold]1. Three days of real flights, every fault of the source switched on")
        self.pass_over()
        self._print_faults()
        report.print_steps(self.console, start, "First pass")
        waiting = report.print_letters(self.console)

        self.console.rule("[bold]2. The same days again: nothing may change")
        before, second = report.fingerprints(), report.now()
        self.pass_over()
        report.print_steps(self.console, second, "Second pass")
        changed = report.print_changes(self.console, before, report.fingerprints())

        self.console.rule("[bold]3. The source is mended, the dead letters are replayed")
        self.faults.clear()
        self._replay()
        left = report.print_letters(self.console)
        self.console.print(f"{waiting} waited, {left} are left")

        failed = report.print_proofs(self.console, start)
        if changed or failed or left:
            raise DemoFailed(
                f"{failed} proofs fail, {len(changed)} tables changed in the second pass, {left} letters are left"
            )

    def pass_over(self) -> None:
        """Lead the days through the main job, showing the progress.

        Raises:
            DemoFailed: a task failed for good.
        """
        for dag_id in MAIN_JOB:
            self.api.unpause(dag_id)
        follower = Follower(self.api, self.days)
        for day in self.days:
            self.api.trigger("flights_ingest", partition_key=day)
        self._follow(follower)

    def _replay(self) -> None:
        follower = Follower(self.api, self.days, MAIN_JOB[1:])
        self.api.unpause("flights_replay")
        run_id = self.api.trigger("flights_replay", conf={"approve": True})
        if self.api.wait("flights_replay", run_id, PASS_SECONDS) != "success":
            raise DemoFailed(f"flights_replay failed: {self.api.url}/dags/flights_replay/runs/{run_id}")
        self._follow(follower)

    def _follow(self, follower: Follower) -> None:
        cells: Mapping[tuple[str, str], Cell] = {}
        with Live(console=self.console, refresh_per_second=4) as live:
            for cells in follower.until_done(PASS_SECONDS + DAY_SECONDS * len(follower.days)):
                live.update(self._progress(follower.dags, cells))
        self.console.print()
        if failures := follower.failures():
            names = ", ".join(f"{task['dag_id']}.{task['task_id']} ({task['dag_run_id']})" for task in failures)
            raise DemoFailed(f"failed: {names}. See {self.api.url}")

    def _progress(self, dags: Sequence[str], cells: Mapping[tuple[str, str], Cell]) -> Table:
        if len(self.days) > MOST_COLUMNS:
            return self._counts(dags, cells)
        table = Table("", *self.days, box=None)
        for dag_id in dags:
            table.add_row(dag_id, *(self._cell(cells.get((dag_id, day))) for day in self.days))
        return table

    def _counts(self, dags: Sequence[str], cells: Mapping[tuple[str, str], Cell]) -> Table:
        table = Table(f"{len(self.days)} days", *SIGNS, "to come", box=None)
        for dag_id in dags:
            states = Counter(cells[dag_id, day].state if (dag_id, day) in cells else "to come" for day in self.days)
            table.add_row(dag_id, *(str(states[state] or "") for state in (*SIGNS, "to come")))
        return table

    def _cell(self, cell: Cell | None) -> str:
        if cell is None:
            return "[dim]waits[/]"
        seconds = f" {cell.seconds:.0f} s" if cell.seconds and cell.state == "success" else ""
        return SIGNS.get(cell.state, cell.state) + seconds

    def _print_faults(self) -> None:
        struck = {kind: times for kind, times in self.faults.struck().items() if times}
        words = ", ".join(f"{kind.replace('_', ' ')} {times}" for kind, times in struck.items())
        self.console.print(f"Faults that struck: {words}\n", highlight=False)


def from_variables(variables: Mapping[str, str], console: Console) -> Demo:
    """Make the demo from what ``answers env`` prints."""
    api = AirflowApi(variables["AIRFLOW_URL"], variables["AIRFLOW_USER"], SecretStr(variables["AIRFLOW_PASSWORD"]))
    faults = FaultControl(variables["FLIGHTS_API_URL"], SecretStr(variables["FLIGHTS_API_ADMIN_TOKEN"]))
    return Demo(api, faults, console)
