"""What Redshift's table attributes say. One PostgreSQL has no slices to spread rows over, but what was said is kept.

The statement that creates a table keeps them in `redshift_gateway.table_attributes` itself, so both or neither are
there; svv_table_info and pg_table_def show them.
https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from redshift_gateway.errors import syntax_error
from redshift_gateway.statements.lexer import quote_literal

_MOST_INTERLEAVED = 8
_KEEP = "redshift_gateway.keep_attributes(regclass,jsonb)"


@dataclass
class Attributes:
    """The attributes of one table, by the names of its columns; CREATE TABLE AS may number them."""

    diststyle: str = ""
    distkey: str | int = ""
    sortkey: list[str | int] | None = None
    sortstyle: str = ""  # compound, interleaved, auto or none
    encodings: dict[str, str] = field(default_factory=dict)
    encode_auto: bool = False
    backup: bool | None = None
    like: str = ""  # the table whose attributes are the new one's too

    def __bool__(self) -> bool:
        """Whether anything was said."""
        return any(value not in ("", None, {}, False) for value in asdict(self).values()) or self.backup is False

    def check(self) -> None:
        """Raises GatewayError for what Redshift refuses too."""
        if (self.diststyle == "key") != bool(self.distkey):
            raise syntax_error("DISTSTYLE KEY and a DISTKEY go together")
        if self.sortstyle == "interleaved" and len(self.sortkey or []) > _MOST_INTERLEAVED:
            raise syntax_error(f"an interleaved sort key has at most {_MOST_INTERLEAVED} columns")

    def as_json(self) -> str:
        """What was said, for the function that keeps it."""
        said: dict[str, Any] = {k: v for k, v in asdict(self).items() if v not in ("", None, {}, False)}
        return json.dumps(said | ({"backup": False} if self.backup is False else {}))


def creating(sql: str, table: str, attributes: Attributes) -> str:
    """One statement that creates the table and keeps its attributes. `table` is its name as SQL.

    A DO block reports DO: the gateway says CREATE TABLE in its place.
    """
    arguments = f"{quote_literal(table)}::pg_catalog.regclass, {quote_literal(attributes.as_json())}::pg_catalog.jsonb"
    if attributes.like:
        like = f"{quote_literal(attributes.like)}::pg_catalog.regclass::pg_catalog.oid"
        arguments += f" || pg_catalog.jsonb_build_object('like', {like})"
    there = f"{quote_literal(table)}::pg_catalog.regclass"
    body = (
        f"declare was pg_catalog.regclass := pg_catalog.to_regclass({quote_literal(table)}); "
        f"begin execute {quote_literal(sql)}; "
        f"if pg_catalog.to_regprocedure('{_KEEP}') is not null and was is distinct from {there} "
        f"then perform redshift_gateway.keep_attributes({arguments}); end if; end"
    )
    return f"do {quote_literal(body).strip()}"


def altering(table: str, attributes: Attributes) -> str:
    """A statement that changes what is kept of a table."""
    return f"call redshift_gateway.alter_attributes({quote_literal(table)}, {quote_literal(attributes.as_json())})"
