"""`answers verify`: whether every answer proves what it says, and every counterexample fails where it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from living_answers.cli import platform
from living_answers.cli.common import api_of_platform, console, declared

if TYPE_CHECKING:
    from living_answers.answers.declaration import Declaration
    from living_answers.answers.judge import Judgement
    from living_answers.answers.runner import CanRun


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(verify)


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="ids of answers; all of them if none is named")] = None,
    area: Annotated[list[str] | None, typer.Option(help="only these areas")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=8, help="runs at a time")] = 4,
    local: Annotated[bool, typer.Option("--local", help="in processes of its own, without the scheduler")] = False,
    as_it_is: Annotated[
        bool | None,
        typer.Option("--as-it-is/--broken", help="only the answers themselves, or only the counterexamples"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object, nothing else")] = False,
) -> None:
    """Run every counterexample and every answer; green only if all do just what they promise."""
    from living_answers.answers.runner import verify as verify_all

    answers = chosen(names, area)
    judged: list[Judgement] = []
    missing = set(platform.missing_engines(engine for answer in answers for engine in answer.engines))
    with _runner(local, jobs) as runner:
        for judgement in verify_all(runner, answers, jobs, lambda answer: missing & set(answer.engines), as_it_is):
            judged.append(judgement)
            if not as_json:
                print_judgement(judgement)
                _print_figures(judgement)
    ran = [judgement for judgement in judged if not judgement.engines_missing]
    red = [judgement for judgement in ran if not judgement.green]
    if as_json:
        typer.echo(json.dumps([_plain(judgement) for judgement in judged], indent=1))
    else:
        _print_sum(judged, ran, red)
    if red or not ran:
        raise typer.Exit(1)


def chosen(names: list[str] | None, area: list[str] | None) -> list[Declaration]:
    """Return the answers named, or those of the areas, or all.

    Raises:
        typer.BadParameter: there is no such answer or area.
    """
    from living_answers.catalogue import load

    if unknown := set(area or ()) - set(load().areas):
        raise typer.BadParameter(f"no such area: {', '.join(sorted(unknown))}; there are {', '.join(load().areas)}")
    answers = declared(area)
    if unknown := set(names or ()) - answers.keys():
        raise typer.BadParameter(f"no such answer: {', '.join(sorted(unknown))}; answers list names all")
    return [answers[name] for name in names] if names else list(answers.values())


def print_judgement(judgement: Judgement) -> None:
    """Say in a line how a run was judged, and what was wrong below it."""
    how = f"broken by {judgement.way}" if judgement.way else "as it is"
    if judgement.engines_missing:
        lacking = ", ".join(judgement.engines_missing)
        console.print(f"[yellow]engine missing[/] {judgement.dag_id}: {lacking}; answers doctor says how to get it")
        return
    sign = "[green]green[/]" if judgement.green else "[red]red[/]  "
    console.print(f"{sign} {judgement.dag_id}, {how}: {len(judgement.evidence)} proofs")
    for fault in judgement.faults:
        console.print(f"      {fault}", style="red", markup=False, highlight=False)


def _print_figures(judgement: Judgement) -> None:
    """Show what was expected and observed where a proof failed that should have held."""
    from living_answers.cli.answers import print_evidence

    failed = [one for one in judgement.evidence if not one.holds]
    if surprising := [one for one in failed if f"the proof fails: {one.proof}" in judgement.faults]:
        print_evidence(surprising, title=f"{judgement.dag_id}: what should have held")


@contextmanager
def _runner(local: bool, jobs: int) -> Iterator[CanRun]:
    if not local:
        from living_answers.answers.runner import Runner

        yield Runner(api_of_platform())
        return
    from living_answers.answers.local import LocalRunner

    api_of_platform()  # this process needs the ledger's address, too
    with LocalRunner(platform.local_folder(), platform.airflow_environment(), jobs) as runner:
        yield runner


def _print_sum(judged: list[Judgement], ran: list[Judgement], red: list[Judgement]) -> None:
    missing = len(judged) - len(ran)
    more = f"; {missing} answers were not run, as an engine is missing" if missing else ""
    console.print(f"{len(ran) - len(red)} of {len(ran)} runs did what they promise{more}")


def _plain(judgement: Judgement) -> dict[str, Any]:
    evidence = [asdict(one) for one in judgement.evidence]
    plain = asdict(judgement) | {"green": judgement.green}
    return {**plain, "evidence": json.loads(json.dumps(evidence, default=str))}
