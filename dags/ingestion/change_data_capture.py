"""# How do you keep two databases in step?

**Say it.** Open a replication slot, copy the tables under the snapshot that the slot exports, then apply the changes from the
write-ahead log, in order. Record the log position in the same transaction as the rows, confirm it to the slot
afterwards, and reconcile by hashing each key. Polling a timestamp is simpler, and never sees a delete.

**How it works.** The slot fixes a position in the log, and its snapshot shows the tables just as they were there: copy and stream meet
without a gap and without an overlap. `take_changes` peeks at the log, writes each change with its position, commits, and only then
advances the slot: after a crash the same changes come again. The conflict rule makes that harmless: a change is applied only
if the row's position is older than the change's. A deleted row leaves a tombstone with its position, so that an old update cannot bring it back.
Lag is counted in bytes: the log written, minus the log confirmed. Whatever else changed the target, reconciliation finds: both
sides hash each row, and only the keys that differ are repaired.

**This run proves**
- *copy and stream leave every key alike*: after random inserts, updates, deletes and a moved key, hash by key, source against target;
- *after a crash the same changes come again*, and *the conflict rule lets them write nothing*: they were applied, and the process died
  before it confirmed them; every row version of the target is the one from before;
- *polling by timestamp keeps what the source deleted*: its surplus rows are the deletes, and those alone;
- *unread, the log holds at least what was written*, and *once confirmed, none of it waits*: lag, in bytes of the log;
- *reconciliation names just the keys changed behind the stream*, and *after the repair every key is alike again*: an update, an insert, a delete in the target.

**Break it.** `poll_timestamps`: the target follows `updated_at` instead of the log. `confirm_first`: the slot is advanced before
the changes are applied, and the process dies in between: they are gone.

**Where this stops.** A slot nobody reads keeps the log until the disk is full: set `max_slot_wal_keep_size`, alert on lag, and
drop it with its consumer, as the last task does. Opening a slot waits for every open transaction that has written. DDL is not
in the stream, sequences neither. A table without a primary key needs `REPLICA IDENTITY`. `test_decoding` is PostgreSQL's
example and easy to read; subscriptions use `pgoutput`, and Debezium can. `REPLICATION` lets a role read the whole cluster's
log: in production it belongs to a role of its own. Two writable sides need a rule that no log position gives.

**Sources.** PostgreSQL: [logical decoding](https://www.postgresql.org/docs/18/logicaldecoding-explanation.html) (slots, exported snapshots),
[replication protocol](https://www.postgresql.org/docs/18/protocol-replication.html),
[test_decoding](https://www.postgresql.org/docs/18/test-decoding.html),
[replication functions](https://www.postgresql.org/docs/18/functions-admin.html#FUNCTIONS-REPLICATION),
[max_slot_wal_keep_size](https://www.postgresql.org/docs/18/runtime-config-replication.html#GUC-MAX-SLOT-WAL-KEEP-SIZE);
[Debezium's PostgreSQL connector](https://debezium.io/documentation/reference/stable/connectors/postgresql.html).
"""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ROWS, CHANGES = 500, 400
WRITES = {
    "insert": "INSERT INTO source VALUES (%(new)s, %(name)s, NULL)",
    "update": "UPDATE source SET name = %(name)s, updated_at = clock_timestamp() WHERE id = %(key)s",
    "delete": "DELETE FROM source WHERE id = %(key)s",
    "move": "UPDATE source SET id = %(new)s, updated_at = clock_timestamp() WHERE id = %(key)s",
}
# The conflict rule: the change with the later position in the log wins; a delete leaves its position as a tombstone.
APPLY = """
    INSERT INTO target VALUES (%(id)s, %(name)s, %(amount)s, %(lsn)s, %(deleted)s) ON CONFLICT (id) DO UPDATE
    SET name = excluded.name, amount = excluded.amount, lsn = excluded.lsn, deleted = excluded.deleted
    WHERE target.lsn < excluded.lsn
"""
CHANGE = re.compile(r"table \S+: (\w+): (?:old-key: (.*) new-tuple: )?(.*)", re.DOTALL)
FIELD = re.compile(r"(\w+)\[[^\]]+\]:('(?:[^']|'')*'|\S+)")
PEEK = "SELECT lsn::text, data FROM pg_logical_slot_peek_changes(%s, %s, NULL) WHERE starts_with(data, %s)"
CONFIRM = "SELECT pg_replication_slot_advance(%s, %s)"
WRITTEN = "SELECT SUM(octet_length(name)) FROM source WHERE name LIKE 'it%'"
VERSIONS = "SELECT COUNT(*), SUM(hashtextextended(xmin::text || ' ' || id, 0)) FROM target"
DROP = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
LAG = "SELECT pg_wal_lsn_diff(%s::pg_lsn, confirmed_flush_lsn)::bigint FROM pg_replication_slots WHERE slot_name = %s"


