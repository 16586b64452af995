"""Structured logs: one JSON object a line on standard error. Fields are named one by one; a statement is never one."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any


class Log:
    """A logger that carries the fields of its session."""

    def __init__(self, **fields: Any) -> None:
        """`fields` stand in every line."""
        self._fields = fields

    def bind(self, **fields: Any) -> "Log":
        """A logger with more fields."""
        return Log(**self._fields, **fields)

    def info(self, event: str, **fields: Any) -> None:
        """Something that is meant to happen."""
        logging.getLogger("redshift_gateway").info(event, extra={"fields": self._fields | fields})

    def warning(self, event: str, **fields: Any) -> None:
        """Something that somebody should look at."""
        logging.getLogger("redshift_gateway").warning(event, extra={"fields": self._fields | fields})

    def error(self, event: str, **fields: Any) -> None:
        """Something that the gateway cannot go on with."""
        logging.getLogger("redshift_gateway").error(event, extra={"fields": self._fields | fields})

    def fault(self, event: str, error: BaseException) -> None:
        """A fault: its kind and the places in the code, but not its text, which may quote data."""
        places = [f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        fields = self._fields | {"error": type(error).__name__, "places": places}
        logging.getLogger("redshift_gateway").error(event, extra={"fields": fields})


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | getattr(record, "fields", {}), default=str)


def configure(level: str) -> None:
    """Sends the gateway's logs to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
