"""SHOW of what a database holds, as queries of the views that list it.

https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_SCHEMAS.html and the pages beside it. A form that is not of these
pages, and SHOW of other things, is left to `refused`.
"""

import re
from dataclasses import dataclass
from typing import Final

from redshift_gateway.statements.lexer import (
    Kind,
    Token,
    identifier,
    literal,
    quote_literal,
    quote_name,
    significant,
)


@dataclass(frozen=True)
class _Listing:
    """What SHOW <thing> FROM <place> lists. Names are those of the place, the outermost first."""

    place: str
    depth: int  # names that a place has when all are written
    view: str
    columns: str
    name: str  # the column that LIKE is about
    order: str


_OWNER: Final = (
    "(select pg_catalog.pg_get_userbyid(c.relowner)::text from pg_catalog.pg_class as c join pg_catalog.pg_namespace "
    "as n on n.oid = c.relnamespace where n.nspname = schema_name and c.relname = table_name)"
)
_LISTINGS: Final = {
    "schemas": _Listing(
        "database", 1, "svv_all_schemas",
        "database_name, schema_name, schema_owner, schema_type, schema_acl, source_database, schema_option",
        "schema_name", "schema_name",
    ),
    "tables": _Listing(
        "schema", 2, "svv_all_tables",
        f"database_name, schema_name, table_name, table_type, table_acl, remarks, {_OWNER} as owner, "
        "null::timestamp as last_altered_time, null::timestamp as last_modified_time, null::text as dist_style, "
        "null::text as table_subtype",
        "table_name", "table_name",
    ),
    "columns": _Listing(
        "table", 3, "svv_all_columns",
        "database_name, schema_name, table_name, column_name, ordinal_position, column_default, is_nullable, "
        "data_type, character_maximum_length, numeric_precision, numeric_scale, remarks",
        "column_name", "ordinal_position",
    ),
}  # fmt: skip
_MOST: Final = 10_000  # rows that LIMIT may name
_FORM: Final = re.compile(r"(?P<like> LIKE S)?(?P<limit> LIMIT [0-9]+)?")


def translate(tokens: list[Token]) -> str:
    """The query that answers the statement; nothing if it is not one of these."""
    found = significant(tokens)
    words = [t.word for t in found[:4]]
    if words[:2] == ["show", "view"]:
        return _view(found[2:])
    listing = _LISTINGS.get(words[1]) if words[:1] == ["show"] and len(words) == 4 else None
    if listing is None or words[2:] != ["from", listing.place]:
        return ""
    return _list(words[1], listing, found[4:])


def _list(thing: str, listing: _Listing, rest: list[Token]) -> str:
    names, options = _names(rest)
    form = _FORM.fullmatch("".join(f" {_sign(t)}" for t in options))
    if form is None or not max(1, listing.depth - 1) <= len(names) <= listing.depth:
        return ""
    database, schema, table = _places(names, listing.depth)
    place = ", ".join(quote_literal(p) if p is not None else "null" for p in (database, schema, table))
    where = [f"redshift_gateway.shown({quote_literal('SHOW ' + thing.upper())}, {place})"]
    where += [f"schema_name = {quote_literal(schema)}"] if schema is not None else []
    where += [f"table_name = {quote_literal(table)}"] if table is not None else []
    where += [f"{listing.name} like {quote_literal(literal(options[1]))}"] if form["like"] else []
    limit = f" limit {options[-1].text}" if form["limit"] else ""
    if limit and int(options[-1].text) > _MOST:
        return ""
    return (
        f"select {listing.columns} from redshift_gateway.{listing.view} where {' and '.join(where)} "  # noqa: S608 - every name and text is quoted
        f"order by {listing.order}{limit}"
    )


def _places(names: list[str], depth: int) -> tuple[str | None, str | None, str | None]:
    """The database, schema and table that the names are of; the database may be left out."""
    full: list[str | None] = [*([None] * (depth - len(names))), *names, None, None]
    return full[0], full[1], full[2]


def _view(rest: list[Token]) -> str:
    names, more = _names(rest)
    if more or not 1 <= len(names) <= 2:
        return ""
    view = quote_literal(".".join(quote_name(n) for n in names))
    return f'select redshift_gateway.show_view({view}) as "Show View DDL statement"'


def _names(tokens: list[Token]) -> tuple[list[str], list[Token]]:
    """The names that the tokens begin with, dots between them, and what follows."""
    names: list[str] = []
    place = 0
    while place < len(tokens) and tokens[place].kind in (Kind.WORD, Kind.QUOTED):
        names.append(identifier(tokens[place]))
        place += 1
        if place == len(tokens) or tokens[place].text != ".":
            return names, tokens[place:]
        place += 1
    return [], tokens


def _sign(token: Token) -> str:
    """A text as S, so that the form of what follows the names is one regular expression."""
    return "S" if token.kind is Kind.STRING else token.text.upper()
