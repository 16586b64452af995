"""`answers up`, `down`, `status`, `doctor` and `env`: the only module of the library that knows `embedded`.

It imports it where it is used, so that `answers --help` does not wait for clients of databases and of AWS.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (up, down, status, doctor, env):
        app.command()(command)


def up(
    engines: Annotated[
        list[str] | None, typer.Option("--with", help="an engine on demand; `answers doctor` lists them")
    ] = None,
) -> None:
    """Start the platform, or what of it is not running, and wait until every service answers.

    With --with, a platform that runs is left as it is, and only the engines are started. Each `up` starts those again
    that were asked for before.
    """
    from embedded.display import Display
    from embedded.home import Home
    from embedded.on_demand import wanted
    from embedded.platform import Platform, all_running
    from embedded.platform import up as start_all
    from embedded.service import ServiceError

    home = Home.default()
    try:
        if not (engines and all_running(home)):
            with Display(console) as display:
                start_all(home, display.report, display.note)
        outcome = ensure_engines([*wanted(home), *(engines or [])])
    except (ServiceError, OSError) as error:
        errors.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    for name, problem in outcome.items():
        if problem:
            errors.print(f"engine {name} is missing. {problem}", style="red", markup=False, highlight=False)
    variables = Platform.load(home).connections().shell()
    console.print(f"\nAirflow: {variables['AIRFLOW_URL']}  login admin, password {variables['AIRFLOW_PASSWORD']}")
    console.print('For psql, boto3 or a notebook: eval "$(answers env)"', markup=False, highlight=False)
    if any(outcome[name] for name in engines or []):
        raise typer.Exit(1)


def ensure_engines(names: Iterable[str]) -> dict[str, str | None]:
    """Fetch and start engines on demand, shown on the terminal; for each name None if it is up, else why it is not."""
    from embedded.display import Display
    from embedded.home import Home
    from embedded.on_demand import ensure

    # On stderr, since stdout may be JSON; and not as a live table: a terminal takes one, and that is the progress bar.
    display = Display(errors)
    columns = (TextColumn("fetching {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        bars = {}

        def progress(what: str, done: float, total: float) -> None:
            if what not in bars:
                bars[what] = bar.add_task(what)
            bar.update(bars[what], completed=done, total=total)

        return ensure(Home.default(), names, display.report_line, progress)


def down() -> None:
    """Stop the platform; its data stays."""
    from embedded.display import Display
    from embedded.home import Home
    from embedded.platform import down as stop_all
    from embedded.service import ServiceError

    try:
        with Display(console) as display:
            strays = stop_all(Home.default(), display.report)
    except (ServiceError, OSError) as error:
        errors.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    if strays:
        console.print(f"{strays} stray processes were ended too")


def status() -> None:
    """Talk to each service and show what it says; the exit code is 1 if one does not answer."""
    from embedded.home import Home
    from embedded.platform import Platform
    from embedded.platform import status as ask_all

    found = ask_all(Platform.load(Home.default()))
    table = Table("service", "state", "pid", "memory", box=None)
    table.add_column("address and problem", overflow="fold")
    for one in found:
        memory = f"{one.memory / 1e6:.0f} MB" if one.memory else ""
        style = {"running": "green", "failing": "red"}.get(one.state, "dim")
        where = f"{one.address} {one.problem}".strip()
        table.add_row(one.name, f"[{style}]{one.state}[/]", str(one.pid or ""), memory, where)
    console.print(table)
    console.print(f"memory in all: {sum(one.memory for one in found) / 1e6:.0f} MB")
    if any(one.state != "running" for one in found):
        raise typer.Exit(1)


def doctor() -> None:
    """Say what this machine lacks and how to get it; the exit code is 1 if the platform cannot run."""
    from embedded.doctor import examine
    from embedded.home import Home

    findings = examine(Home.default())
    signs = {"ok": "[green]ok[/]", "missing": "[red]missing[/]", "optional": "[yellow]optional[/]"}
    for finding in findings:
        console.print(f"{signs[finding.state]:<20} {finding.subject}: {finding.detail}", highlight=False)
        if finding.remedy:
            console.print(f"{'':<9} {finding.remedy}", markup=False, highlight=False)
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


def variables() -> dict[str, str]:
    """Return what `env` prints, as a mapping."""
    from embedded.home import Home
    from embedded.platform import Platform

    return dict(Platform.load(Home.default()).connections().shell())


def airflow_environment() -> dict[str, str]:
    """Return what Airflow's own processes are told."""
    from embedded.home import Home
    from embedded.platform import Platform

    return dict(Platform.load(Home.default()).airflow().environment())


def local_folder() -> Path:
    """Return where runs outside the scheduler keep what Airflow notes of them."""
    from embedded.home import Home

    return Home.default().root / "local"


def missing_engines(names: Iterable[str]) -> list[str]:
    """Start the engines on demand that are named; say why some cannot be had, and return those."""
    missing = {name: problem for name, problem in ensure_engines(names).items() if problem}
    for name, problem in missing.items():
        errors.print(f"engine {name} is missing. {problem}", style="yellow", markup=False, highlight=False)
    return list(missing)


def env(
    airflow: Annotated[bool, typer.Option("--airflow", help="What Airflow's own processes are told, too.")] = False,
) -> None:
    """Print addresses and credentials as shell exports: eval "$(answers env)"."""
    from embedded.connections import exports
    from embedded.home import Home
    from embedded.platform import Platform

    platform = Platform.load(Home.default())
    shell = dict(platform.connections().shell())
    if airflow:
        shell |= platform.airflow().environment()
    typer.echo(exports(shell))
