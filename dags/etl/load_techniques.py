"""# Delete and insert, MERGE or partition swap: which idempotent load, and what does each cost?

**Say it.** All three leave the same rows, however often they run, as long as one transaction publishes them. Delete and
insert is simple and rewrites the whole day; MERGE writes only what changed; a partition swap writes a new day beside the
old one and exchanges the two, with no dead rows, but readers wait for its lock.

**How it works.** Each technique is a list of statements that replaces one day of a partitioned table by the batch, and the
loader runs them in one transaction. Run twice, the second run finds the day as it wants it. MERGE needs three branches to
be a replacement: update what differs, insert what is new, and, forgotten by many, delete what the batch no longer holds
(`WHEN NOT MATCHED BY SOURCE`, PostgreSQL 17 and newer). A kill before the commit leaves nothing behind: even `CREATE`,
`DETACH` and `ATTACH` are rolled back. A kill *after* it, before the loader learns of it, is what the replay is for.

**This run proves**
- *a replay leaves the batch*: each technique loads twice; the checksum is the batch's own;
- *each technique's cost in rows*: some rows change, some go; the engine counts the rows written;
- *MERGE logs a tenth of delete and insert at the most*: records in the write-ahead log, by this session alone;
- *a reader sees the old day, or waits*: a second session looks after every statement, before the commit;
- *the crash matrix ends alike*: the session is terminated after each step, commit included, then retried.

**Break it.** `append`: the delete is left out, and every replay and every retry after a commit doubles the day.
`autocommit`: each statement commits by itself, so that a reader finds the day empty or its partition gone, and a retry of
the swap stumbles over what the dead run has left.

**Where this stops.** Redshift has no partitions to swap: there it is a staging table with `ALTER TABLE ... APPEND` (which
commits by itself) or a rename in a transaction, and its MERGE has no `NOT MATCHED BY SOURCE`. On a lake without a table format,
a swap is not atomic. `DETACH ... CONCURRENTLY` spares the readers, but cannot run in a transaction, so that a crash can leave it half
done. A MERGE that compares all columns reads the whole day: less is written, not less read.

**Sources.** PostgreSQL: [MERGE](https://www.postgresql.org/docs/18/sql-merge.html),
[ATTACH and DETACH PARTITION](https://www.postgresql.org/docs/18/sql-altertable.html),
[what locks what](https://www.postgresql.org/docs/18/explicit-locking.html),
[pg_stat_get_backend_wal](https://www.postgresql.org/docs/18/monitoring-stats.html). Redshift:
[ALTER TABLE APPEND](https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html),
[MERGE](https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SQL = Path(__file__).parent / "sql"

DELETE_INSERT = {
    "delete": "DELETE FROM target WHERE day = '2013-01-02'",
    "insert": "INSERT INTO target SELECT * FROM batch",
}
MERGE = {
    "merge": """
        MERGE INTO target AS t USING batch AS s ON t.day = s.day AND t.id = s.id
        WHEN MATCHED AND (t.amount, t.note) IS DISTINCT FROM (s.amount, s.note)
            THEN UPDATE SET amount = s.amount, note = s.note
        WHEN NOT MATCHED THEN INSERT VALUES (s.day, s.id, s.amount, s.note)
        WHEN NOT MATCHED BY SOURCE AND t.day = '2013-01-02' THEN DELETE"""
}
SWAP = {
    # With the CHECK in place, ATTACH believes it and does not scan the rows under its lock.
    "create": "CREATE TABLE incoming (LIKE target, CHECK (day = '2013-01-02'), CHECK (day IS NOT NULL))",
    "fill": "INSERT INTO incoming SELECT * FROM batch",
    "detach": "ALTER TABLE target DETACH PARTITION target_day",
    "drop": "DROP TABLE target_day",
    "rename": "ALTER TABLE incoming RENAME TO target_day",
    "attach": "ALTER TABLE target ATTACH PARTITION target_day FOR VALUES IN ('2013-01-02')",
}


def techniques(break_it: str | None) -> dict[str, dict[str, str]]:
    first = {"insert": DELETE_INSERT["insert"]} if break_it == "append" else DELETE_INSERT
    return {"delete and insert": first, "merge": MERGE, "swap": SWAP}


def each_technique(break_it: str | None) -> Iterator[tuple[str, dict[str, str], Any]]:
    for name, steps in techniques(break_it).items():
        renew_target()
        with scratch.connect() as connection:
            yield name, steps, connection


# Run the steps in one transaction; return the rows written. ``after`` is told of each step and of the commit.
def load(connection: Any, steps: dict[str, str], break_it: str | None, after: Callable[[str], None] = print) -> int:
    written = 0
    for step, statement in steps.items():
        written += max(connection.execute(statement).rowcount, 0)
        if break_it == "autocommit":
            connection.commit()
        after(step)
    connection.commit()
    after("commit")
    return written


# What the table holds, as text: the count and a sum of hashes, which a doubled or a missing row changes.
def content(table: str) -> str:
    import psycopg

    query = f"SELECT COUNT(*) || ' rows, ' || COALESCE(SUM(hashtextextended(x::text, 0)), 0) FROM {table} AS x"  # noqa: S608
    try:
        with scratch.connect() as connection:
            connection.execute("SET lock_timeout = '20ms'")
            return connection.execute(query).fetchone()[0]
    except psycopg.errors.LockNotAvailable:
        return "waits"


def renew_target() -> None:
    with scratch.connect() as connection:
        connection.execute((SQL / "load_techniques_target.sql").read_text())


# The records that this session alone has written to the write-ahead log.
def logged(connection: Any) -> int:
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()
    return connection.execute("SELECT wal_records FROM pg_stat_get_backend_wal(pg_backend_pid())").fetchone()[0]


def die_and_retry(steps: dict[str, str], at: str, break_it: str | None) -> str:
    """Have the session terminated after a step, load again, and return what the table then holds."""
    import psycopg

    def kill(step: str) -> None:
        if step == at:
            with scratch.connect() as killer:
                killer.execute("SELECT pg_terminate_backend(%s, 5000)", [victim.info.backend_pid])

    renew_target()
    with suppress(psycopg.OperationalError), scratch.connect() as victim:
        load(victim, steps, break_it, after=kill)
    try:
        with scratch.connect() as connection:
            load(connection, steps, break_it)
    except psycopg.Error as error:
        return f"the retry failed: {type(error).__name__}"
    return content("target")


@answer(
    questions=["etl-idempotent-pipelines"],
    breaks={
        "append": {
            "what": "delete and insert without the delete: the load appends",
            "fails": ["a replay leaves the batch", "each technique's cost in rows", "the crash matrix ends alike"],
        },
        "autocommit": {
            "what": "each statement commits by itself",
            "fails": ["a reader sees the old day, or waits", "the crash matrix ends alike"],
        },
    },
    scratch=["schema"],
)
def load_techniques():
    @task
    def make_batch() -> dict[str, int]:
        with scratch.connect() as connection:
            connection.execute((SQL / "load_techniques_batch.sql").read_text())
            counted = connection.execute((SQL / "load_techniques_rows.sql").read_text()).fetchone()
        return dict(zip(("old day", "batch", "differing"), counted, strict=True))

    @task
    def replay(params: dict[str, Any] | None = None) -> None:
        left = {}
        for name, steps, connection in each_technique(params["break_it"]):
            load(connection, steps, params["break_it"])
            load(connection, steps, params["break_it"])
            left[name] = content("target")
        wanted = dict.fromkeys(left, content("wanted"))
        prove("a replay leaves the batch", observed=left, expected=wanted)

    @task
    def weigh(rows: dict[str, int], params: dict[str, Any] | None = None) -> None:
        written, records = {}, {}
        for name, steps, connection in each_technique(params["break_it"]):
            before = logged(connection)
            written[name] = load(connection, steps, params["break_it"])
            records[name] = logged(connection) - before
        most = records["delete and insert"] // 10
        prove(
            "MERGE logs a tenth of delete and insert at the most",
            observed=records["merge"],
            expected=most,
            how="at_most",
        )
        due = {"delete and insert": rows["old day"] + rows["batch"], "merge": rows["differing"], "swap": rows["batch"]}
        prove("each technique's cost in rows", observed=written, expected=due, unit="rows written")

    @task
    def look_meanwhile(params: dict[str, Any] | None = None) -> None:
        old, seen = content("earlier"), {}
        for name, steps, connection in each_technique(params["break_it"]):

            def look(step: str, name: str = name) -> None:
                if step != "commit":
                    seen[f"{name}: {step}"] = content("target").replace(old, "the old day")

            load(connection, steps, params["break_it"], after=look)
        locked = ("swap: detach", "swap: drop", "swap: rename", "swap: attach")
        due = {step: "waits" if step in locked else "the old day" for step in seen}
        prove("a reader sees the old day, or waits", observed=seen, expected=due)

    @task
    def crash_and_retry(params: dict[str, Any] | None = None) -> None:
        matrix = {
            f"{name}, killed after {step}": die_and_retry(steps, step, params["break_it"])
            for name, steps in techniques(params["break_it"]).items()
            for step in [*steps, "commit"]
        }
        wanted = dict.fromkeys(matrix, content("wanted"))
        prove("the crash matrix ends alike", observed=matrix, expected=wanted)

    made = make_batch()
    # One after the other: they share the table. Each runs whether or not the one before it proved its point.
    weighed = weigh.override(trigger_rule="all_done")(made)
    looked = look_meanwhile.override(trigger_rule="all_done")()
    made >> replay() >> weighed >> looked >> crash_and_retry.override(trigger_rule="all_done")()
