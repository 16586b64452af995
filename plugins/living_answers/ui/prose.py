"""Turns an answer's page, Markdown by its author, into HTML parts; raw HTML in it stays text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt

from living_answers.ui.html import Html

_SAY_IT = "Say it"
_KNOWN = "Say it|How it works|This run proves|Break it|Where this stops|Sources"
#: A bold phrase that begins a paragraph; the usual ones may also begin a line.
_HEADING = re.compile(
    rf"(?:(?:\A|(?<=\n\n))\*\*([A-Z][^*\n]{{1,40}}?)|^\*\*({_KNOWN}))[.:]?\*\*[.:]?[ \t]*", re.MULTILINE
)


@dataclass(frozen=True)
class Part:
    """A part of the page that begins with a bold word: **How it works.**"""

    heading: str
    html: Html

    @property
    def anchor(self) -> str:
        return re.sub(r"\W+", "-", self.heading.lower()).strip("-")


@dataclass(frozen=True)
class Page:
    """A page by its parts; ``say_it`` stands by itself, for it is what one says aloud."""

    say_it: Html
    parts: tuple[Part, ...]


@lru_cache(maxsize=512)
def page(text: str) -> Page:
    """Split a page after its title into its parts. What precedes the first bold word is a part without a heading."""
    body = text.strip().partition("\n")[2].strip()
    starts = list(_HEADING.finditer(body))
    ends = [*(hit.start() for hit in starts), len(body)][1:]
    before = body[: starts[0].start()] if starts else body
    parts = [Part("", to_html(before))] if before.strip() else []
    for hit, end in zip(starts, ends, strict=True):
        parts.append(Part((hit[1] or hit[2]).strip(), to_html(body[hit.end() : end])))
    say_it = next((part.html for part in parts if part.heading == _SAY_IT), Html(""))
    return Page(say_it, tuple(part for part in parts if part.heading != _SAY_IT))


def to_html(markdown: str) -> Html:
    """Render Markdown; HTML in it comes out as text, and links may only lead to http, https and mail."""
    return Html(_renderer().render(markdown.strip()))


def inline(markdown: str) -> Html:
    """Render one line of Markdown without a paragraph around it."""
    return Html(_renderer().renderInline(" ".join(markdown.split())))


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "typographer": False}).enable(["table", "strikethrough"])
