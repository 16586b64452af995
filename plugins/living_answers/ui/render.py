"""The templates. All they show is escaped, but for what `prose`, `listing` and the templates themselves made."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from living_answers.ui.links import Links
from living_answers.ui.pages import area_name
from living_answers.ui.prose import inline

FOLDER = Path(__file__).parent / "templates"


def render(template: str, links: Links, **shown: Any) -> str:
    """Return a page as HTML."""
    return _environment().get_template(template).render(links=links, **shown)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"inline": inline, "area_name": area_name, "slug": lambda text: text.replace(" ", "-")}
    return environment
