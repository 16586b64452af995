"""`answers list`, `show`, `coverage` and `new`: the questions, their answers, and how they stand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from living_answers.airflow_api import AirflowApiError
from living_answers.cli.common import api_of_platform, console, declared, errors

if TYPE_CHECKING:
    from living_answers.answers.declaration import Declaration
    from living_answers.ledger.judgements import Judged
    from living_answers.ledger.queries import Evidence

SIGNS = {
    "proven": "[green]proven[/]",
    "failing": "[red]failing[/]",
    "broken on purpose": "[magenta]broken on purpose[/]",
    "stale": "[yellow]stale[/]",
    "never run": "[dim]never run[/]",
    "not answered yet": "[dim]not answered yet[/]",
}


_PAIRS, _LETTERS = 6, 100
_BOUNDS = {
    "at_least": "at least ",
    "at_most": "at most ",
    "close": "about ",
    "times_at_least": "at least times ",
    "times_at_most": "at most times ",
}


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(name="list")(list_questions)
    app.command()(show)
    app.command()(coverage)
    app.command()(new)


def list_questions(
    area: Annotated[str | None, typer.Option(help="only this area")] = None,
    status: Annotated[str | None, typer.Option(help=f"only these: {', '.join(SIGNS)}")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="the index that docs/questions.md holds")] = False,
) -> None:
    """List the questions by area, with their answers and how they stand."""
    from living_answers.answers import index
    from living_answers.answers.standing import answers_of, of_questions
    from living_answers.catalogue import load

    catalogue, answers = load(), declared()
    if markdown:
        typer.echo(index.markdown(catalogue, answers), nl=False)
        return
    if area is not None and area not in catalogue.areas:
        raise typer.BadParameter(f"no area {area!r}; there are {', '.join(catalogue.areas)}")
    if status is not None and status not in SIGNS:
        raise typer.BadParameter(f"no status {status!r}; there are {', '.join(SIGNS)}")
    statuses = of_questions(catalogue, answers, judged_so_far())
    table = Table("area", "question", "answer", "status", box=None)
    for question in catalogue.questions.values():
        if area in (None, question.area) and status in (None, statuses[question.id]):
            its = ", ".join(answer.dag_id for answer in answers_of(question.id, answers))
            table.add_row(question.area, question.id, its, SIGNS[statuses[question.id]])
    console.print(table)
    console.print(f"{table.row_count} of {len(catalogue.questions)} questions")


def show(name: Annotated[str, typer.Argument(help="a question, an answer, or the id of any other DAG")]) -> None:
    """Show the page of a question's answer, or of a DAG, and the evidence of its last runs."""
    from living_answers.answers.standing import answers_of
    from living_answers.catalogue import load

    answers, catalogue = declared(), load()
    question = catalogue.questions.get(name)
    found = [answers[name]] if name in answers else answers_of(name, answers)
    if question is not None:
        console.print(f"[bold]{question.question}[/]  [dim]{question.area}[/]")
        if not found:
            console.print(f"Not answered yet. What a run must show: {question.demo}", markup=False)
    for answer in found:
        _show_answer(answer)
    if question is None and not found:
        _show_dag(name)


def coverage(as_json: Annotated[bool, typer.Option("--json", help="one JSON object, nothing else")] = False) -> None:
    """Say how much is proven, by area, claim and system, from the last verified evidence."""
    from living_answers.answers import standing
    from living_answers.catalogue import load

    found = standing.coverage(load(), declared(), judged_so_far())
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    keys = ("questions", "proven", "broken_on_purpose")
    table = Table("area", *(key.replace("_", " ") for key in keys), box=None)
    for area, counts in found["areas"].items():
        table.add_row(area, *(str(counts[key]) for key in keys))
    table.add_row("all", *(str(sum(counts[key] for counts in found["areas"].values())) for key in keys), style="bold")
    console.print(table)
    for name in ("claims", "systems"):
        counted = ", ".join(f"{word}: {count}" for word, count in found[name].items())
        console.print(f"[bold]{name}[/] {counted}")


def new(
    area: Annotated[str, typer.Argument(help="the area, which is the folder in dags/")],
    slug: Annotated[str, typer.Argument(help="the name of the file and of the DAG, such as csv_to_database")],
    question: Annotated[list[str] | None, typer.Option(help="the questions that it will answer")] = None,
) -> None:
    """Write the skeleton of an answer: a file that runs, and whose proof fails until you have written it."""
    from living_answers.answers.skeleton import SkeletonError, write

    try:
        file = write(area, slug, question or [])
    except SkeletonError as error:
        errors.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    console.print(f"{file}\nWrite it, then: answers verify {slug}", markup=False, highlight=False)


