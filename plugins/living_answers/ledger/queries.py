"""What the command line, the page and the metrics ask of the ledger. All read only, a few aggregates each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, TextClause, text

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class StepTotal:
    """All executions of one step together."""

    step: str
    read: int
    written: int
    rejected: int
    duplicates: int
    executions: int
    failures: int
    seconds: float
    last_success: datetime | None


@dataclass(frozen=True, slots=True)
class ProofCount:
    """How often the proofs of a DAG held, and how often not; ``break_it`` is empty for runs that nobody broke."""

    dag_id: str
    break_it: str
    holds: bool
    times: int


@dataclass(frozen=True, slots=True)
class ProofState:
    """A proof's latest outcomes: it holds if it does in the latest run of each task and partition."""

    dag_id: str
    proof: str
    holds: bool


@dataclass(frozen=True, slots=True)
class DeadLetterCount:
    """How many dead letters of a source are in a state."""

    source: str
    kind: str
    state: str
    letters: int


@dataclass(frozen=True, slots=True)
class BatchTotal:
    """The batches of a data set, and what they wrote."""

    dataset: str
    batches: int
    inserted: int
    updated: int


@dataclass(frozen=True, slots=True)
class BreakerState:
    """A circuit breaker as its last user left it."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Step:
    """One execution of a step."""

    step: str
    dag_id: str
    run_id: str
    task_id: str
    partition: str | None
    rows_read: int
    rows_written: int
    rows_rejected: int
    rows_duplicate: int
    seconds: float
    state: str
    error: str | None
    finished_at: datetime
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The outcome of one proof in one run."""

    dag_id: str
    run_id: str
    task_id: str
    partition: str | None
    proof: str
    how: str
    expected: Any
    observed: Any
    unit: str | None
    holds: bool
    difference: str | None
    break_it: str | None
    recorded_at: datetime


_STEP_TOTALS: Final = text(
    """
    SELECT step, sum(rows_read)::bigint AS read, sum(rows_written)::bigint AS written,
           sum(rows_rejected)::bigint AS rejected, sum(rows_duplicate)::bigint AS duplicates,
           count(*) AS executions, count(*) FILTER (WHERE state = 'failed') AS failures,
           sum(seconds) AS seconds, max(finished_at) FILTER (WHERE state = 'ok') AS last_success
    FROM ledger.steps GROUP BY step ORDER BY step
    """
)
_PROOF_COUNTS: Final = text(
    """
    SELECT dag_id, COALESCE(break_it, '') AS break_it, holds, count(*) AS times
    FROM ledger.evidence GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """
)
# What was broken on purpose is left out: its proofs must fail.
_PROOF_STATES: Final = text(
    """
    SELECT dag_id, proof, bool_and(holds) AS holds
    FROM ledger.evidence
    WHERE id IN (
        SELECT max(id) FROM ledger.evidence WHERE break_it IS NULL
        GROUP BY dag_id, task_id, map_index, proof, partition
    )
    GROUP BY 1, 2 ORDER BY 1, 2
    """
)
_DEAD_LETTER_COUNTS: Final = text(
    "SELECT source, kind, state, count(*) AS letters FROM ledger.dead_letters GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_BATCH_TOTALS: Final = text(
    """
    SELECT dataset, count(*) AS batches, sum(inserted)::bigint AS inserted, sum(updated)::bigint AS updated
    FROM ledger.batches GROUP BY 1 ORDER BY 1
    """
)
_BREAKERS: Final = text("SELECT name, state FROM ledger.circuit_breakers ORDER BY name")
_STEPS: Final = text(
    """
    SELECT step, dag_id, run_id, task_id, partition, rows_read, rows_written, rows_rejected, rows_duplicate, seconds,
           state, error, finished_at, details
    FROM ledger.steps
    WHERE (CAST(:run_ids AS text[]) IS NULL OR run_id = ANY (:run_ids))
      AND (CAST(:partition AS text) IS NULL OR partition = :partition)
    ORDER BY id DESC LIMIT :most
    """
)
_EVIDENCE: Final = text(
    """
    SELECT dag_id, run_id, task_id, partition, proof, how, expected, observed, unit, holds, difference, break_it,
           recorded_at
    FROM ledger.evidence
    WHERE (CAST(:run_ids AS text[]) IS NULL OR run_id = ANY (:run_ids))
      AND (CAST(:partition AS text) IS NULL OR partition = :partition)
    ORDER BY id DESC LIMIT :most
    """
)
_LAST_RUNS: Final = text(
    "SELECT run_id FROM ledger.evidence WHERE dag_id = :dag_id GROUP BY run_id ORDER BY max(id) DESC LIMIT :most"
)


def step_totals(connection: Connection) -> list[StepTotal]:
    """Return rows, seconds and failures of each step over all time."""
    return _all(connection, StepTotal, _STEP_TOTALS)


def proof_counts(connection: Connection) -> list[ProofCount]:
    """Return how often proofs held, by DAG and by the way it was broken."""
    return _all(connection, ProofCount, _PROOF_COUNTS)


def proof_states(connection: Connection) -> list[ProofState]:
    """Return for each proof whether its latest outcome in every partition holds."""
    return _all(connection, ProofState, _PROOF_STATES)


def dead_letter_counts(connection: Connection) -> list[DeadLetterCount]:
    """Return the number of dead letters by source, kind and state."""
    return _all(connection, DeadLetterCount, _DEAD_LETTER_COUNTS)


def batch_totals(connection: Connection) -> list[BatchTotal]:
    """Return the batches claimed and the rows written, by data set."""
    return _all(connection, BatchTotal, _BATCH_TOTALS)


def breakers(connection: Connection) -> list[BreakerState]:
    """Return the state of every circuit breaker."""
    return _all(connection, BreakerState, _BREAKERS)


def steps(
    connection: Connection, *, run_ids: Sequence[str] | None = None, partition: str | None = None, most: int = 1000
) -> list[Step]:
    """Return the latest executions of steps, newest first, of the runs and the partition if named."""
    return _all(connection, Step, _STEPS, run_ids=_listed(run_ids), partition=partition, most=most)


def evidence(
    connection: Connection, *, run_ids: Sequence[str] | None = None, partition: str | None = None, most: int = 1000
) -> list[Evidence]:
    """Return the latest evidence, newest first, of the runs and the partition if named."""
    return _all(connection, Evidence, _EVIDENCE, run_ids=_listed(run_ids), partition=partition, most=most)


def last_runs(connection: Connection, dag_id: str, most: int) -> list[str]:
    """Return the ids of a DAG's last runs that left evidence, newest first."""
    return list(connection.execute(_LAST_RUNS, {"dag_id": dag_id, "most": most}).scalars())


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)


def _all(connection: Connection, row: type[Row], query: TextClause, **parameters: Any) -> list[Row]:
    return [row(**fields) for fields in connection.execute(query, parameters).mappings()]
