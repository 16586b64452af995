"""Runs one answer before the reader's eyes: its tasks as they go, then the evidence and the judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.live import Live
from rich.table import Table

from living_answers.airflow_api import ENDED, AirflowApi, RunTimeout, ticks
from living_answers.cli import platform
from living_answers.cli.answers import print_evidence
from living_answers.cli.common import console, declared
from living_answers.cli.verify import print_judgement

if TYPE_CHECKING:
    from living_answers.answers.declaration import Declaration
    from living_answers.answers.judge import Judgement

_COLOURS = {
    "success": "green",
    "failed": "red",
    "running": "cyan",
    "upstream_failed": "yellow",
    "up_for_retry": "yellow",
}


def answers_named(name: str, way: str | None) -> list[Declaration]:
    """Return the answer of that name, or those to the question of that name; none if it is another DAG's.

    Raises:
        typer.BadParameter: nothing of that name can be broken in this way.
    """
    from living_answers.answers.standing import answers_of

    answers = declared()
    found = [answers[name]] if name in answers else answers_of(name, answers)
    able = [answer for answer in found if way is None or way in answer.breaks]
    if way is not None and not able:
        ways = sorted({known for answer in found for known in answer.breaks})
        raise typer.BadParameter(f"{name} cannot be broken by {way!r}; its ways: {', '.join(ways) or 'none'}")
    return able


def run_live(api: AirflowApi, answer: Declaration, way: str | None) -> bool:
    """Run an answer and show its tasks live, its evidence and the judgement; return whether it is green.

    Raises:
        AirflowApiError: Airflow does not know the answer yet.
        RunTimeout: it has not ended within ten minutes.
    """
    from living_answers.answers.runner import RUN_SECONDS, Runner

    if missing := platform.missing_engines(answer.engines):
        console.print(f"[yellow]engine missing[/]: {', '.join(missing)}; answers doctor says how to get it")
        return False
    runner = Runner(api)
    run_id = runner.start(answer, way)
    console.print(f"[bold]{answer.title}[/]  [dim]{api.url}/dags/{answer.dag_id}/runs/{run_id}[/]", soft_wrap=True)
    with Live(console=console, refresh_per_second=4, transient=not console.is_terminal) as live:
        for _ in ticks(RUN_SECONDS):
            state = str(api.run(answer.dag_id, run_id)["state"])
            live.update(_tasks(api.tasks(answer.dag_id, run_id)))
            if state in ENDED:
                break
        else:
            raise RunTimeout(f"{answer.dag_id} {run_id} has not ended within {RUN_SECONDS} s")
    judgement = runner.finish(answer, run_id, way)
    print_evidence(list(reversed(judgement.evidence)))
    _explain(answer, judgement)
    print_judgement(judgement)
    return judgement.green


def _tasks(tasks: list[dict[str, Any]]) -> Table:
    table = Table("task", "state", "seconds", box=None)
    for task in sorted(tasks, key=lambda task: (task.get("start_date") or "~", task["task_id"])):
        state = task["state"] or "waiting"
        seconds = f"{task['duration']:.1f}" if task.get("duration") else ""
        table.add_row(task["task_id"], f"[{_COLOURS.get(state, 'dim')}]{state}[/]", seconds)
    return table


def _explain(answer: Declaration, judgement: Judgement) -> None:
    """Print what differs where a proof failed, and say of a counterexample that it was meant to."""
    for one in judgement.evidence:
        if not one.holds and one.difference:
            console.print(f"{one.proof}:", one.difference, markup=False, highlight=False)
    if judgement.way and judgement.green:
        console.print(f"It failed where it should: {answer.breaks[judgement.way].what}.", style="magenta")
