"""# How do you make a load idempotent?

**Say it.** Give the batch a key, and record the key in the same transaction that writes the rows. A load that finds its key
recorded has nothing to do. So a retry, a backfill or a second runner leave the same rows, and a crash leaves either all of
the batch or nothing of it.

**How it works.** `load` claims the batch first: a row in `batches`, whose primary key lets one runner in and makes the others
wait for its end. If the claim succeeds, the rows follow, and one COMMIT publishes both. If the process dies before it, PostgreSQL
forgets the claim together with the rows, and the retry starts from nothing. The order matters less than the single commit:
whatever is recorded in a *second* transaction can be lost between the two.

**This run proves**
- *the second load inserts no row*: the same batch again, counted by the engine;
- *the replay leaves the same content*: a checksum over all rows, before and after;
- *a kill and a retry leave each row once*: the connection dies at the worst moment, then the load runs again;
- *two runners at once load once*: two connections load the same batch, both held up until each is in the middle of it.

**Break it.** `append`: no claim, the load just appends, and every repetition doubles the rows. `two_transactions`: the claim
is recorded after the rows are committed; a process that dies in between has loaded what its record does not know, and of
two runners at once both look before either has recorded.

**Where this stops.** Exactly-once ends at the database: a mail that the load sends is sent again by the retry. Redshift keeps
primary keys as hints only and would take the claim twice: there a table lock serialises the claims, as `flights_load` does.

**Sources.** PostgreSQL: [INSERT ... ON CONFLICT](https://www.postgresql.org/docs/18/sql-insert.html#SQL-ON-CONFLICT),
[transaction isolation](https://www.postgresql.org/docs/18/transaction-iso.html). Redshift:
[constraints](https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html),
[LOCK](https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ROWS = 20_000
BATCH = "2013-01-01"


class Killed(Exception):
    """What a kill -9 of the loader looks like to PostgreSQL: the connection ends, and nobody says goodbye."""


def load(connection: Any, break_it: str | None, *, kill: bool = False) -> int:
    """Load the batch; return how many rows were inserted. With ``kill``, die once the rows are written."""
    if break_it == "append":
        inserted = append_rows(connection)
        connection.commit()
    elif break_it == "two_transactions":
        if connection.execute("SELECT 1 FROM batches WHERE batch = %s", [BATCH]).fetchone():
            return 0
        inserted = append_rows(connection)
        connection.commit()
        if not kill:
            connection.execute("INSERT INTO batches VALUES (%s) ON CONFLICT DO NOTHING", [BATCH])
            connection.commit()
    else:
        claim = connection.execute("INSERT INTO batches VALUES (%s) ON CONFLICT DO NOTHING", [BATCH])
        inserted = append_rows(connection) if claim.rowcount else 0
        if not kill:
            connection.commit()
    if kill:
        connection.close()
        raise Killed
    return inserted


def append_rows(connection: Any) -> int:
    rows: int = connection.execute("INSERT INTO target SELECT * FROM source").rowcount
    return rows


def content(connection: Any) -> list[Any]:
    """Count and checksum of the target; a doubled row changes both."""
    query = "SELECT COUNT(*), SUM(hashtextextended(target::text, 0)) FROM target"
    return list(connection.execute(query).fetchone())


def empty_tables(connection: Any) -> None:
    connection.execute("TRUNCATE target, batches")
    connection.commit()


@answer(
    questions=["etl-idempotent-pipelines"],
    breaks={
        "append": {
            "what": "the load appends its rows and records nothing",
            "fails": [
                "the second load inserts no row",
                "a kill and a retry leave each row once",
                "two runners at once load once",
            ],
        },
        "two_transactions": {
            "what": "the batch is recorded in a second transaction, and the process dies between the two",
            "fails": ["a kill and a retry leave each row once", "two runners at once load once"],
        },
    },
    scratch=["schema"],
)
def idempotent_load():
    @task
    def make_source() -> int:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS source, target, batches")
            connection.execute("CREATE TABLE source (id bigint, amount bigint, note text)")
            connection.execute(
                "INSERT INTO source SELECT id, id %% 97, md5(id::text) FROM generate_series(1, %s) AS id", [ROWS]
            )
            connection.execute("CREATE TABLE target (LIKE source)")
            connection.execute("CREATE TABLE batches (batch text PRIMARY KEY)")
            return connection.execute("SELECT COUNT(*) FROM source").fetchone()[0]

    @task
    def replay_changes_nothing(rows: int, params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            empty_tables(connection)
            load(connection, params["break_it"])
            first = content(connection)
            prove("the first load inserts every row", observed=first[0], expected=rows, unit="rows")
            again = load(connection, params["break_it"])
            prove("the second load inserts no row", observed=again, expected=0, unit="rows")
            prove("the replay leaves the same content", observed=content(connection), expected=first)

    @task
    def survive_a_kill(rows: int, params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            empty_tables(connection)
        try:
            with scratch.connect() as victim:
                load(victim, params["break_it"], kill=True)
        except Killed:
            pass
        with scratch.connect() as connection:
            load(connection, params["break_it"])
            found = content(connection)[0]
        prove("a kill and a retry leave each row once", observed=found, expected=rows, unit="rows")

    @task
    def race(rows: int, params: dict[str, Any] | None = None) -> None:
        def runner() -> int:
            with scratch.connect() as connection:
                return load(connection, params["break_it"])

        with scratch.connect() as connection:
            empty_tables(connection)
        with ThreadPoolExecutor(2) as pool, scratch.connect() as gate:
            gate.execute("LOCK TABLE target IN SHARE MODE")  # Nobody writes until both are in the middle of it.
            runners = [pool.submit(runner) for _ in range(2)]
            scratch.wait_until_blocked(len(runners))
            gate.commit()
        inserted = sorted(done.result() for done in runners)
        prove("two runners at once load once", observed=inserted, expected=[0, rows], unit="rows")

    rows = make_source()
    # One after the other: they share the tables. Each runs whether or not the one before it proved its point.
    (
        replay_changes_nothing(rows)
        >> survive_a_kill.override(trigger_rule="all_done")(rows)
        >> race.override(trigger_rule="all_done")(rows)
    )
