"""The statements that have run, for stl_query and sys_query_history: their newest, in memory, without credentials.

A statement is added when it has ended, as Redshift does; a prepared one when it is prepared.
https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERY.html
"""

import itertools
import re
from datetime import UTC, datetime
from typing import Any, Final

from redshift_gateway.catalogue.system_tables import Origin, SystemTables

_KEPT: Final = 4_000  # bytes of a statement, as stl_query keeps
_SECRET: Final = re.compile(
    r"(\b(?:credentials|access_key_id|secret_access_key|session_token|password|iam_role)\s+(?:as\s+)?)[eE]?'(?:[^']|'')*'?"
    r"|(\b(?:aws_access_key_id|aws_secret_access_key|aws_iam_role|token)\s*=)[^;'\"\s]*",
    re.IGNORECASE,
)
_numbers = itertools.count(1)


class Statements:
    """What one session has running."""

    def __init__(self) -> None:
        """Nothing is."""
        self._running: list[tuple[datetime, bytes]] = []

    def begun(self, sql: bytes) -> None:
        """Notes a statement."""
        self._running.append((datetime.now(UTC), bytes(sql[: _KEPT + 1])))

    def ended(self, tables: SystemTables, origin: Origin, process: int, *, failed: bool) -> None:
        """All that was noted has ended."""
        now, running = datetime.now(UTC), self._running
        self._running = []
        for started, sql in running:
            tables.add("queries", origin, _row(started, now, sql, process, failed=failed))


def _row(started: datetime, ended: datetime, sql: bytes, process: int, *, failed: bool) -> dict[str, Any]:
    return {
        "query": next(_numbers),
        "pid": process,
        "querytxt": without_secrets(sql.decode("utf-8", "replace"))[:_KEPT],
        "starttime": started.replace(tzinfo=None).isoformat(),
        "endtime": ended.replace(tzinfo=None).isoformat(),
        "aborted": int(failed),
    }


def without_secrets(sql: str) -> str:
    """The statement with stars for its credentials; Redshift's own history does the same."""
    return _SECRET.sub(lambda m: f"{m[1]}'***'" if m[1] else f"{m[2]}***", sql)
