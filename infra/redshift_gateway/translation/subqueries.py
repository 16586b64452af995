"""For PostgreSQL 15 only: a subquery in FROM without a name, which Redshift takes, as PostgreSQL 16 does."""

import re
from dataclasses import replace
from typing import Final

from redshift_gateway.statements.lexer import Kind, Token, join, tokenize
from redshift_gateway.translation.translate import Translation

NAMED_SINCE: Final = 16  # the version of PostgreSQL that asks for no name
_MAY_LACK_ONE: Final = re.compile(rb"\b(?:from|join)\s*(?:\(|/\*|--)", re.IGNORECASE)
_QUERIES: Final = frozenset({"select", "with", "values"})
_NO_NAME: Final = frozenset({
    "", ")", ",", ";", "where", "group", "order", "having", "limit", "offset", "fetch", "union", "intersect", "except",
    "minus", "window", "for", "on", "using", "join", "inner", "left", "right", "full", "cross", "natural", "qualify",
    "returning", "when", "set",
})  # fmt: skip


def may_lack_names(sql: bytes) -> bool:
    """Whether a statement is worth a look."""
    return _MAY_LACK_ONE.search(sql) is not None


def all_named(translation: Translation) -> Translation:
    """The same statements, those within UNLOAD too, with names."""
    unloads = {k: replace(u, query=named(u.query)) for k, u in translation.unloads.items()}
    return replace(translation, statements=[named(s) for s in translation.statements], unloads=unloads)


def named(sql: str) -> str:
    """The statement with a name for each subquery in FROM or JOIN that has none."""
    tokens = tokenize(sql)
    found = [t for t in tokens if t.kind is not Kind.SPACE]
    ends = _unnamed(found)
    result: list[Token] = []
    for token in tokens:
        result.append(token)
        if (number := ends.get(id(token))) is not None:
            result.append(Token(Kind.WORD, f" AS subquery_{number}"))
    return join(result) if ends else sql


def _unnamed(tokens: list[Token]) -> dict[int, int]:
    """The closing parentheses after which a name is missing, by identity, numbered."""
    ends: dict[int, int] = {}
    open_: list[bool] = []  # of each parenthesis: whether it is a subquery in FROM
    selects = [False]  # of each level: whether it is a SELECT's own, where FROM is the clause of that name
    for position, token in enumerate(tokens):
        if token.text == "(":
            open_.append(_is_from(tokens, position) and selects[-1])
            selects.append(False)
        elif token.text == ")" and open_:
            selects.pop()
            after = tokens[position + 1] if position + 1 < len(tokens) else None
            if open_.pop() and (after is None or (after.kind is not Kind.QUOTED and after.word in _NO_NAME)):
                ends[id(token)] = len(ends) + 1
        elif token.word in ("select", "delete", "update"):
            selects[-1] = True
    return ends


def _is_from(tokens: list[Token], position: int) -> bool:
    """Whether the parenthesis opens a subquery after FROM or JOIN; not after IS DISTINCT FROM."""
    before = [t.word for t in tokens[max(position - 2, 0) : position]]
    inside = tokens[position + 1].word if position + 1 < len(tokens) else ""
    return before[-1:] in (["from"], ["join"]) and before[:1] != ["distinct"] and inside in _QUERIES
