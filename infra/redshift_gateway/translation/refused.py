"""Statements about what one PostgreSQL does not have. PostgreSQL's own syntax error would not say why.

https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_commands.html
"""

from typing import Final

from redshift_gateway.errors import not_supported

_VERBS: Final = ("create", "alter", "drop", "show")
_THINGS: Final = (
    "external schema", "external table", "external function", "external model", "external view", "datashare", "model",
    "library", "rls policy", "masking policy", "identity provider",
)  # fmt: skip
# https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLES.html and the pages beside it
_SHOWN: Final = (
    "tables", "columns", "schemas", "databases", "table", "view", "grants", "procedure", "procedures", "functions",
    "parameters", "constraints", "column",
)  # fmt: skip
WORDS: Final = frozenset({"show", "cancel", "external", "datashare", "model", "library", "rls", "masking", "provider"})


def check(words: list[str]) -> None:
    """Raises GatewayError for a statement that is refused, by its name. `words` are those of the statement."""
    if words[0] == "cancel":
        raise not_supported("CANCEL", "pg_cancel_backend(pid) does it.")
    if words[0] not in _VERBS:
        return
    if words[0] == "show" and words[1:2] and words[1] in _SHOWN and (len(words) > 2 or words[1] == "databases"):
        raise not_supported(f"SHOW {words[1].upper()}", "svv_all_tables and svv_all_columns list what there is.")
    rest = words[3:] if words[1:3] == ["or", "replace"] else words[1:]
    for thing in _THINGS:
        if rest[: len(thing.split())] == thing.split():
            raise not_supported(f"{words[0].upper()} {thing.upper()}")
