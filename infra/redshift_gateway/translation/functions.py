"""Redshift's functions and clauses: names that move to the gateway's own schema, and what is written otherwise."""

from redshift_gateway.catalogue import system_tables
from redshift_gateway.partiql import calls as super_calls
from redshift_gateway.partiql import navigation
from redshift_gateway.statements.lexer import (
    Kind,
    Token,
    identifier,
    join,
    literal,
    quote_literal,
    quote_name,
    tokenize,
)
from redshift_gateway.translation import calls, clauses, column_types, drivers, known_values, pivot, qualify

SCHEMA = "redshift_gateway"
# Functions that `shims/` defines: their calls are given its schema.
_SHIMS = frozenset({
    "add_months", "can_json_parse", "charindex", "convert_timezone", "date_part", "dateadd", "datediff",
    "get_array_length", "getdate", "is_array", "is_object", "is_scalar", "is_valid_json", "is_valid_json_array",
    "json_array_length", "json_extract_array_element_text", "json_extract_path_text", "json_parse",
    "json_serialize", "json_typeof", "last_day", "len", "months_between", "nvl2",
    "pg_get_late_binding_view_cols", "regexp_replace", "regexp_substr", "replicate", "sha2", "strtol", "trunc",
    "version", "any_value", "date_cmp", "date_part_year", "date_trunc", "dexp", "dlog1", "dlog10", "next_day",
    "regexp_count", "regexp_instr", "crc32", "exp", "fnv_hash", "func_sha1", "log", "murmur3_32_hash", "octetindex",
    "pgdate_part", "pow", "power", "round", "sha", "sha1", "soundex", "sqrt",
})  # fmt: skip
# Views that `shims/` defines. Any other name is PostgreSQL's to know: somebody's own, or nobody's.
_CATALOGUE = frozenset(system_tables.VIEWS) | frozenset({
    "pg_table_def", "svv_all_columns", "svv_all_schemas", "svv_all_tables", "svv_columns", "svv_external_columns",
    "svv_external_schemas", "svv_external_tables", "svv_mv_info", "svv_redshift_columns", "svv_redshift_schemas",
    "svv_redshift_tables", "svv_relation_privileges", "svv_table_info", "svv_tables",
})  # fmt: skip
_RENAMED = {"nvl": "coalesce"}
# The names that Redshift gives their columns are those of the functions here.
_COLUMN_NAMES = {"dateadd": "date_add", "datediff": "date_diff", "date_part": "pgdate_part"}
# After these a name is one's own, whatever parenthesis follows: INSERT INTO version (id).
_NAMING = frozenset({
    "into", "table", "references", "function", "with", "exists", "copy", "execute", "as", "view",
})  # fmt: skip
_DATE_PARTS = frozenset({"dateadd", "datediff", "date_part", "pgdate_part"})
WORDS = (
    _SHIMS
    | frozenset(_RENAMED)
    | _CATALOGUE
    | calls.WORDS
    | drivers.WORDS
    | super_calls.WORDS
    | clauses.WORDS
    | {"sysdate", "top", "qualify", "duplicates"}
)


def translate(tokens: list[Token]) -> str:
    """The statement with Redshift's own functions and clauses replaced."""
    tokens = _index_on_a_table(tokens)
    if {t.word for t in tokens} & pivot.WORDS:
        tokens = pivot.rewrite(tokens)  # before the navigation, which then sees what is called by the alias
    tokens = navigation.rewrite(tokens)
    words = {t.word for t in tokens}
    if words & known_values.WORDS:
        tokens = known_values.rewrite(tokens)
    if words & clauses.WORDS:
        tokens = clauses.translate(tokens)
    if words & (calls.WORDS | {"top"}):
        tokens = tokenize(join(calls.rewrite(tokens)))
    sql = join(drivers.catalogue_tables(drivers.apart(_navigation(_functions(list(tokens))))))
    if words & drivers.WORDS:
        sql = drivers.expand_aliases(sql)
    return qualify.rewrite(sql) if "qualify" in words else sql