def statement(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"change_data_capture_{name}.sql").read_text()


def fields(text: str) -> dict[str, Any]:
    # As test_decoding writes them: id[integer]:7 name[text]:'it''s' amount[integer]:null
    found = FIELD.findall(text)
    return {n: None if v == "null" else v[1:-1].replace("''", "'") if v[0] == "'" else v for n, v in found}


def take_changes(connection: Any, break_it: str | None, *, die: bool = False) -> int:
    # Write what the log has to tell, commit, confirm it to the slot; die between the two. Return how many changes.
    slot, ours = scratch.name(), f"table {scratch.schema()}.source: "  # the slot tells of the whole database
    end = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()[0]
    changes = connection.execute(PEEK, [slot, end, ours]).fetchall()
    steps = [lambda: write(connection, changes), lambda: connection.execute(CONFIRM, [slot, end])]
    for step in reversed(steps) if break_it == "confirm_first" else steps:
        step()
        connection.commit()
        if die:
            break
    return len(changes)


def write(connection: Any, changes: list[tuple[str, str]]) -> None:
    for lsn, change in changes:
        kind, old, new = CHANGE.match(change).groups()
        blank = {"name": None, "amount": None, "lsn": lsn, "deleted": True}
        if old:  # the key has moved: its old place is dead
            connection.execute(APPLY, blank | fields(old))
        connection.execute(APPLY, blank | {"deleted": kind == "DELETE"} | fields(new))


def hashes(connection: Any, table: str) -> dict[int, str]:
    from psycopg import sql

    query = sql.SQL("SELECT id, md5(row(id, name, amount)::text) FROM {}").format(sql.Identifier(table))
    return dict(connection.execute(query).fetchall())


