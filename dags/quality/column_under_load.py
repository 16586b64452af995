"""# How does a warehouse table gain a column while a load is running?

**Say it.** Adding a column with a constant default changes only the catalogue: no row is rewritten. But it needs the strongest lock
for that moment, and while it waits, everyone queues behind it. So set a lock timeout, give up quickly, let the others pass, and try again.

**How it works.** `ALTER TABLE ... ADD COLUMN` takes an ACCESS EXCLUSIVE lock. It conflicts with everything, even with the lock of a
plain SELECT, which lasts as long as its transaction. PostgreSQL's lock queue is fair: whoever asks for a lock that conflicts with a
*waiting* one waits, too. So one report of ten minutes and one ALTER of a millisecond make an outage of ten minutes. With `lock_timeout`
the ALTER leaves the queue after 50 ms, the load passes, and the ALTER asks again, until the report has ended.

Since PostgreSQL 11 a constant default is kept once in the catalogue and handed out to the old rows as they are read. A volatile
one, such as `clock_timestamp()`, has to be computed for each row: the whole table is written anew, under that lock. Then add the
column without a default, set the default for new rows, and fill the old ones in batches.

The load survives because it names its columns. `INSERT INTO loaded VALUES (...)` or `SELECT *` would be a second way to break.

**This run proves**
- *the load goes on while the column waits*: a report holds its lock, the ALTER is seen waiting for it, and twenty batches are
  loaded meanwhile;
- *the column arrives without a rewrite*: the table's file on disk is the same one as before;
- *no row of the load is lost*, *old and new rows have the default*: counted afterwards.

**Break it.** `no_lock_timeout`: the ALTER waits its turn behind the report, and the load behind the ALTER. `volatile_default`: the
default is computed for each row, and PostgreSQL writes a new file for the table.

**Where this stops.** Renaming, dropping or retyping a column breaks readers however quick the lock: expand first (a new column, written
by both), move the readers, contract last. A load that never lets go of its own lock starves the ALTER: watch its attempts. Redshift's
list of parameters has `statement_timeout` and no `lock_timeout`; what travels is the idea: a short wait and another try.

**Sources.** PostgreSQL: [ALTER TABLE](https://www.postgresql.org/docs/18/sql-altertable.html) (locks, and what is rewritten),
[adding a column](https://www.postgresql.org/docs/18/ddl-alter.html#DDL-ALTER-ADDING-A-COLUMN),
[lock modes](https://www.postgresql.org/docs/18/explicit-locking.html#LOCKING-TABLES),
[lock_timeout](https://www.postgresql.org/docs/18/runtime-config-client.html#GUC-LOCK-TIMEOUT). Redshift:
[configuration reference](https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

OLD_ROWS, BATCHES, ROWS = 10_000, 20, 100


def add_column(break_it: str | None) -> None:
    """Ask for the lock, give up after 50 ms, let the others pass, ask again."""
    from time import sleep

    from psycopg.errors import LockNotAvailable

    default = "clock_timestamp()" if break_it == "volatile_default" else "'2013-01-01 00:00+00'"
    while True:
        try:
            with scratch.connect() as connection:
                connection.execute(f"SET lock_timeout = {0 if break_it == 'no_lock_timeout' else 50}")
                connection.execute(f"ALTER TABLE loaded ADD COLUMN seen_at timestamptz DEFAULT {default}")
                return
        except LockNotAvailable:
            sleep(0.05)


def load(batches: int) -> int:
    """Load batches, each in a transaction; return how many went in before one had to wait two seconds."""
    from psycopg.errors import LockNotAvailable

    for done in range(batches):
        try:
            with scratch.connect() as connection:
                connection.execute("SET lock_timeout = 2000")
                connection.execute("INSERT INTO loaded (id) SELECT generate_series(1, %s)", [ROWS])
        except LockNotAvailable:
            return done
    return batches


def file_of_the_table(connection: Any) -> int:
    """The number of the table's file on disk: a rewrite makes another one."""
    return connection.execute("SELECT pg_relation_filenode('loaded')::bigint").fetchone()[0]


@answer(
    questions=["schema-evolution-pipeline"],
    breaks={
        "no_lock_timeout": {
            "what": "the ALTER waits behind a report for as long as that takes, and the load behind the ALTER",
            "fails": ["the load goes on while the column waits"],
        },
        "volatile_default": {
            "what": "the new column's default must be computed for each row",
            "fails": ["the column arrives without a rewrite"],
        },
    },
    scratch=["schema"],
)
def column_under_load():
    @task
    def fill_the_table() -> int:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS loaded")
            connection.execute("CREATE TABLE loaded AS SELECT generate_series(1, %s) AS id", [OLD_ROWS])
            return file_of_the_table(connection)

    @task
    def load_behind_a_report(params: dict[str, Any] | None = None) -> int:
        from concurrent.futures import ThreadPoolExecutor

        waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'loaded'::regclass"
        with scratch.connect() as watcher, scratch.connect() as report, ThreadPoolExecutor(1) as pool:
            report.execute("SELECT COUNT(*) FROM loaded")  # its transaction stays open, and holds a lock on the table
            column = pool.submit(add_column, params["break_it"])
            while not watcher.execute(waiting).fetchone()[0] and not column.done():
                watcher.rollback()
            done = load(BATCHES)
            report.commit()
            column.result(timeout=60)
        prove("the load goes on while the column waits", observed=done, expected=BATCHES, unit="batches")
        return done + load(1)

    @task
    def look_at_the_table(file: int, batches: int) -> None:
        with scratch.connect() as connection:
            same = file_of_the_table(connection)
            rows, with_default = connection.execute("SELECT COUNT(*), COUNT(seen_at) FROM loaded").fetchone()
        due = OLD_ROWS + batches * ROWS
        prove("no row of the load is lost", observed=rows, expected=due, unit="rows")
        prove("old and new rows have the default", observed=with_default, expected=due, unit="rows")
        prove("the column arrives without a rewrite", observed=same, expected=file, unit="number of the file")

    file = fill_the_table()
    batches = load_behind_a_report()
    file >> batches
    look_at_the_table(file, batches)
