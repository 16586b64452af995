"""# How do you split a pipeline into jobs that run side by side, without overrunning the database?

**Say it.** Cut the data into slices that need nothing of each other, map one task over them, join at the end, and put a limit
on how many run at once: it is the database's connections that run out, not the workers. A slice that fails is then tried again
alone.

**How it works.** *Fan out*: Airflow's dynamic task mapping makes one task instance for each slice when the run has found out
which slices there are. *Limit*: `max_active_tis_per_dagrun` for a task, a pool across DAGs, or, inside a task, a pool of
threads or connections; the limit belongs to the scarcest thing that the slices share. A worker keeps its connection for all
its pieces: a closed one counts until PostgreSQL has ended its process, a moment after the client has gone on. *Join*: the next
task gets all results, and runs once the last slice has succeeded. *Retry*: each mapped instance has its own tries, so what is
repeated is a slice and not the whole. For that, a slice must be idempotent: here it replaces its own rows in one transaction.

**This run proves**
- *the slices together are the whole*: sums by carrier of four mapped tasks, against one query over all rows;
- *one failed slice is tried again alone*: the attempts that each slice has recorded; one of them dies on its first try;
- *the slices ran side by side*: the most that had a session at one moment, seen by PostgreSQL;
- *the connections stay below the limit*: the most sessions that PostgreSQL saw while sixteen pieces were worked on.

**Break it.** `no_limit`: every piece opens a connection of its own, all at once. `one_task`: no fan-out; a single task does
all slices, and when it dies near the end, it does all of them again.

**Where this stops.** Each mapped instance costs a process start and a turn of the scheduler (about a second here): slices
should be worth minutes, not milliseconds, and a list that a task hands on to be mapped over may have 1024 items unless
`max_map_length` says otherwise. Side by side helps up to the first thing that all slices share; see `slow_batch_job` for the
law, and for what a lock does to it.

**Sources.** Airflow: [dynamic task mapping](https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/dynamic-task-mapping.html),
[pools](https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/pools.html),
[max_map_length](https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#max-map-length); PostgreSQL:
[max_connections](https://www.postgresql.org/docs/18/runtime-config-connection.html#GUC-MAX-CONNECTIONS),
[pg_stat_activity](https://www.postgresql.org/docs/18/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.sdk import get_current_context, task

from living_answers.answers import answer, prove, scratch

SLICES = 4
UNLUCKY = 2  # the slice that dies on its first try
LIMIT, PIECES = 3, 16


class SliceDied(RuntimeError):
    """What a lost worker looks like to Airflow: the try has failed, and there may be another."""


def work_on(slice_: int, *, die: bool) -> None:
    """Replace the slice's own rows in one transaction; note the attempt in another, so that it outlives a failure."""
    with scratch.connect() as connection:
        connection.execute("INSERT INTO attempts VALUES (%s)", [slice_])
    with scratch.connect() as connection:
        connection.execute("DELETE FROM results WHERE slice = %s", [slice_])
        query = "INSERT INTO results SELECT %s, carrier, SUM(delay) FROM flights WHERE id %% %s = %s GROUP BY carrier"
        connection.execute(query, [slice_, SLICES, slice_])
        if die:
            raise SliceDied(f"slice {slice_} dies before its commit")


def work_through(pieces: Sequence[int]) -> int:
    """Do all pieces over one connection; return the most sessions of this kind that PostgreSQL saw meanwhile."""
    most = 0
    with scratch.connect() as connection:
        # Other tasks of this run have sessions too: those that count are named after this process.
        connection.execute("SELECT set_config('application_name', %s, false)", [f"pieces of process {os.getpid()}"])
        for _ in pieces:
            connection.execute("SELECT pg_sleep(0.3)")
            connection.commit()  # pg_stat_activity stands still within a transaction
            query = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = current_setting('application_name')"
            most = max(most, connection.execute(query).fetchone()[0])
    return most


@answer(
    questions=["perf-parallelize-pipeline"],
    breaks={
        "no_limit": {
            "what": "as many connections as pieces, all at once",
            "fails": ["the connections stay below the limit"],
        },
        "one_task": {
            "what": "one task works on all slices, and does them all again when it dies",
            "fails": ["one failed slice is tried again alone"],
        },
    },
    scratch=["schema"],
)
def parallel_slices():
    @task
    def find_slices(params: dict[str, Any] | None = None) -> list[list[int]]:
        """Make the flights, and say which slices each mapped task is to do."""
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS flights, results, attempts")
            connection.execute(
                "CREATE TABLE flights AS SELECT id, (ARRAY['AA', 'B6', 'UA'])[id %% 3 + 1] AS carrier, id %% 61 AS delay "
                "FROM generate_series(1, %s) AS id",
                [60_000],
            )
            connection.execute("CREATE TABLE results (slice int, carrier text, delay bigint)")
            connection.execute("CREATE TABLE attempts (slice int)")
        each = [[slice_] for slice_ in range(SLICES)]
        return [list(range(SLICES))] if params["break_it"] == "one_task" else each

    @task(max_active_tis_per_dagrun=LIMIT, retries=1)
    def add_up(slices: list[int]) -> None:
        for slice_ in slices:
            first_try = get_current_context()["ti"].try_number == 1
            work_on(slice_, die=slice_ == UNLUCKY and first_try)

    @task
    def join() -> None:
        with scratch.connect() as connection:
            parts = connection.execute("SELECT carrier, SUM(delay)::bigint FROM results GROUP BY carrier").fetchall()
            whole = connection.execute("SELECT carrier, SUM(delay) FROM flights GROUP BY carrier").fetchall()
            query = "SELECT slice, COUNT(*) FROM attempts GROUP BY slice"
            attempts = {str(slice_): times for slice_, times in connection.execute(query).fetchall()}
        prove("the slices together are the whole", observed=parts, expected=whole, how="rows")
        alone = {str(slice_): 2 if slice_ == UNLUCKY else 1 for slice_ in range(SLICES)}
        prove("one failed slice is tried again alone", observed=attempts, expected=alone, unit="attempts")

    @task
    def limit_the_sessions(params: dict[str, Any] | None = None) -> None:
        workers = PIECES if params["break_it"] == "no_limit" else LIMIT
        with ThreadPoolExecutor(workers) as pool:
            most = max(pool.map(work_through, [range(PIECES)[worker::workers] for worker in range(workers)]))
        prove("the slices ran side by side", observed=most, expected=2, how="at_least", unit="sessions")
        prove("the connections stay below the limit", observed=most, expected=LIMIT, how="at_most", unit="sessions")

    slices = find_slices()
    add_up.expand(slices=slices) >> join()
    slices >> limit_the_sessions()
