"""`answers verify`: whether every answer proves what it says, and every counterexample fails where it says."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from living_answers.cli.runs import api_of_platform, console

errors = Console(stderr=True, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(verify)


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="ids of answers; all of them if none is named")] = None,
    area: Annotated[list[str] | None, typer.Option(help="only these areas")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=8, help="runs at a time")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object, nothing else")] = False,
) -> None:
    """Run every answer and every counterexample; green only if all do just what they promise."""
    from living_answers.answers.declaration import read_all
    from living_answers.answers.judge import Judgement
    from living_answers.answers.runner import Runner

    answers = read_all(areas=area)
    if names:
        if unknown := set(names) - answers.keys():
            raise typer.BadParameter(f"no such answer: {', '.join(sorted(unknown))}; answers list names all")
        answers = {name: answers[name] for name in names}
    judged: list[Judgement] = []
    for judgement in Runner(api_of_platform()).verify(answers.values(), jobs):
        judged.append(judgement)
        if not as_json:
            _print(judgement)
    red = [judgement for judgement in judged if not judgement.green]
    if as_json:
        typer.echo(json.dumps([_plain(judgement) for judgement in judged], indent=1))
    else:
        console.print(f"{len(judged) - len(red)} of {len(judged)} runs did what they promise")
    if red or not judged:
        raise typer.Exit(1)


def _print(judgement: Any) -> None:
    how = f"broken by {judgement.way}" if judgement.way else "as it is"
    proofs = len(judgement.evidence)
    console.print(
        f"{'[green]green[/]' if judgement.green else '[red]red[/]  '} {judgement.dag_id}, {how}: {proofs} proofs"
    )
    for fault in judgement.faults:
        console.print(f"      {fault}", style="red", markup=False, highlight=False)


def _plain(judgement: Any) -> dict[str, Any]:
    plain = {"dag_id": judgement.dag_id, "way": judgement.way, "green": judgement.green, "faults": judgement.faults}
    evidence = [asdict(one) for one in judgement.evidence]
    return {**plain, "evidence": json.loads(json.dumps(evidence, default=str))}
