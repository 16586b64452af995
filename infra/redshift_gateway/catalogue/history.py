"""The statements that have run, for stl_query and sys_query_history: their newest, in memory, without credentials.

A statement is added when it has ended, as Redshift does; a prepared one when it is prepared, but for COPY and UNLOAD,
which are added each time that they run.
https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERY.html
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from redshift_gateway.catalogue.system_tables import Origin, SystemTables

_KEPT: Final = 4_000  # bytes of a statement, as stl_query keeps
# Comments and blanks: what tools put before a statement, and what may stand between any two words.
_GAP: Final = r"(?:\s|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*+[^*/])*\*+/)*"
_SECRET: Final = re.compile(
    r"(?P<said>\b(?:credentials|access_key_id|secret_access_key|session_token|password|iam_role|master_symmetric_key)"
    rf"{_GAP}(?:as\b{_GAP})?)"
    r"(?:[eE]'(?:[^'\\]|\\.|'')*'?|(?:[uU]&)?'(?:[^']|'')*'?|\$(?P<tag>\w*)\$[\s\S]*?(?:\$(?P=tag)\$|\Z))"
    r"|(?P<key>\b(?:aws_access_key_id|aws_secret_access_key|aws_iam_role|token)\s*=)[^;'\"\s]*",
    re.IGNORECASE,
)
_COMMENTS: Final = re.compile(_GAP)
# The words that say a statement's kind; what matches none is of the last kind.
_KINDS: Final = (
    (re.compile(r"(?:SELECT|WITH|TABLE|VALUES)\b|\("), "SELECT"),
    *((re.compile(rf"{word}\b"), word) for word in ("INSERT", "UPDATE", "DELETE", "COPY", "UNLOAD")),
    (
        re.compile(
            rf"CREATE\s+(?:(?:LOCAL|TEMP|TEMPORARY)\s+)*TABLE\s.*\bAS(?!\w){_GAP}(?:SELECT\b|WITH\b|\()", re.DOTALL
        ),
        "CTAS",
    ),
    (re.compile(r"(?:CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE|COMMENT)\b"), "DDL"),
    (re.compile(r"MERGE\b"), "OTHER"),
    (re.compile(""), "UTILITY"),
)
_NO_QUERIES: Final = ("DDL", "UTILITY")  # stl_query lists none of these


@dataclass(frozen=True)
class _Running:
    number: int
    started: datetime
    sql: str


class Statements:
    """What one session has running."""

    def __init__(self) -> None:
        """Nothing is."""
        self._running: list[_Running] = []

    @property
    def current(self) -> int:
        """The number of what was noted last; -1 when nothing runs."""
        return self._running[-1].number if self._running else -1

    def begun(self, number: int, sql: bytes) -> None:
        """Notes a statement."""
        text = without_secrets(bytes(sql[: _KEPT + 1]).decode("utf-8", "replace"))[:_KEPT]
        self._running.append(_Running(number, datetime.now(UTC), text))

    def ended(self, tables: SystemTables, origin: Origin, process: int, *, failed: bool) -> int | None:
        """All that was noted has ended. Returns the number of the last query of it that pg_last_query_id() may tell."""
        now, running, last = datetime.now(UTC), self._running, None
        self._running = []
        for one in running:
            row = _row(one, now, process, failed=failed)
            tables.add("queries", origin, row)
            # Who asks for the last query means the one before: asked again, the answer is the same.
            if not failed and row["kind"] not in _NO_QUERIES and "pg_last_" not in one.sql.lower():
                last = one.number
        return last


def _row(one: _Running, ended: datetime, process: int, *, failed: bool) -> dict[str, Any]:
    return {
        "query": one.number,
        "pid": process,
        "querytxt": one.sql,
        "starttime": one.started.replace(tzinfo=None).isoformat(),
        "endtime": ended.replace(tzinfo=None).isoformat(),
        "aborted": int(failed),
        "kind": kind(one.sql),
    }


def kind(sql: str) -> str:
    """What sys_query_history calls the statement: what its first word is."""
    comments = _COMMENTS.match(sql)
    words = sql[comments.end() if comments else 0 :].upper()
    return next(name for pattern, name in _KINDS if pattern.match(words))


def without_secrets(sql: str) -> str:
    """The statement with stars for its credentials; Redshift's own history does the same."""
    return _SECRET.sub(lambda m: f"{m['said']}'***'" if m["said"] else f"{m['key']}***", sql)
