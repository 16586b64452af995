"""Records and pages that could not be processed, kept with the reason until they are replayed or dropped."""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from living_answers.json_safe import json_safe
from living_answers.ledger.connection import engine
from living_answers.ledger.tables import dead_letters

Kind = Literal["file", "page", "row"]
State = Literal["open", "replaying", "resolved", "dropped"]

# One statement whatever the number of letters. A letter that is seen again opens again, unless a person dropped it.
_BURY: Final = text(
    """
    INSERT INTO ledger.dead_letters AS old (kind, source, partition, key, reason, payload_uri, payload, times_seen)
    SELECT kind, source, partition, key, reason, payload_uri, NULLIF(payload, 'null'::jsonb), times_seen
    FROM jsonb_to_recordset(CAST(:letters AS jsonb)) AS letter (
        kind text, source text, partition text, key text, reason text,
        payload_uri text, payload jsonb, times_seen bigint
    )
    ORDER BY kind, source, partition, key  -- the same order in all writers, so that none waits in a circle
    ON CONFLICT ON CONSTRAINT dead_letters_identity DO UPDATE SET
        reason = excluded.reason,
        payload_uri = COALESCE(excluded.payload_uri, old.payload_uri),
        payload = COALESCE(excluded.payload, old.payload),
        times_seen = old.times_seen + excluded.times_seen,
        last_seen_at = now(),
        state = CASE old.state WHEN 'dropped' THEN 'dropped' ELSE 'open' END,
        resolved_at = CASE old.state WHEN 'dropped' THEN old.resolved_at END
    """
)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be buried; kind, source, partition and key identify it."""

    kind: Kind
    source: str
    partition: str
    key: str
    reason: str
    payload: Any = None
    payload_uri: str | None = None

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The four columns that no two dead letters share."""
        return self.kind, self.source, self.partition, self.key


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row of the table."""

    id: int
    kind: Kind
    source: str
    partition: str
    key: str
    reason: str
    payload_uri: str | None
    payload: Any
    state: State
    times_seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None


def bury(
    kind: Kind, source: str, partition: str, key: str, reason: str, payload: Any = None, payload_uri: str | None = None
) -> None:
    """Record one dead letter; one that was resolved opens again, one that a person dropped stays dropped."""
    bury_many([Letter(kind, source, partition, key, reason, payload, payload_uri)])


def bury_many(letters: Iterable[Letter]) -> int:
    """Record many dead letters in one statement and return how many different ones there were."""
    merged: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for letter in letters:
        seen = merged.get(letter.identity, {"times_seen": 0})["times_seen"]
        merged[letter.identity] = {**asdict(letter), "times_seen": seen + 1}
    if merged:
        with engine().begin() as connection:
            connection.execute(_BURY, {"letters": json.dumps(json_safe(list(merged.values())))})
    return len(merged)


def open_letters(partition: str | None = None, kind: Kind | None = None, source: str | None = None) -> list[DeadLetter]:
    """Return the dead letters that wait for a replay, also those of a replay that has not ended, oldest first."""
    wanted = {"partition": partition, "kind": kind, "source": source}
    query = (
        select(dead_letters)
        .where(dead_letters.c.state.in_(("open", "replaying")), *_equals(wanted))
        .order_by(dead_letters.c.id)
    )
    with engine().connect() as connection:
        return [DeadLetter(**row) for row in connection.execute(query).mappings()]


def resolve(
    kind: Kind,
    source: str,
    partition: str,
    *,
    keys: Collection[str] | None = None,
    still_bad: Collection[str] = (),
) -> int:
    """Close the open letters of a partition: the named keys, or all; never those that are still bad.

    Returns how many left the queue. Harmless to repeat: a letter replayed twice counts once.
    """
    wanted = [*_equals({"kind": kind, "source": source, "partition": partition})]
    if keys is not None:
        wanted.append(dead_letters.c.key == func.any(bindparam("keys", list(keys), ARRAY(Text))))
    wanted.append(dead_letters.c.key != func.all(bindparam("still_bad", list(still_bad), ARRAY(Text))))
    return _set_state("resolved", wanted)


def mark(ids: Collection[int], state: State) -> int:
    """Move the letters to a state (a closed one stays as it is) and return how many moved."""
    return _set_state(state, [dead_letters.c.id.in_(list(ids))])


def _set_state(state: State, wanted: list[ColumnElement[bool]]) -> int:
    closing = state in ("resolved", "dropped")
    change = (
        update(dead_letters)
        .where(dead_letters.c.state.in_(("open", "replaying")), dead_letters.c.state != state, *wanted)
        .values(state=state, resolved_at=func.now() if closing else None)
    )
    with engine().begin() as connection:
        return connection.execute(change).rowcount


def _equals(wanted: dict[str, str | None]) -> list[ColumnElement[bool]]:
    return [dead_letters.c[name] == value for name, value in wanted.items() if value is not None]
