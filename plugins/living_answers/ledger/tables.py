"""The ledger's tables: the single record that the UI, the CLI, the site and Prometheus read."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA: Final = "ledger"
metadata: Final = MetaData(schema=SCHEMA)


def _key() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _count(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text(str(default)))


def _moment(name: str, *, nullable: bool = False) -> Column[Any]:
    """A point in time by the database's clock, which all runners share."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=None if nullable else func.now())


def _run() -> list[Column[Any]]:
    """The columns that say which task instance wrote a row."""
    return [
        Column("dag_id", Text, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("task_id", Text, nullable=False),
        Column("map_index", Integer, nullable=False, server_default=text("-1")),
        Column("try_number", Integer, nullable=False, server_default=text("1")),
    ]


steps: Final = Table(
    "steps",
    metadata,
    _key(),
    Column("step", Text, nullable=False),
    *_run(),
    Column("partition", Text),
    _count("rows_read"),
    _count("rows_written"),
    _count("rows_rejected"),
    _count("rows_duplicate"),
    Column("seconds", Double, nullable=False),
    Column("state", Text, CheckConstraint("state in ('ok', 'failed')", name="steps_state"), nullable=False),
    Column("error", Text),
    _moment("started_at"),
    _moment("finished_at"),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("steps_by_run", "dag_id", "run_id"),
    Index("steps_by_step_and_time", "step", "finished_at"),
    Index("steps_by_partition", "partition", "step"),
)

evidence: Final = Table(
    "evidence",
    metadata,
    _key(),
    *_run(),
    Column("partition", Text),
    Column("proof", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("expected", JSONB),
    Column("observed", JSONB),
    Column("unit", Text),
    Column("tolerance", Double),
    Column("holds", Boolean, nullable=False),
    Column("difference", Text),
    Column("break_it", Text),
    _moment("recorded_at"),
    Index("evidence_by_run", "dag_id", "run_id"),
    Index("evidence_by_proof_and_time", "dag_id", "proof", "recorded_at"),
)

plans: Final = Table(
    "plans",
    metadata,
    _key(),
    *_run(),
    Column("title", Text, nullable=False),
    # PostgreSQL's EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON): the tree below "Plan".
    Column("plan", JSONB, nullable=False),
    Column("sql", Text, nullable=False),
    _moment("recorded_at"),
    Index("plans_by_run", "dag_id", "run_id"),
)

judgements: Final = Table(
    "judgements",
    metadata,
    _key(),
    Column("dag_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    # The way in which the run was broken on purpose; null if it was not.
    Column("way", Text),
    Column("green", Boolean, nullable=False),
    Column("faults", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    # The digest of the answer's file as it was judged: another one today makes the judgement stale.
    Column("code", Text, nullable=False),
    _moment("judged_at"),
    UniqueConstraint("dag_id", "run_id", name="judgements_identity"),
    Index("judgements_by_way", "dag_id", "way", "id"),
)

dead_letters: Final = Table(
    "dead_letters",
    metadata,
    _key(),
    Column("kind", Text, CheckConstraint("kind in ('file', 'page', 'row')", name="dead_letters_kind"), nullable=False),
    Column("source", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload_uri", Text),
    Column("payload", JSONB),
    Column(
        "state",
        Text,
        CheckConstraint("state in ('open', 'replaying', 'resolved', 'dropped')", name="dead_letters_state"),
        nullable=False,
        server_default=text("'open'"),
    ),
    _count("times_seen", default=1),
    _moment("first_seen_at"),
    _moment("last_seen_at"),
    _moment("resolved_at", nullable=True),
    UniqueConstraint("kind", "source", "partition", "key", name="dead_letters_identity"),
    Index("dead_letters_by_state", "state", "source", "kind"),
)

batches: Final = Table(
    "batches",
    metadata,
    Column("dataset", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    _count("rows"),
    _count("inserted"),
    _count("updated"),
    Column("run_id", Text, nullable=False),
    _moment("claimed_at"),
    # The order of the claims. A clock would not do: a transaction's time is that of its start, before it got the lock.
    Column("sequence", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("dataset", "partition", "content_hash"),
    Index("batches_by_sequence", "dataset", "partition", "sequence"),
)

circuit_breakers: Final = Table(
    "circuit_breakers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False, server_default=text("'closed'")),
    Column("fail_count", Integer, nullable=False, server_default=text("0")),
    Column("success_count", Integer, nullable=False, server_default=text("0")),
    _moment("opened_at", nullable=True),
)

# Holds no row: a loader locks it, so that one load at a time merges into the star schema.
load_lock: Final = Table("load_lock", metadata, Column("id", Integer, primary_key=True))
