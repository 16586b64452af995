"""The same pages as files: for a host that serves files only, such as GitHub Pages, or for a look without a server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from living_answers.ui import assets, pages
from living_answers.ui.links import OnSite
from living_answers.ui.render import render
from living_answers.ui.shelf import Shelf

#: Stands in a folder that `export` made, and may therefore empty.
MARK = ".living-answers-site"


class NotOurFolder(ValueError):
    """The folder holds something else. The message names it."""


def export(shelf: Shelf, connection: Connection, out: Path, at: datetime) -> int:
    """Write the site into a folder and return the number of pages; ``at`` is the moment that the pages show.

    Raises:
        NotOurFolder: there is something in the folder that was not exported before.
    """
    _empty(out)
    written = 0
    for path, html in _pages(shelf, connection, at):
        file = out / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(html)
        written += 1
    (out / "asset").mkdir()
    for name in assets.TYPES:
        shutil.copyfile(assets.FOLDER / name, out / "asset" / name)
    # GitHub Pages would run a site generator over the files otherwise.
    (out / ".nojekyll").touch()
    return written


def _empty(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        if not (out / MARK).exists():
            raise NotOurFolder(f"{out} holds files that are no exported site: name another folder")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).touch()


def _pages(shelf: Shelf, connection: Connection, at: datetime) -> Iterator[tuple[str, str]]:
    answered = shelf.answered
    top, below = OnSite(0, answered), OnSite(1, answered)
    said = f"{at:%-d %B %Y, %H:%M} UTC"

    def page(template: str, links: OnSite, shown: dict[str, Any]) -> str:
        return render(template, links, site=said, **shown)

    yield "index.html", page("index.html", top, pages.index(shelf))
    yield "claims.html", page("claims.html", top, pages.claims(shelf))
    yield "systems.html", page("systems.html", top, pages.systems(shelf))
    for dag_id in shelf.answers:
        shown = pages.answer(shelf, connection, dag_id, judged_only=True)
        yield f"answer/{dag_id}.html", page("answer.html", below, shown)
    for question_id in shelf.catalogue.questions.keys() - answered.keys():
        yield f"question/{question_id}.html", page("question.html", below, pages.question(shelf, question_id))
