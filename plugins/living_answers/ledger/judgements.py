"""Judgements: whether a run of an answer did what the answer promises, kept beside its evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from living_answers.ledger.connection import engine
from living_answers.ledger.tables import judgements


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement of one run; ``way`` is ``None`` if nobody broke it, ``code`` the digest of the file that ran."""

    dag_id: str
    run_id: str
    way: str | None
    green: bool
    faults: tuple[str, ...]
    code: str
    judged_at: datetime


_LATEST: Final = text(
    """
    SELECT DISTINCT ON (dag_id, way) dag_id, run_id, way, green, faults, code, judged_at
    FROM ledger.judgements ORDER BY dag_id, way, id DESC
    """
)
_OF_RUNS: Final = text(
    """
    SELECT dag_id, run_id, way, green, faults, code, judged_at
    FROM ledger.judgements WHERE dag_id = :dag_id AND run_id = ANY (:run_ids)
    """
)


def record(*, dag_id: str, run_id: str, way: str | None, green: bool, faults: Sequence[str], code: str) -> None:
    """Keep the judgement of a run; a run judged again replaces its judgement, with its place in time."""
    row = {"dag_id": dag_id, "run_id": run_id, "way": way, "green": green, "faults": list(faults), "code": code}
    statement = insert(judgements).values(row)
    statement = statement.on_conflict_do_update(constraint="judgements_identity", set_=row)
    with engine().begin() as connection:
        connection.execute(statement)


def latest(connection: Connection) -> list[Judged]:
    """Return the newest judgement of each answer and each of its ways."""
    return [_judged(row) for row in connection.execute(_LATEST).mappings()]


def of_runs(connection: Connection, dag_id: str, run_ids: Sequence[str]) -> dict[str, Judged]:
    """Return the judgements of an answer's runs by run id; a run that nobody judged is not among them."""
    rows = connection.execute(_OF_RUNS, {"dag_id": dag_id, "run_ids": list(run_ids)}).mappings()
    return {row["run_id"]: _judged(row) for row in rows}


def _judged(row: object) -> Judged:
    fields = dict(row)  # type: ignore[call-overload]
    return Judged(**{**fields, "faults": tuple(fields["faults"])})
