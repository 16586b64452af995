"""# How do you read a large table from PostgreSQL in Python and transform it?

**Say it.** Use a named cursor: PostgreSQL keeps the result and hands it over in batches, so memory stays flat whatever the
table's size. Without a name the driver fetches everything before the first row. Bind values, never format them into
SQL. And open the connection in a `with`, so that an error closes it.

**How it works.** A plain cursor sends the query, and libpq, PostgreSQL's C library, collects the whole result in the client's memory
before `execute` returns; looping over it instead of calling `fetchall` saves only the Python objects. A named cursor is a
`DECLARE ... CURSOR` on the server, and each `FETCH FORWARD n` brings `n` rows. It lives in a transaction: reading for hours
keeps that transaction open for hours, and vacuum waits. What the transformation needs must fit too: running totals for each key
do, all rows do not. psycopg binds by sending values apart from the statement, so no value can become SQL.

**This run proves**
- *a named cursor needs a fraction of the memory*, and *both ways read every row*: the growth of the process's resident memory, in a child process for each way;
- *tracemalloc does not see libpq's copy*: a plain `execute` of which no row is fetched: what tracemalloc counts, against resident memory;
- *the transformed rows equal the same done in SQL*: totals for each key, in Python from batches, and by one GROUP BY;
- *the server has no session left after an error*: `pg_stat_activity`, asked from another connection;
- *a hostile value finds only itself*: a name that is also valid SQL, stored once and looked for.

**Break it.** `plain_cursor`: the reader leaves out the cursor's name, and holds the whole table. `format_values`: the value is put into
the statement by an f-string, and its `OR` is obeyed. `no_with`: nobody closes the connection when the transformation fails.

**Where this stops.** Often the right answer is not to fetch: a GROUP BY in the database moves totals, not rows, and an export is a
`COPY ... TO STDOUT`, which streams by itself and is faster. Behind a pooler in transaction mode a cursor lives for one transaction only. In
SQLAlchemy ask for `stream_results=True` or `yield_per`; pandas' `chunksize` alone changes nothing with a plain cursor: the driver
has the whole result by then.

**Sources.** psycopg: [server-side cursors](https://www.psycopg.org/psycopg3/docs/advanced/cursors.html),
[passing parameters](https://www.psycopg.org/psycopg3/docs/basic/params.html); PostgreSQL:
[DECLARE](https://www.postgresql.org/docs/18/sql-declare.html), [libpq, retrieving results in
chunks](https://www.postgresql.org/docs/18/libpq-single-row-mode.html); Python:
[tracemalloc](https://docs.python.org/3/library/tracemalloc.html); SQLAlchemy: [server-side
cursors](https://docs.sqlalchemy.org/en/20/core/connections.html#using-server-side-cursors-a-k-a-stream-results); pandas:
[read_sql](https://pandas.pydata.org/docs/reference/api/pandas.read_sql.html).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ROWS = 200_000
QUERY = "SELECT id, carrier, delay, note FROM delays"
SAME_IN_SQL = """
    SELECT carrier, COUNT(*), COALESCE(SUM(delay) FILTER (WHERE delay > 0), 0), COUNT(*) FILTER (WHERE delay > 0)
    FROM delays GROUP BY carrier
