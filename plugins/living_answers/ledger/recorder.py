"""Records what a step read, wrote and rejected, and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sqlalchemy import func, insert, literal
from sqlalchemy.exc import SQLAlchemyError

from living_answers import run_context
from living_answers.json_safe import clean_text, json_safe
from living_answers.ledger.connection import LedgerNotConfiguredError, engine
from living_answers.ledger.tables import steps

_LONGEST_ERROR: Final = 2_000
_partition: ContextVar[str | None] = ContextVar("living_answers_partition", default=None)


@dataclass(slots=True)
class StepRecord:
    """What a step fills in while it works; each figure is a number of rows."""

    step: str
    partition: str | None
    read: int = 0
    wrote: int = 0
    rejected: int = 0
    duplicates: int = 0
    details: dict[str, Any] = field(default_factory=dict)


@contextmanager
def step(name: str, partition: str | None = None, **details: Any) -> Iterator[StepRecord]:
    """Measure a step of a pipeline and write one row about it to the ledger, also when it fails.

    Without a partition, the run's own is taken. An exception is recorded without secrets, then raised again; should
    the ledger be out of reach at that moment, the step's own exception still is the one that is seen.
    """
    record = StepRecord(name, partition or run_context.current().partition, details=dict(details))
    token = _partition.set(record.partition)
    started = time.perf_counter()
    try:
        yield record
    except BaseException as error:
        _write_failed(record, time.perf_counter() - started, error)
        raise
    else:
        _write(record, time.perf_counter() - started, error=None)
    finally:
        _partition.reset(token)


def current_partition() -> str | None:
    """Return the partition of the enclosing step; else the one of the run."""
    return _partition.get() or run_context.current().partition


def _write_failed(record: StepRecord, seconds: float, error: BaseException) -> None:
    try:
        _write(record, seconds, describe_error(error))
    except (SQLAlchemyError, LedgerNotConfiguredError) as unreachable:
        error.add_note(f"and the ledger could not record it: {describe_error(unreachable)}")


def describe_error(error: BaseException) -> str:
    """Return the class and message of an error, redacted and cut to a length that fits a table."""
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    return clean_text(text)[:_LONGEST_ERROR]


def _write(record: StepRecord, seconds: float, error: str | None) -> None:
    run = asdict(run_context.current())
    finished = func.clock_timestamp()
    row = {
        **{name: run[name] for name in ("dag_id", "run_id", "task_id", "map_index", "try_number")},
        "step": record.step,
        "partition": record.partition,
        "rows_read": record.read,
        "rows_written": record.wrote,
        "rows_rejected": record.rejected,
        "rows_duplicate": record.duplicates,
        "seconds": seconds,
        "state": "ok" if error is None else "failed",
        "error": error,
        # Both by the database's clock: the machines' clocks may differ.
        "started_at": finished - func.make_interval(0, 0, 0, 0, 0, 0, literal(seconds)),
        "finished_at": finished,
        "details": json_safe(record.details),
    }
    with engine().begin() as connection:
        connection.execute(insert(steps).values(row))