@answer(
    questions=["data-synchronization"],
    breaks={
        "poll_timestamps": {"what": "the copy follows updated_at", "fails": ["copy and stream leave every key alike"]},
        "confirm_first": {
            "what": "the slot is advanced before the changes are applied, and the process dies in between",
            "fails": ["after a crash the same changes come again"],
        },
    },
    scratch=["schema"],
)
def change_data_capture():
    @task
    def open_slot_and_copy() -> None:
        from psycopg2 import connect
        from psycopg2.extras import LogicalReplicationConnection

        with scratch.connect() as connection:
            connection.execute(DROP, [scratch.name()])
            connection.execute(statement("tables"))
            connection.execute("INSERT INTO source SELECT n, 'name ' || n, n * 7 FROM generate_series(1, %s) n", [ROWS])
            connection.commit()
            login = {"dsn": connection.info.dsn, "password": connection.info.password}
            with closing(connect(**login, connection_factory=LogicalReplicationConnection)) as walsender:
                slot = walsender.cursor()
                slot.create_replication_slot(scratch.name(), output_plugin="test_decoding")
                _, lsn, snapshot, _ = slot.fetchone()
                connection.execute("INSERT INTO source VALUES (0, 'after the slot, before the copy', 1)")
                connection.commit()
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
                connection.execute("INSERT INTO target SELECT id, name, amount, %s FROM source", [lsn])
                connection.execute("CREATE TABLE polled AS SELECT * FROM source")

    @task
    def change_source() -> dict[str, Any]:
        random, alive = Random(2013), list(range(1, ROWS + 1))
        with scratch.connect() as connection:
            for n in range(CHANGES):
                kind, key, new = random.choice(list(WRITES)), random.choice(alive), ROWS + 1 + n
                connection.execute(WRITES[kind], {"key": key, "new": new, "name": f"it's change {n} [of]:\n{CHANGES}"})
                alive = [k for k in alive if k != key or kind in ("insert", "update")]
                alive += [new] if kind in ("insert", "move") else []
                if n % 20 == 19:
                    connection.commit()
            end = connection.execute("SELECT pg_current_wal_lsn()::text").fetchone()[0]
        return {"end": end, "gone": sorted({*range(1, ROWS + 1)} - {*alive})}

    @task
    def poll_instead(changes: dict[str, Any]) -> None:
        with scratch.connect() as connection:
            connection.execute(statement("poll"))
            surplus = hashes(connection, "polled").keys() - hashes(connection, "source").keys()
        prove("polling by timestamp keeps what the source deleted", observed=sorted(surplus), expected=changes["gone"])

    @task
    def follow_the_log(changes: dict[str, Any], params: dict[str, Any] | None = None) -> None:
        lag = [changes["end"], scratch.name()]
        with scratch.connect() as connection:
            waiting = connection.execute(LAG, lag).fetchone()[0]
            written = connection.execute(WRITTEN).fetchone()[0]
            prove("unread, the log holds at least what was written", observed=waiting, expected=written, how="at_least")
            given = take_changes(connection, params["break_it"], die=True)
            applied = connection.execute(VERSIONS).fetchone()
            again = take_changes(connection, params["break_it"])
            prove("after a crash the same changes come again", observed=again, expected=given, unit="changes")
            after = connection.execute(VERSIONS).fetchone()
            prove("the conflict rule lets them write nothing", observed=after, expected=applied)
            waiting = connection.execute(LAG, lag).fetchone()[0]
            prove("once confirmed, none of it waits", observed=waiting, expected=0, how="at_most")
            copy = "polled" if params["break_it"] == "poll_timestamps" else "live"
            ours, theirs = [*hashes(connection, copy).items()], [*hashes(connection, "source").items()]
        prove("copy and stream leave every key alike", observed=ours, expected=theirs, how="rows")

    @task
    def reconcile() -> None:
        with scratch.connect() as connection:
            touched = sorted([-5, 0, max(hashes(connection, "live"))])
            connection.execute("INSERT INTO target VALUES (-5, 'nobody knows me', 1, '0/0')")
            connection.execute("UPDATE target SET amount = -1 WHERE id = 0")
            connection.execute("DELETE FROM target WHERE id = %s", [touched[-1]])
            ours, theirs = hashes(connection, "live"), hashes(connection, "source")
            differ = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
            connection.execute(statement("repair"), [differ])
            repaired = hashes(connection, "live")
        prove("reconciliation names just the keys changed behind the stream", observed=differ, expected=touched)
        prove(
            "after the repair every key is alike again",
            observed=[*repaired.items()],
            expected=[*theirs.items()],
            how="rows",
        )

    @task(retries=3)
    def drop_slot() -> None:  # a teardown: it runs whatever became of the tasks before it
        with scratch.connect() as connection:
            connection.execute(DROP, [scratch.name()])

    copied, changes = open_slot_and_copy(), change_source()
    followed = follow_the_log(changes)
    copied >> changes >> poll_instead(changes) >> followed >> reconcile() >> drop_slot().as_teardown()
