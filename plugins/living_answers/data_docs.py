"""Publishes Great Expectations' Data Docs: one small site for each data set and partition, and one index for all.

Great Expectations writes a site in place, page by page, and its pages ask a dozen hosts of the internet for styles,
scripts and a logo: without a network they are bare, and their index is empty. Here it writes into a scratch folder; of
its site the page of the validation is kept, with a style sheet of ours and nothing from elsewhere. The folder then
takes the old one's place, so that runs at the same time neither mix nor show half a page.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from urllib.parse import quote

STYLE = Path(__file__).with_name("data_docs.css")


def default_folder() -> Path:
    """Return the folder that the environment variable LIVING_ANSWERS_DATA_DOCS names, or one under the state folder."""
    return Path(os.environ.get("LIVING_ANSWERS_DATA_DOCS") or Path(".platform", "data-docs")).absolute()


def url_of(page: Path, docs: Path) -> str:
    """Return the page's address: below LIVING_ANSWERS_DATA_DOCS_URL where the folder is served, else a file URL."""
    base = os.environ.get("LIVING_ANSWERS_DATA_DOCS_URL") or docs.absolute().as_uri()
    return f"{base.rstrip('/')}/{quote(page.relative_to(docs).as_posix())}"


@contextmanager
def site(docs: Path, dataset: str, partition: str) -> Iterator[tuple[Path, Path]]:
    """Give a scratch folder to build a site in and the place it will have; publish it when the block ends well.

    Raises:
        ValueError: the data set or the partition is not a plain name, and could point out of the folder.
    """
    place = docs / "sites" / _plain(dataset) / _plain(partition)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=docs) as scratch:
        built = Path(scratch, "site")
        built.mkdir()
        yield built, place
        _keep_the_validation(built)
        with _lock(docs):
            if place.exists():
                place.replace(Path(scratch, "old"))
            built.replace(place)
            shutil.copyfile(STYLE, docs / "style.css")
            _write_index(docs)


def _keep_the_validation(built: Path) -> None:
    """Make the page of the validation, freed from other hosts, all that is left of Great Expectations' site."""
    pages = sorted(built.glob("validations/**/*.html"))
    if not pages:
        return
    page = free_from_other_hosts(pages[-1].read_text())
    shutil.rmtree(built)
    built.mkdir()
    (built / "index.html").write_text(page)


def free_from_other_hosts(page: str) -> str:
    """Take out of a page what it would fetch or run, and link our style sheet in its place."""
    page = re.sub(r"<script\b.*?</script>|<footer\b.*?</footer>", "", page, flags=re.DOTALL)
    page = re.sub(r"<link\b[^>]*>|<img\b[^>]*>", "", page)
    page = re.sub(r'href="(\.\./)*index\.html"', 'href="../../../index.html"', page)
    page = re.sub(r'<a href="(\.\./)*expectations/[^>]*>(.*?)</a>', r"\2", page)
    return page.replace("</head>", f'<link rel="stylesheet" href="../../../style.css">{_VIEWPORT}</head>', 1)


def _plain(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(f"{name!r} cannot name a site: use letters, digits, dots, dashes and underscores")
    return name


@contextmanager
def _lock(docs: Path) -> Iterator[None]:
    with (docs / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # freed with the file, also when the process dies
        yield


def _write_index(docs: Path) -> None:
    pages = {page.parts[-3:-1]: page.relative_to(docs).as_posix() for page in docs.glob("sites/*/*/index.html")}
    datasets = sorted({dataset for dataset, _ in pages})
    partitions = sorted({partition for _, partition in pages}, reverse=True)
    rows = "\n".join(
        _row(partition, [pages.get((dataset, partition)) for dataset in datasets]) for partition in partitions
    )
    heads = "".join(f"<th scope=col>{escape(dataset)}" for dataset in datasets)
    scratch = docs / ".index.html"
    scratch.write_text(f"{_INDEX_HEAD}<tr><th scope=col>day{heads}\n{rows}\n</table>\n")
    scratch.replace(docs / "index.html")


def _row(partition: str, pages: list[str | None]) -> str:
    return f"<tr><th scope=row>{escape(partition)}{''.join(map(_cell, pages))}"


def _cell(page: str | None) -> str:
    return f'<td><a href="{quote(page)}">validation</a>' if page else "<td>"


_VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'
_INDEX_HEAD = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
{_VIEWPORT}
<title>Data Docs</title>
<link rel="stylesheet" href="style.css">
<main>
<h1>Data Docs</h1>
<p>What Great Expectations saw in each data set before it was loaded, by day. The suites are in
<code>expectations/</code>.</p>
<table>
"""
