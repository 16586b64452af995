"""Redshift's table attributes: where rows live on a cluster means nothing to one PostgreSQL, so they are dropped."""

from collections.abc import Callable

from redshift_gateway.errors import syntax_error
from redshift_gateway.lexer import Kind, Token, significant

WORDS = frozenset({"distkey", "sortkey", "diststyle", "encode", "identity", "backup", "super", "nvarchar"})
_TYPES = {"super": "jsonb", "nvarchar": "varchar"}
_BEFORE_A_NAME = ("(", ",", "column", "table", "add")  # what follows is a column's name, whatever word it is


def translate(tokens: list[Token]) -> list[Token]:
    """CREATE TABLE or ALTER TABLE without what only Redshift knows. Raises GatewayError when it does not parse."""
    rest = list(tokens)
    kept: list[Token] = []
    while rest:
        token = rest.pop(0)
        if token.word in ("compound", "interleaved") and _next(rest) == "sortkey":
            continue
        if token.word not in WORDS or _last(kept) in _BEFORE_A_NAME:
            kept.append(_maximum(token, kept, rest))
        elif token.word == "identity":
            kept += _identity(kept, rest)
        elif token.word in _ATTRIBUTES:
            _ATTRIBUTES[token.word](rest)
        elif token.word in _TYPES:
            kept.append(Token(Kind.WORD, _TYPES[token.word]))
    return _temporary_table(kept)


def _maximum(token: Token, kept: list[Token], rest: list[Token]) -> Token:
    """VARCHAR(MAX) by its length; every other token as it is."""
    is_maximum = token.word == "max" and _last(kept) == "(" and _next(rest) == ")"
    return Token(Kind.NUMBER, "65535") if is_maximum else token


def _temporary_table(tokens: list[Token]) -> list[Token]:
    """CREATE TABLE #t creates a temporary table."""
    found = significant(tokens)
    if [t.word for t in found[:2]] != ["create", "table"] or all(t.kind is not Kind.TEMP for t in found[2:6]):
        return tokens
    name = next(t for t in found[2:] if t.kind in (Kind.TEMP, Kind.QUOTED) or t.word not in ("if", "not", "exists"))
    if name.kind is not Kind.TEMP:
        return tokens
    at = tokens.index(found[1])
    return [*tokens[:at], Token(Kind.WORD, "TEMP "), *tokens[at:]]


def _identity(kept: list[Token], rest: list[Token]) -> list[Token]:
    """IDENTITY(seed, step) as PostgreSQL's identity column. Redshift refuses explicit values; so does ALWAYS."""
    numbers = [t.text for t in _take_parentheses(rest) if t.kind is Kind.NUMBER or t.text == "-"]
    seed, _, step = " ".join(numbers).replace("- ", "-").partition(" ")
    if not seed:
        return [Token(Kind.WORD, "identity")]
    generated = [t.word for t in significant(kept)[-4:]] == ["generated", "by", "default", "as"]
    start = "IDENTITY" if generated else "GENERATED ALWAYS AS IDENTITY"
    return [Token(Kind.WORD, f"{start} (START WITH {seed} INCREMENT BY {step or 1} MINVALUE {min(int(seed), 1)})")]


def _next(rest: list[Token]) -> str:
    return next((t.word for t in rest if t.kind is not Kind.SPACE), "")


def _last(kept: list[Token]) -> str:
    return next((t.word for t in reversed(kept) if t.kind is not Kind.SPACE), "")


def _skip_space(rest: list[Token]) -> None:
    while rest and rest[0].kind is Kind.SPACE:
        rest.pop(0)


def _skip_word(rest: list[Token], *allowed: str) -> None:
    _skip_space(rest)
    if not rest or (allowed and rest[0].word not in allowed):
        raise syntax_error("syntax error in table attributes")
    rest.pop(0)


def _take_parentheses(rest: list[Token]) -> list[Token]:
    """What stands in the parentheses that come next, which are consumed; nothing if none come next."""
    if _next(rest) != "(":
        return []
    _skip_space(rest)
    taken: list[Token] = []
    depth = 0
    while rest:
        token = rest.pop(0)
        taken.append(token)
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            return taken
    raise syntax_error("unbalanced parentheses")


def _skip_sort_key(rest: list[Token]) -> None:
    if not _take_parentheses(rest) and _next(rest) in ("auto", "none"):
        _skip_word(rest)


_ATTRIBUTES: dict[str, Callable[[list[Token]], object]] = {
    "diststyle": lambda rest: _skip_word(rest, "even", "key", "all", "auto"),
    "encode": _skip_word,
    "backup": _skip_word,
    "distkey": _take_parentheses,
    "sortkey": _skip_sort_key,
}
