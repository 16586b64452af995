"""Clauses and functions that PostgreSQL lacks: refused by name, or written as PostgreSQL does where it means the same.

https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html
"""

from typing import Final

from redshift_gateway.errors import not_supported
from redshift_gateway.statements.lexer import Kind, Token

# Pages: CHECKSUM, DIFFERENCE, hyperloglog-functions, varbyte-functions. Of the first two AWS prints too few values.
_FUNCTIONS: Final = frozenset({
    "array_contains", "checksum", "difference", "farmfingerprint64", "from_hex", "from_varbyte", "hll",
    "hll_cardinality", "hll_combine", "hll_combine_sketches", "hll_create_sketch", "lower_attribute_names",
    "text_to_int_alt", "text_to_numeric_alt", "to_varbyte", "try_cast", "upper_attribute_names",
})  # fmt: skip
_PAIRS: Final = {  # a word, what follows it, and the name under which the two are refused
    "ignore": (("nulls",), "IGNORE NULLS"), "connect": (("by",), "CONNECT BY"), "pivot": (("(",), "PIVOT"),
    "unpivot": (("(", "include", "exclude"), "UNPIVOT"),
}  # fmt: skip
_PIVOTED: Final = "Put (SELECT a, b AS c FROM t), with a name for each column, in place of the table."
_HINTS: Final = {"pivot": _PIVOTED, "unpivot": _PIVOTED, "connect": "WITH RECURSIVE does it."}
WORDS: Final = _FUNCTIONS | frozenset(_PAIRS) | {"minus", "respect", "plpythonu", "role"}


def translate(tokens: list[Token]) -> list[Token]:
    """The statement without RESPECT NULLS, MINUS and GRANT ROLE. Raises GatewayError for what is refused."""
    places = [n for n, t in enumerate(tokens) if t.kind is not Kind.SPACE]
    words = ["", *(tokens[n].word for n in places), ""]
    result = list(tokens)
    for position, place in enumerate(places, 1):
        before, word, after = words[position - 1 : position + 2]
        _check(before, word, after)
        if word == "minus" and after in ("select", "(", "all", "with") and before not in ("", "select", ","):
            result[place] = Token(Kind.WORD, "except")
        elif _is_needless(words[1], before, word, after):
            result[place] = Token(Kind.SPACE, " ")
    return result


def _is_needless(first: str, before: str, word: str, after: str) -> bool:
    """Whether PostgreSQL does without the word: RESPECT NULLS is what it does, and it grants to roles only."""
    if word == "role":
        return first in ("grant", "revoke") and before in ("grant", "revoke", "to", "from")
    return (word, after, before) == ("respect", "nulls", ")") or (word, before) == ("nulls", "respect")


def _check(before: str, word: str, after: str) -> None:
    """Raises GatewayError for a word that is refused where it stands."""
    if word in _FUNCTIONS and after == "(" and before not in (".", "function", "into", "table"):
        raise not_supported(word.upper())
    following, name = _PAIRS.get(word, ((), ""))
    if after in following and before not in (".", ",", "(", "select", "function", "into", "table"):
        raise not_supported(name, _HINTS.get(word, ""))
    if word == "plpythonu" and before == "language":
        raise not_supported("LANGUAGE plpythonu", "A function in SQL or PL/pgSQL does it.")
