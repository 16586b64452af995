"""Highlights an answer's code, line by line, so that a proof can point to the line on which it stands."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache

from living_answers.ui.html import Html


@dataclass(frozen=True)
class Line:
    """A line of the file, by the number that it has there."""

    number: int
    html: Html


@lru_cache(maxsize=512)
def lines(code: str) -> tuple[Line, ...]:
    """Return the file's lines after its docstring, which the page shows as prose already."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    html = highlight(code, PythonLexer(stripnl=False, ensurenl=True), HtmlFormatter(nowrap=True))
    # The formatter closes its tags at each line's end, so that lines may be told apart. It escapes what it prints.
    numbered = enumerate(html.rstrip("\n").split("\n"), start=1)
    first = _first(code)
    return tuple(Line(number, Html(line)) for number, line in numbered if number >= first)


def line_of(code: str, proof: str) -> int | None:
    """Return the line of the call that makes this proof, if its name stands there in full."""
    for number, line in enumerate(code.splitlines(), start=1):
        if number >= _first(code) and f'"{proof}"' in line and "prove(" in _around(code, number):
            return number
    return None


@lru_cache(maxsize=512)
def _first(code: str) -> int:
    """The number of the first line with code behind the docstring."""
    tree = ast.parse(code)
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    return body[0].lineno if body else 1


def _around(code: str, number: int) -> str:
    """The line, and the one before it: the name may stand under its call."""
    return "\n".join(code.splitlines()[max(0, number - 2) : number])
