"""IGNORE NULLS of FIRST_VALUE, LAST_VALUE, NTH_VALUE, LAG and LEAD, which PostgreSQL has not.

Aggregates of the gateway's own take their place: they see the rows of the same frame, and skip NULLs. LAG and LEAD
have no frame, so theirs is what lies before or after the row. The call stays where it is, so what stands in it is still
rewritten.
https://docs.aws.amazon.com/redshift/latest/dg/r_WF_first_value.html and the pages beside it
"""

from dataclasses import dataclass
from typing import Final

from redshift_gateway.errors import not_supported
from redshift_gateway.statements.lexer import Kind, Token, closing, join

_SCHEMA: Final = "redshift_gateway"
_FRAMES: Final = {  # those that are added to OVER (...)
    "first_value": "", "last_value": "", "nth_value": "",
    "lag": " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
    "lead": " ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
}  # fmt: skip
WORDS: Final = frozenset({"ignore", "respect"})


@dataclass(frozen=True)
class _Call:
    """Where the parts of `name(value, offset) IGNORE NULLS OVER (...)` stand among the tokens."""

    name: int
    close: int  # of the arguments
    treatment: tuple[int, int]  # IGNORE and NULLS, within the parentheses or after them
    over: int  # the parenthesis at the end of the window
    comma: int | None  # before the offset


def rewrite(tokens: list[Token]) -> list[Token]:
    """The statement with those calls as PostgreSQL runs them. Raises GatewayError for an offset that it cannot do."""
    result = list(tokens)
    for position, token in enumerate(tokens):
        if token.word in _FRAMES and (call := _read(tokens, position)):
            for place in call.treatment:
                result[place] = Token(Kind.SPACE, " ")
            if tokens[call.treatment[0]].word == "ignore":
                _replace(result, call)
    return result


def _replace(result: list[Token], call: _Call) -> None:
    name = result[call.name].word
    offset = _offset(result, call)
    if call.comma is not None:
        result[call.comma : call.close] = [Token(Kind.SPACE, "")] * (call.close - call.comma)  # places stay as they are
    before, after = f"{_SCHEMA}.{name}", ")"
    if name == "nth_value" or offset != "1":
        before, after = f"{before}(pg_catalog.array_remove(pg_catalog.array_agg", f"), null), {offset})"
    result[call.name] = Token(Kind.WORD, before)
    result[call.over] = Token(Kind.OTHER, _FRAMES[name] + after)


def _offset(tokens: list[Token], call: _Call) -> str:
    """The number of values to go. Redshift computes it; here it must be written out."""
    name = tokens[call.name].word
    if call.comma is None and name != "nth_value":
        return "1"
    said = join(tokens[call.comma + 1 : call.close]).strip() if call.comma is not None else ""
    if not (said.isascii() and said.isdigit() and int(said)) or name in ("first_value", "last_value"):
        hint = "Write it as a number, 1 or more."
        raise not_supported(f"{name.upper()} with IGNORE NULLS and an offset that is no positive number", hint)
    return said


def _read(tokens: list[Token], position: int) -> _Call | None:
    """The call that begins at `position`, if it says what to do with NULLs."""
    places = [n for n in range(position, len(tokens)) if tokens[n].kind is not Kind.SPACE]
    found = [tokens[n] for n in places]
    words = [t.word for t in found]
    if (
        words[1:2] != ["("]
        or next((t.text for t in reversed(tokens[:position]) if t.kind is not Kind.SPACE), "") == "."
    ):
        return None
    close = closing(found, 1)
    after = words[close + 1 : close + 3]
    treated = close + 1 if after[1:] == ["nulls"] and after[0] in WORDS else close - 2
    if words[treated] not in WORDS or words[treated + 1] != "nulls":
        return None
    over = max(close, treated + 1) + 1
    if words[over : over + 2] != ["over", "("]:
        return None
    comma = _comma(words[: close + 1])
    return _Call(
        position, places[close], (places[treated], places[treated + 1]), places[closing(found, over + 1)],
        None if comma is None else places[comma],
    )  # fmt: skip


def _comma(words: list[str]) -> int | None:
    """The first comma between the arguments."""
    depth = 0
    for place, word in enumerate(words):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(word, 0)
        if word == "," and depth == 1:
            return place
    return None
