"""Redshift's functions that make and inspect SUPER values. Those that jsonb cannot answer are refused by name.

https://docs.aws.amazon.com/redshift/latest/dg/c_Array_Functions.html
https://docs.aws.amazon.com/redshift/latest/dg/c_Type_Info_Functions.html
https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-unnest-examples.html
"""

from itertools import pairwise

from redshift_gateway.errors import not_supported
from redshift_gateway.statements.lexer import Kind, Token

_SHIMS = frozenset({
    "array_concat", "array_flatten", "decimal_precision", "decimal_scale", "is_bigint", "is_integer", "is_smallint",
    "is_varchar", "split_to_array", "subarray",
})  # fmt: skip
_BUILDERS = {"array": "pg_catalog.jsonb_build_array", "object": "pg_catalog.jsonb_build_object"}
_REFUSED = {
    "object_transform": "Build the object with OBJECT(...).",
    "is_float": "JSON numbers are of one type here; JSON_TYPEOF tells a number.",
    "is_decimal": "JSON numbers are of one type here; JSON_TYPEOF tells a number.",
    "is_char": "JSON strings are of one type here; IS_VARCHAR tells a string.",
}
WORDS = _SHIMS | frozenset(_REFUSED) | {"object"}


def rewrite(tokens: list[Token]) -> list[Token]:
    """The statement with calls of these functions as PostgreSQL takes them. Raises GatewayError for what is refused."""
    found = [t.word for t in tokens if t.kind is not Kind.SPACE]
    if ("with", "offset") in pairwise(found):
        raise not_supported("UNNEST ... WITH OFFSET", "FROM t, t.items AS item AT i counts from 0 too.")
    if not any(t.kind is Kind.WORD and (t.word in WORDS or t.word == "array") for t in tokens):
        return tokens
    return [_called(tokens, at) for at in range(len(tokens))]


def _called(tokens: list[Token], at: int) -> Token:
    word = tokens[at].word
    if word not in WORDS and word != "array":
        return tokens[at]
    after = [t for t in tokens[at + 1 : at + 6] if t.kind is not Kind.SPACE][:2]
    if not after or after[0].text != "(" or (at and tokens[at - 1].text == "."):
        return tokens[at]
    if word in _REFUSED:
        raise not_supported(word.upper(), _REFUSED[word])
    if word in _SHIMS:
        return Token(Kind.WORD, f"redshift_gateway.{word}")
    is_query = after[-1].word in ("select", "with", "values", "(")  # PostgreSQL's own: ARRAY(SELECT ...)
    return tokens[at] if is_query else Token(Kind.WORD, _BUILDERS[word])
