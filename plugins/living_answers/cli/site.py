"""`answers site`: the pages as files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from living_answers.cli.common import api_of_platform, console, errors


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(site)


def site(out: Annotated[Path, typer.Option(help="the folder to write to")] = Path("site")) -> None:
    """Write the questions, answers, claims and systems as a static site, with the evidence of the last judged runs."""
    from living_answers import ledger
    from living_answers.answers.declaration import DAGS
    from living_answers.ui import shelf
    from living_answers.ui.site import NotOurFolder, export

    api_of_platform()  # tells this process where the ledger is
    with ledger.engine().connect() as connection:
        seen = shelf.look(connection, DAGS)
        moment = max((one.judged_at for one in seen.judged), default=datetime.now(UTC))
        try:
            written = export(seen, connection, out, moment.astimezone(UTC))
        except NotOurFolder as error:
            errors.print(str(error), style="red", markup=False, highlight=False)
            raise typer.Exit(1) from None
    console.print(f"{written} pages in {out}: open {out / 'index.html'}, or serve the folder")
