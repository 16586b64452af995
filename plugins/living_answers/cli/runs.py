"""`answers demo` and `run`: what a person does with the running platform."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

import typer
from rich.table import Table

from living_answers.airflow_api import AirflowApiError
from living_answers.cli import platform
from living_answers.cli.common import api_of_platform, console, errors, variables
from living_answers.cli.prove import answers_named, run_live


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(demo)
    app.command()(run)


def demo() -> None:
    """Start the platform, run three days of flights with faults, run them again, replay the dead letters."""
    from living_answers.demo.run import DemoFailed, from_variables

    platform.up()
    known = variables()
    try:
        from_variables(known, console).run()
    except (DemoFailed, TimeoutError, AirflowApiError) as failure:
        errors.print(str(failure), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    finally:
        _print_addresses(known)


def run(
    name: Annotated[str, typer.Argument(help="an answer, a question, 'flights' for the whole main job, or a DAG")],
    way: Annotated[str | None, typer.Option("--break", help="an answer: break it on purpose, in this way")] = None,
    day: Annotated[str | None, typer.Option(help="the day, such as 2013-01-01")] = None,
    first: Annotated[str | None, typer.Option("--from", help="the first day of a range")] = None,
    last: Annotated[str | None, typer.Option("--to", help="the last day of a range")] = None,
    approve: Annotated[bool, typer.Option(help="flights_replay: do not ask a person")] = False,
) -> None:
    """Run an answer, broken on purpose if you say how, or the main job for a day or a range; wait for its end."""
    from living_answers.demo.run import DemoFailed

    answers = answers_named(name, way)
    try:
        if name == "flights":
            good = _run_main_job(_days(day, first, last))
        elif answers:
            good = not [answer for answer in answers if not run_live(api_of_platform(), answer, way)]
        else:
            good = _run_dag(name, day, approve=approve)
    except (DemoFailed, TimeoutError, AirflowApiError) as failure:
        errors.print(str(failure), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    if not good:
        raise typer.Exit(1)


def _run_main_job(days: list[str]) -> bool:
    from living_answers.demo import report
    from living_answers.demo.run import from_variables

    runner = from_variables(variables(), console)
    runner.days = days
    start = report.now()
    runner.pass_over()
    report.print_steps(console, start, f"{days[0]} to {days[-1]}")
    return not report.print_proofs(console, start)


def _run_dag(name: str, day: str | None, *, approve: bool) -> bool:
    api = api_of_platform()
    run_id = api.trigger(name, partition_key=day, conf={"approve": True} if approve else None)
    state = api.wait(name, run_id, seconds=900)
    console.print(f"{name} {run_id}: {state}")
    return state == "success"


def _days(day: str | None, first: str | None, last: str | None) -> list[str]:
    try:
        start, end = (date.fromisoformat(each or "") for each in (first or day, last or first or day))
    except ValueError:
        raise typer.BadParameter(
            "name a day (--day 2013-01-01) or a range (--from 2013-01-01 --to 2013-01-31)"
        ) from None
    if end < start:
        raise typer.BadParameter(f"the range ends on {end}, before it begins on {start}")
    return [(start + timedelta(days=offset)).isoformat() for offset in range((end - start).days + 1)]


def _print_addresses(known: dict[str, str]) -> None:
    table = Table(
        box=None, show_header=False, title="The platform stays up (answers down stops it)", title_justify="left"
    )
    table.add_row(
        "Airflow",
        f"{known['AIRFLOW_URL']}  login {known['AIRFLOW_USER']}, password {known['AIRFLOW_PASSWORD']}",
    )
    table.add_row("Data Docs", known.get("DATA_DOCS_URL", ""))
    table.add_row("Metrics", known["METRICS_URL"])
    if "PROMETHEUS_URL" in known:
        table.add_row("Prometheus", known["PROMETHEUS_URL"])
    console.print(table)