def _functions(tokens: list[Token]) -> list[Token]:
    result: list[Token] = []
    for position, token in enumerate(tokens):
        called = _next_text(tokens, position) == "("
        qualified = next((t.text for t in reversed(result) if t.kind is not Kind.SPACE), "") == "."
        own = (called or token.word == "sysdate") and _names(result)
        result.append(token if own else _word(token, called, qualified, result))
        if called and token.word in _DATE_PARTS:
            _quote_date_part(tokens, position)
    return result


def _index_on_a_table(tokens: list[Token]) -> list[Token]:
    """CREATE INDEX i ON len (a): the name of a table, quoted so that nobody takes it for a call."""
    places = [n for n, t in enumerate(tokens) if t.kind is not Kind.SPACE]
    words = [tokens[n].word for n in places[:10]]
    if words[:1] != ["create"] or "index" not in words[1:3] or "on" not in words:
        return tokens
    at = words.index("on") + (2 if "only" in words else 1)
    named = tokens[places[at]] if places[at:] else tokens[0]
    if named.kind is not Kind.WORD or not places[at:]:
        return tokens
    quoted = Token(Kind.QUOTED, quote_name(identifier(named)))
    return [*tokens[: places[at]], quoted, *tokens[places[at] + 1 :]]


def _navigation(tokens: list[Token]) -> list[Token]:
    """`doc[0].name` of a SUPER is `doc[0]['name']` of a jsonb. Redshift has no arrays that this could mean.

    https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
    """
    result: list[Token] = []
    for token in tokens:
        inside = len(result) > 1 and result[-1].text == "." and result[-2].text == "]"
        if inside and token.kind in (Kind.WORD, Kind.QUOTED):
            result[-1:] = [Token(Kind.OTHER, "["), Token(Kind.STRING, quote_literal(identifier(token)))]
            token = Token(Kind.OTHER, "]")  # noqa: PLW2901
        result.append(token)
    return result


def _names(before: list[Token]) -> bool:
    """Whether what follows is a name that the statement gives, or a table's."""
    return next((t.word for t in reversed(before) if t.kind is not Kind.SPACE), "") in _NAMING


def _word(token: Token, called: bool, qualified: bool, before: list[Token]) -> Token:
    word = token.word
    if called and word in _SHIMS and (not qualified or _drop_catalog(before)):
        return Token(Kind.WORD, f"{SCHEMA}.{_COLUMN_NAMES.get(word, word)}")
    if called and word in _RENAMED and not qualified:
        return Token(Kind.WORD, _RENAMED[word])
    if (word == "super" or word in column_types.NUMERIC) and not called and _is_cast(before):
        return column_types.sized(token, "", "")
    if word == "sysdate" and not called and not qualified:
        return Token(Kind.WORD, f"{SCHEMA}.sysdate()")
    if word in _CATALOGUE and (not qualified or _drop_catalog(before)):
        return Token(Kind.WORD, f"{SCHEMA}.{word}")
    if token.kind is Kind.STRING and any(t.word == "has_table_privilege" for t in before[-8:]):
        return _privilege_of(token)
    return token


def _is_cast(before: list[Token]) -> bool:
    """Whether a type follows: `value::` or `CAST(value AS`."""
    found = [t for t in before if t.kind is not Kind.SPACE]
    if "".join(t.text for t in found[-2:]) == "::":
        return True
    depth = 0
    for position in range(len(found) - 1, 0, -1):
        depth += {"(": 1, ")": -1}.get(found[position].text, 0)
        if depth > 0:
            return found[-1].word == "as" and found[position - 1].word in ("cast", "try_cast")
    return False


def _privilege_of(token: Token) -> Token:
    """A view's name in quotes, as has_table_privilege takes it."""
    name = literal(token).lower().removeprefix("pg_catalog.")
    return Token(Kind.STRING, quote_literal(f"{SCHEMA}.{name}")) if name in _CATALOGUE else token


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
