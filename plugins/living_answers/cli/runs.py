"""`answers demo`, `run`, `list` and `show`: what a person does with the running platform."""

from __future__ import annotations

import os
import sys
from datetime import date, timedelta
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from living_answers.airflow_api import AirflowApi, AirflowApiError
from living_answers.cli import platform

# Tables need room: a pipe or a log file has no width of its own, and 80 columns would cut the names.
console = Console(width=None if sys.stdout.isatty() else 120)
errors = Console(stderr=True, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(demo)
    app.command()(run)
    app.command(name="list")(list_dags)
    app.command()(show)


def demo() -> None:
    """Start the platform, run three days of flights with faults, run them again, replay the dead letters."""
    from living_answers.demo.run import DemoFailed, from_variables

    platform.up()
    variables = _variables()
    try:
        from_variables(variables, console).run()
    except (DemoFailed, TimeoutError, AirflowApiError) as failure:
        errors.print(str(failure), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    finally:
        _print_addresses(variables)


def run(
    name: Annotated[str, typer.Argument(help="'flights' for the whole main job, or the id of a DAG")],
    day: Annotated[str | None, typer.Option(help="the day, such as 2013-01-01")] = None,
    first: Annotated[str | None, typer.Option("--from", help="the first day of a range")] = None,
    last: Annotated[str | None, typer.Option("--to", help="the last day of a range")] = None,
    approve: Annotated[bool, typer.Option(help="flights_replay: do not ask a person")] = False,
) -> None:
    """Run a DAG, or the main job for a day or a range of days, and wait for its end."""
    from living_answers.demo import report
    from living_answers.demo.run import DemoFailed, from_variables

    runner = from_variables(_variables(), console)
    try:
        if name == "flights":
            runner.days = _days(day, first, last)
            start = report.now()
            runner.pass_over()
            report.print_steps(console, start, f"{runner.days[0]} to {runner.days[-1]}")
            raise typer.Exit(1 if report.print_proofs(console, start) else 0)
        run_id = runner.api.trigger(name, partition_key=day, conf={"approve": True} if approve else None)
        state = runner.api.wait(name, run_id, seconds=900)
        console.print(f"{name} {run_id}: {state}")
    except (DemoFailed, TimeoutError, AirflowApiError) as failure:
        errors.print(str(failure), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    if state != "success":
        raise typer.Exit(1)


def list_dags() -> None:
    """List the DAGs with the state of their last run."""
    api = api_of_platform()
    table = Table("DAG", "what it is", "last run", box=None)
    try:
        dags = api.dags()
    except AirflowApiError as failure:
        errors.print(str(failure), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    for dag in dags:
        title = (dag.get("description") or _title(api, dag["dag_id"])).strip()
        newest = api.runs(dag["dag_id"], limit=1)
        table.add_row(dag["dag_id"], title, newest[0]["state"] if newest else "never run")
    console.print(table)


def show(name: Annotated[str, typer.Argument(help="the id of a DAG")]) -> None:
    """Show a DAG's page (what it does, how it fails, what to do then) and the evidence of its last runs."""
    api = api_of_platform()
    try:
        console.print(Markdown(api.details(name).get("doc_md") or "This DAG has no page."))
    except AirflowApiError as failure:
        errors.print(str(failure), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    _print_evidence([run["dag_run_id"] for run in api.runs(name, limit=3)])


def _print_evidence(run_ids: list[str]) -> None:
    from living_answers import ledger
    from living_answers.ledger import queries

    with ledger.engine().connect() as connection:
        found = queries.evidence(connection, run_ids=run_ids, most=40)
    table = Table("when", "proof", "expected", "observed", "", title="Evidence of the last runs", title_justify="left")
    for one in found:
        sign = "[green]holds[/]" if one.holds else "[red]fails[/]"
        when = one.recorded_at.strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, one.proof, f"{one.expected} {one.unit or ''}", str(one.observed), sign)
    console.print(table if found else "No evidence yet: run it.")


def _title(api: AirflowApi, dag_id: str) -> str:
    page = api.details(dag_id).get("doc_md") or ""
    return str(page).strip().split("\n", 1)[0].lstrip("# ")


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


def api_of_platform() -> AirflowApi:
    """Return Airflow as its admin sees it; this process then knows where the ledger is, too."""
    variables = _variables()
    return AirflowApi(variables["AIRFLOW_URL"], variables["AIRFLOW_USER"], SecretStr(variables["AIRFLOW_PASSWORD"]))


def _variables() -> dict[str, str]:
    """The platform's addresses: those of the environment if they stand there, else the embedded platform's."""
    variables = dict(os.environ) if "AIRFLOW_URL" in os.environ else platform.variables()
    os.environ.setdefault("AIRFLOW_CONN_LEDGER", variables["WAREHOUSE_URL"])
    return variables


def _print_addresses(variables: dict[str, str]) -> None:
    table = Table(
        box=None, show_header=False, title="The platform stays up (answers down stops it)", title_justify="left"
    )
    table.add_row(
        "Airflow",
        f"{variables['AIRFLOW_URL']}  login {variables['AIRFLOW_USER']}, password {variables['AIRFLOW_PASSWORD']}",
    )
    table.add_row("Data Docs", variables.get("DATA_DOCS_URL", ""))
    table.add_row("Metrics", variables["METRICS_URL"])
    if "PROMETHEUS_URL" in variables:
        table.add_row("Prometheus", variables["PROMETHEUS_URL"])
    console.print(table)
