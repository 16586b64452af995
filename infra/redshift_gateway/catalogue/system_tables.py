"""What the gateway remembers for Redshift's system tables, such as stl_load_errors: newest rows, in memory.

A statement that mentions such a table is given the rows in a setting of its session, which the view of that name reads:
so what is remembered costs the statements that are remembered nothing. It is lost when the gateway ends.
https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

# The name that a statement may mention, and the memory that its view reads.
VIEWS: Final[Mapping[str, str]] = {
    "stl_load_errors": "load_errors",
    "sys_load_error_detail": "load_errors",
    "stl_query": "queries",
    "stl_querytext": "queries",
    "svl_qlog": "queries",
    "svl_statementtext": "queries",
    "sys_query_history": "queries",
    "sys_query_text": "queries",
    "stl_load_commits": "load_commits",
    "sys_load_history": "loads",
    "stl_unload_log": "unload_files",
    "sys_unload_history": "unloads",
}
KEPT: Final = 2_000  # rows of each memory, of all users together
IDENTITY: Final = (
    "select rolsuper::int, session_user, current_database() from pg_catalog.pg_roles where rolname = session_user"
)
SHOW: Final = "select pg_catalog.set_config($1, $2, false)"
_MENTIONED = re.compile(rb"\b(?:" + b"|".join(name.encode() for name in VIEWS) + rb")\b", re.IGNORECASE)


@dataclass(frozen=True)
class Origin:
    """Whose statement a row is about, in which database."""

    user: str
    database: str


class SystemTables:
    """The memories of one gateway."""

    def __init__(self, kept: int = KEPT) -> None:
        """Nothing is remembered yet."""
        self._rows = {name: deque[tuple[Origin, dict[str, Any]]](maxlen=kept) for name in set(VIEWS.values())}
        self._queries = count(1)

    def next_query(self) -> int:
        """A statement's number, by which the system tables are joined."""
        return next(self._queries)

    def add(self, memory: str, origin: Origin, row: Mapping[str, Any]) -> None:
        """Remembers a row; the oldest is forgotten when there are too many. Values must be ready for JSON."""
        self._rows[memory].append((origin, {"user_name": origin.user, "database_name": origin.database, **row}))

    def rows(self, memory: str, origin: Origin, *, everything: bool) -> str:
        """The rows of this database as JSON: the user's own, or for a superuser all."""
        found = [
            row for whose, row in tuple(self._rows[memory]) if whose == origin or (everything and _near(whose, origin))
        ]
        return json.dumps(found)


def _near(whose: Origin, origin: Origin) -> bool:
    return whose.database == origin.database


def setting(memory: str) -> str:
    """The setting that the views of a memory read."""
    return f"redshift_gateway.{memory}"


def mentioned(sql: bytes) -> set[str]:
    """The memories that a statement may want to see."""
    return {VIEWS[m.decode().lower()] for m in _MENTIONED.findall(sql)}


def settings(tables: SystemTables, memories: Iterable[str], identity: list[list[str | None]]) -> list[tuple[str, str]]:
    """The settings to make before a statement that mentions the memories, given the answer to IDENTITY."""
    if not identity:
        return []
    superuser, user, database = (str(value) for value in identity[0])
    origin = Origin(user, database)
    return [(setting(m), tables.rows(m, origin, everything=superuser == "1")) for m in sorted(memories)]