def judged_so_far() -> list[Judged]:
    """Return the latest judgements of the platform's ledger."""
    from living_answers import ledger
    from living_answers.ledger import judgements

    api_of_platform()
    with ledger.engine().connect() as connection:
        return judgements.latest(connection)


def print_evidence(found: Sequence[Evidence], title: str = "Evidence") -> None:
    """Show evidence as a table: what was expected beside what was observed."""
    table = Table("proof", "expected", "observed", "", title=title, title_justify="left", box=None)
    for one in found:
        sign = "[green]holds[/]" if one.holds else "[red]fails[/]"
        unit = f" {one.unit}" if one.unit else ""
        wanted, seen = (escape(_short(value)) for value in _different(one.expected, one.observed))
        bound = _BOUNDS.get(one.how, "")
        table.add_row(
            one.proof, f"{bound}{wanted}{unit}", "the same" if one.expected == one.observed else f"{seen}{unit}", sign
        )
    console.print(table if found else "No evidence yet: run it.")


def _different(expected: Any, observed: Any) -> tuple[Any, Any]:
    """Of two mappings that differ, the pairs that do; anything else as it is."""
    mappings = isinstance(expected, Mapping) and isinstance(observed, Mapping)
    if not mappings or expected == observed or "distinct" in observed:
        return expected, observed
    keys = [key for key in {**expected, **observed} if expected.get(key) != observed.get(key)]
    return {key: expected.get(key) for key in keys}, {key: observed.get(key) for key in keys}


def _short(value: Any) -> str:
    """A value in a few lines: the first pairs of a mapping, the first letters of anything else."""
    if isinstance(value, Mapping) and {"rows", "distinct"} <= value.keys():
        return f"{value['rows']} rows, {value['distinct']} distinct"
    if isinstance(value, Mapping) and set(value) == {"times", "of"}:
        return f"{value['times']} ({_short(value['of'][0])} to {_short(value['of'][1])})"
    if isinstance(value, Mapping):
        lines = [f"{key}: {str(item)[:_LETTERS]}" for key, item in value.items()]
        more = [f"and {len(lines) - _PAIRS} more"] if len(lines) > _PAIRS else []
        return "\n".join([*lines[:_PAIRS], *more])
    told = f"{value:.5g}" if isinstance(value, float) else str(value)
    return told if len(told) <= _LETTERS else f"{told[:_LETTERS]} ..."


def _show_answer(answer: Declaration) -> None:
    console.print(Markdown(answer.page))
    for claim, told in answer.claims.items():
        console.print(f"[bold]{told.verdict}[/] {claim}: {told.truth}")
    for system, instead in answer.stand_ins.items():
        console.print(f"[yellow]stand-in[/] for {system}: {instead}")
    _print_last_evidence(answer.dag_id)
    ways = "".join(f"\n  answers run {answer.dag_id} --break {way}" for way in answer.breaks)
    console.print(f"\nProve it: answers run {answer.dag_id}\nBreak it:{ways}", markup=False, highlight=False)


def _show_dag(name: str) -> None:
    api = api_of_platform()
    try:
        page = api.details(name).get("doc_md") or "This DAG has no page."
    except AirflowApiError as failure:
        told = f"no question, answer or DAG is called {name!r}; answers list names them ({failure})"
        errors.print(told, style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    console.print(Markdown(page))
    _print_last_evidence(name)


def _print_last_evidence(dag_id: str) -> None:
    from living_answers import ledger
    from living_answers.ledger import queries

    api_of_platform()
    with ledger.engine().connect() as connection:
        runs = queries.last_runs(connection, dag_id, most=3)
        found = queries.evidence(connection, run_ids=runs)
    for run in runs:
        mine = [one for one in reversed(found) if (one.run_id, one.dag_id) == (run, dag_id)]
        how = f"broken by {mine[0].break_it}" if mine[0].break_it else "as it is"
        print_evidence(mine, f"{mine[-1].recorded_at:%Y-%m-%d %H:%M:%S}, {how}")
    if not runs:
        print_evidence([])
    _print_plans(dag_id, runs[:1])


def _print_plans(dag_id: str, run_ids: list[str]) -> None:
    """Show the execution plans of the last run as indented text."""
    from living_answers import ledger
    from living_answers.ui import plan_pictures

    with ledger.engine().connect() as connection:
        found = plan_pictures.kept(connection, dag_id, run_ids)
    for shown in plan_pictures.draw([one for kept in found.values() for one in kept]):
        console.print(f"\n[bold]{escape(shown.title)}[/]  {shown.rows}, {shown.buffers}")
        console.print(shown.text, markup=False, highlight=False, soft_wrap=True)
