"""Redshift's functions and clauses: names that move to the gateway's own schema, and syntax that sqlglot rewrites."""

from itertools import pairwise

from redshift_gateway import system_tables
from redshift_gateway.lexer import Kind, Token, join, literal, quote_literal, significant

SCHEMA = "redshift_gateway"
# Functions that `shims.sql` defines: their calls are given its schema.
_SHIMS = frozenset({
    "add_months", "charindex", "convert_timezone", "dateadd", "datediff", "getdate", "json_extract_path_text",
    "last_day", "len", "nvl2", "pg_get_late_binding_view_cols", "version",
})  # fmt: skip
_CATALOGUE = frozenset({"pg_table_def"}) | frozenset(
    system_tables.VIEWS
)  # views, beside all whose names begin so: svv_
_RENAMED = {"nvl": "coalesce"}
_DATE_PARTS = frozenset({"dateadd", "datediff"})
_TOP = {("select", "top"), ("distinct", "top")}
WORDS = _SHIMS | frozenset(_RENAMED) | _CATALOGUE | {"sysdate", "top", "qualify"}


def translate(tokens: list[Token]) -> str:
    """The statement with Redshift's own functions and clauses replaced."""
    words = [t.word for t in significant(tokens)]
    sql = join(_functions(list(tokens)))
    pairs = set(pairwise(words))
    return _rewrite_clauses(sql) if "qualify" in words or pairs & _TOP else sql


def _rewrite_clauses(sql: str) -> str:
    import sqlglot  # a quarter of a second, needed by few sessions

    try:
        return sqlglot.transpile(sql, read="redshift", write="postgres")[0]
    except sqlglot.errors.SqlglotError:
        return sql  # PostgreSQL will say what is wrong with it


def _functions(tokens: list[Token]) -> list[Token]:
    result: list[Token] = []
    for position, token in enumerate(tokens):
        called = _next_text(tokens, position) == "("
        qualified = bool(result) and result[-1].text == "."
        result.append(_word(token, called, qualified, result))
        if called and token.word in _DATE_PARTS:
            _quote_date_part(tokens, position)
    return result


def _word(token: Token, called: bool, qualified: bool, before: list[Token]) -> Token:
    word = token.word
    if called and word in _SHIMS and (not qualified or _drop_catalog(before)):
        return Token(Kind.WORD, f"{SCHEMA}.{word}")
    if called and word in _RENAMED and not qualified:
        return Token(Kind.WORD, _RENAMED[word])
    if word == "sysdate" and not called and not qualified:
        return Token(Kind.WORD, f"{SCHEMA}.sysdate()")
    if (word.startswith("svv_") or word in _CATALOGUE) and (not qualified or _drop_catalog(before)):
        return Token(Kind.WORD, f"{SCHEMA}.{word}")
    if token.kind is Kind.STRING and any(t.word == "has_table_privilege" for t in before[-8:]):
        return _privilege_of(token)
    return token


def _privilege_of(token: Token) -> Token:
    """A view's name in quotes, as has_table_privilege takes it."""
    name = literal(token).lower().removeprefix("pg_catalog.")
    known = name.startswith("svv_") or name in _CATALOGUE
    return Token(Kind.STRING, quote_literal(f"{SCHEMA}.{name}")) if known else token


def _drop_catalog(before: list[Token]) -> bool:
    """Takes `pg_catalog.` off the end: what Redshift has there stands in the gateway's schema here."""
    if len(before) >= 2 and before[-2].word == "pg_catalog":
        del before[-2:]
        return True
    return False


def _quote_date_part(tokens: list[Token], position: int) -> None:
    """DATEDIFF(day, a, b): the part is a bare word in Redshift, a text for the shim."""
    for index in range(position + 1, len(tokens)):
        if tokens[index].kind is Kind.WORD:
            tokens[index] = Token(Kind.STRING, f"'{tokens[index].word}'")
            return
        if tokens[index].kind is not Kind.SPACE and tokens[index].text != "(":
            return


def _next_text(tokens: list[Token], position: int) -> str:
    return next((t.text for t in tokens[position + 1 :] if t.kind is not Kind.SPACE), "")