"""
HOSTILE = "nobody' OR '1'='1"


def read(connection: Any, *, named: bool) -> Iterator[tuple[Any, ...]]:
    """All rows: by a named cursor, ``itersize`` at a time, or by a plain one, all at once."""
    with connection.cursor(name="delays" if named else "") as cursor:
        if named:
            cursor.itersize = 2_000
        yield from cursor.execute(QUERY)


def transform(rows: Iterator[tuple[Any, ...]]) -> list[list[Any]]:
    """For each carrier: flights, minutes late, flights that were late. Memory grows with the carriers only."""
    totals: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for _, carrier, delay, _ in rows:
        total = totals[carrier]
        total[0] += 1
        if delay is not None and delay > 0:
            total[1] += delay
            total[2] += 1
    return [[carrier, *total] for carrier, total in sorted(totals.items())]


def resident() -> int:
    import psutil

    return psutil.Process().memory_info().rss


def in_child(work: Callable[[], list[int]]) -> list[int]:
    """Run ``work`` in a fork: its memory is its own, and is given back as a whole."""
    from multiprocessing import get_context

    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(work()))
    child.start()
    sender.close()
    figures = receiver.recv()
    child.join()
    return figures


def growth_while_reading(named: bool) -> list[int]:
    """By how many bytes the process grows at the most, and how many rows it read."""
    with scratch.connect() as connection:
        before = most = resident()
        count = 0
        for count, _ in enumerate(read(connection, named=named), start=1):
            if count % 5_000 == 1:
                most = max(most, resident())
        return [most - before, count]


def growth_by_execute() -> list[int]:
    """What a plain ``execute`` costs before any row is fetched: resident bytes, and what tracemalloc knows of them."""
    import tracemalloc

    with scratch.connect() as connection:
        before = resident()
        tracemalloc.start()
        cursor = connection.execute(QUERY)
        figures = [tracemalloc.get_traced_memory()[1], resident() - before]
        cursor.close()
        return figures


def sessions(pid: int) -> int:
    """Whether the server still has that session, once it has had the time to notice that its client is gone."""
    with scratch.connect() as connection:
        connection.autocommit = True
        for _ in range(40):
            if not connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).rowcount:
                return 0
            time.sleep(0.05)
    return 1


def count_named(connection: Any, carrier: str, break_it: str | None) -> int:
    if break_it == "format_values":
        query = f"SELECT COUNT(*) FROM delays WHERE carrier = '{carrier}'"  # noqa: S608 - the fault to be shown
        return connection.execute(query).fetchone()[0]
    return connection.execute("SELECT COUNT(*) FROM delays WHERE carrier = %s", [carrier]).fetchone()[0]


@answer(
    questions=["postgres-fetch-transform"],
    breaks={
        "plain_cursor": {
            "what": "the reader's cursor has no name, and the whole table comes at once",
            "fails": ["a named cursor needs a fraction of the memory"],
        },
        "format_values": {
            "what": "the value is formatted into the statement",
            "fails": ["a hostile value finds only itself"],
        },
        "no_with": {
            "what": "the connection is opened without with, and the transformation fails",
            "fails": ["the server has no session left after an error"],
        },
    },
    scratch=["schema"],
)
def server_side_cursor():
    @task
    def fill_table() -> None:
        with scratch.connect() as connection:
            connection.execute(
                "CREATE TABLE delays AS SELECT id, chr(65 + id %% 16) AS carrier, nullif(id * 7 %% 211, 3) - 60 AS delay, "
                "repeat(md5(id::text), 4) AS note FROM generate_series(1, %s) AS id",
                [ROWS],
            )
            connection.execute("UPDATE delays SET carrier = %s WHERE id = 1", [HOSTILE])

    @task
    def read_in_flat_memory(params: dict[str, Any] | None = None) -> None:
        named = params["break_it"] != "plain_cursor"
        plain, rows = in_child(lambda: growth_while_reading(named=False))
        asked, again = in_child(lambda: growth_while_reading(named=named))
        counted, real = in_child(growth_by_execute)
        prove("both ways read every row", observed=[rows, again], expected=[ROWS, ROWS], unit="rows")
        prove("tracemalloc does not see libpq's copy", observed=[counted, real], expected=0.1, how="times_at_most")
        prove(
            "a named cursor needs a fraction of the memory", observed=[asked, plain], expected=0.3, how="times_at_most"
        )

    @task
    def transform_in_batches() -> None:
        with scratch.connect() as connection:
            ours = transform(read(connection, named=True))
            theirs = connection.execute(SAME_IN_SQL).fetchall()
        prove("the transformed rows equal the same done in SQL", observed=ours, expected=theirs, how="rows")

    @task
    def close_on_error(params: dict[str, Any] | None = None) -> None:
        text_for_a_number = iter([(1, "AA", "late", "")])
        with ExitStack() as end_of_task:
            with ExitStack() as block, suppress(TypeError):
                # In plain words: `with psycopg.connect() as connection:`, or the connection is just opened.
                owner = end_of_task if params["break_it"] == "no_with" else block
                pid = owner.enter_context(scratch.connect()).info.backend_pid
                transform(text_for_a_number)
            prove("the server has no session left after an error", observed=sessions(pid), expected=0, unit="sessions")

    @task
    def bind_values(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            found = count_named(connection, HOSTILE, params["break_it"])
            stored = connection.execute("SELECT COUNT(*) FROM delays WHERE length(carrier) > 1").fetchone()[0]
        prove("a hostile value finds only itself", observed=found, expected=stored, unit="rows")

    fill_table() >> [read_in_flat_memory(), transform_in_batches(), close_on_error(), bind_values()]
