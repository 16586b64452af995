"""Rows that a load cannot take: why, where, and how many of them the statement allows.

https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html
"""

import re
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redshift_gateway.copy.columns import Column
from redshift_gateway.errors import GatewayError
from redshift_gateway.statements.copy import CopyStatement

_KEPT: Final = 1_000  # of one load, for stl_load_errors
RAW: Final = 1_024  # characters of a line or a value
_REASON: Final = 100
_NOT_ASCII = re.compile(r"[^\x01-\x7f]")  # nor NUL, which PostgreSQL's JSON cannot hold


def _storable(text: str) -> str:
    """The text without what neither a message nor PostgreSQL's JSON can hold."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def encoded(text: str) -> bytes:
    """The text in UTF-8. Raises BadValueError for half of a surrogate pair, which JSON may write."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadValueError(1220, "String contains invalid or unsupported UTF8 codepoints", text) from None


class BadValueError(Exception):
    """A value, or a whole line, that does not fit; with Redshift's number for the reason."""

    def __init__(self, code: int, reason: str, value: str = "", position: int = 0) -> None:
        """`position` is where in the value the trouble is."""
        super().__init__(reason)
        self.code, self.reason, self.value, self.position = code, _storable(reason), _storable(value), position
        self.column: Column | None = None


@dataclass(frozen=True)
class Reject:
    """A row that was not loaded."""

    uri: str
    line: int
    raw_line: str
    error: BadValueError

    @property
    def place(self) -> str:
        """Where the row stands, as messages write it."""
        column = f", column {self.error.column.name}" if self.error.column else ""
        return f"File {self.uri}" + (f", line {self.line}" if self.line > 0 else "") + column

    def row(self) -> dict[str, Any]:
        """What stl_load_errors says of it, but for what the session knows."""
        column, error = self.error.column, self.error
        return {
            "filename": self.uri,
            "line_number": self.line,
            "colname": column.name if column else "",
            "type": column.short_type() if column else "",
            "col_length": column.shown_length() if column else "",
            "position": error.position,
            "raw_line": _NOT_ASCII.sub(".", self.raw_line[:RAW]),  # as AWS' page has it
            "raw_field_value": error.value[:RAW],
            "err_code": error.code,
            "err_reason": error.reason[:_REASON],
        }


class Rejects:
    """The rows that one load has not taken. Several threads add to it."""

    def __init__(self, statement: CopyStatement) -> None:
        """None yet."""
        self._table = statement.table[-1]
        self._unlimited = statement.has("ignoreallerrors")
        self._limit = max(statement.max_errors, 1)
        self._lock = threading.Lock()
        self.count = 0
        self.kept: deque[Reject] = deque(maxlen=_KEPT)

    def add(self, reject: Reject) -> None:
        """Notes a row. Raises GatewayError when the load has had as many as MAXERROR says."""
        reject.error.value = reject.error.value[:RAW]
        with self._lock:
            self.count += 1
            self.kept.append(reject)
            if self.count >= self._limit and not self._unlimited:
                raise load_failed(self._table, reject)

    def rows(self) -> Sequence[dict[str, Any]]:
        """The rows for stl_load_errors."""
        return [r.row() for r in tuple(self.kept)]


def load_failed(table: str, reject: Reject) -> GatewayError:
    """What the client hears of a load that failed for its data."""
    value = f' Value: "{reject.error.value[:100]}".' if reject.error.value else ""
    return GatewayError(
        f"Load into table '{table}' failed.  Check 'stl_load_errors' system table for details.",
        detail=f"{reject.place}: {reject.error.reason} ({reject.error.code}).{value}",
    )
