"""The exported site: complete, still, and its links lead somewhere."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from living_answers.ui import shelf
from living_answers.ui.site import NotOurFolder, export

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def export_all(answers: Any, out: Path) -> int:
    with answers.engine.connect() as connection:
        return export(shelf.look(connection, answers.folder), connection, out, AT)


@pytest.fixture
def site(answers: Any, tmp_path: Path) -> Path:
    answers.write("load", questions=("etl-idempotent-pipelines",))
    answers.prove("load")
    answers.judge("load")
    answers.prove("load", "not judged", way="twice")
    export_all(answers, tmp_path / "site")
    return tmp_path / "site"


def test_every_link_on_the_site_leads_to_a_file(site: Path) -> None:
    missing = set()
    for file in site.rglob("*.html"):
        for address in re.findall(r'(?:href|src)="([^"#]+)', file.read_text()):
            if not address.startswith("http") and not (file.parent / address.partition("?")[0]).exists():
                missing.add(f"{file.relative_to(site)}: {address}")
    assert not missing
    assert len(list(site.rglob("*.html"))) == 3 + 1 + 279


def test_the_site_is_still_and_says_of_when(site: Path) -> None:
    html = (site / "answer/load.html").read_text()
    assert "2 January 2026, 03:04 UTC" in html
    assert "data-run-way" not in html
    assert "in Airflow" not in html


def test_the_site_shows_judged_runs_only(site: Path) -> None:
    html = (site / "answer/load.html").read_text()
    assert "It did what it promises" in html
    assert "Nobody has broken it this way yet." in html


def test_an_export_replaces_an_export_and_nothing_else(answers: Any, site: Path, tmp_path: Path) -> None:
    (site / "answer/old.html").write_text("")
    export_all(answers, site)
    assert not (site / "answer/old.html").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(NotOurFolder):
        export_all(answers, tmp_path / "mine")
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"
