"""# How do you bring several kinds of source into one landing area?

**Say it.** Give every source the same contract: records since a position, with key and time of change. Land them in one place with
the same metadata. Remember the position only after the rows are committed, read a little before it again, and let the key
absorb what comes twice. One source failing must not stop the others.

**How it works.** Each source is a function of a window: the flights API by `updated_since`, a table by its change column, and files,
which have no change column, by the set of (key, ETag) that has landed. Every landed row says its source, key, version, origin and batch.
The window's end becomes the watermark, kept in Airflow 3.3's *asset state store*: it belongs to the landing area, not to a DAG, a
task or a run, and outlives all three. It cannot share a transaction with the rows, so the order decides: rows first, watermark second.
A crash in between reads the same window again, and the landing table's key drops what it has. The overlap does the same on purpose for
rows that became visible late.

**This run proves**
- *each source's own count is landed*: the API's count, the files' lines, the table's rows;
- *a row that came late is landed*: its time of change lies before the watermark, within the overlap;
- *a second run lands only what is new*: rows by source in the second batch, though the windows overlap;
- *a crash between rows and watermark loses and doubles nothing*: the process dies after the first of the two;
- *with the API down the other sources land*, and *the failure is recorded*: its address answers nobody.

**Break it.** `watermark_first`: the position stands in an Airflow Variable and is written before the rows; the crash loses the window for
ever. `no_overlap`: the window begins just at the watermark. `one_for_all`: the first source that fails ends the run.

**Where this stops.** The overlap catches what is late by less than itself: measure lateness, and reconcile counts against the source now and
then. Deletes need the log (`change_data_capture`). In a DAG of your own, map a task over the sources: one fails red and is retried while the
others are green; here all are in one task so that a proof can look at the outcome. A state store keeps the last value only, and two runs
at once would move one watermark: allow one run at a time.

**Sources.** Airflow: [asset state store](https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/asset-state-store.html),
[variables](https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/variables.html), [dynamic task
mapping](https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/dynamic-task-mapping.html); S3:
[ETag](https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html); PostgreSQL: [INSERT ... ON
CONFLICT](https://www.postgresql.org/docs/18/sql-insert.html#SQL-ON-CONFLICT).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from airflow.sdk import Asset, Variable, task

from living_answers.answers import answer, prove, scratch
from living_answers.sources.errors import SourceError

LANDING = Asset("multi_source_landing")
OVERLAP = timedelta(hours=2)
BEGIN, FIRST, SECOND, THIRD, FOURTH = ["2013-12-31T00:00:00Z", *(f"2014-01-0{day}T00:00:00Z" for day in (1, 2, 3, 4))]
TOTALS = "SELECT source, COUNT(*) FROM landing WHERE batch = %s GROUP BY source"
NEW_ROWS = (
    "INSERT INTO bookings SELECT %s || n, %s::timestamptz FROM generate_series(1, %s) AS n ON CONFLICT DO NOTHING"
)
LAND = "INSERT INTO landing VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
IN_WINDOW = "SELECT id, changed::text FROM bookings WHERE changed >= %s AND changed < %s"
TABLES = """
    DROP TABLE IF EXISTS landing, failures, bookings;
    CREATE TABLE bookings (id text PRIMARY KEY, changed timestamptz);
    CREATE TABLE failures (batch text, source text, error text);
    CREATE TABLE landing (source text, key text, version text, payload jsonb, origin text, batch text,
        PRIMARY KEY (source, key, version));
"""


def flights_api(*, dead: bool = False) -> Any:
    # A client of the flights API; a dead one asks at an address where nobody answers.
    from airflow.sdk import Connection

    from living_answers.sources.flights import FlightsSource

    api = Connection.get("flights_api")
    return FlightsSource(f"http://{api.host}:{1 if dead else api.port}", api.password, limit=1000)


def from_api(_: Any, since: str, until: str, *, dead: bool = False) -> Iterator[tuple]:
    """The flights whose current version was published in the window."""
    with flights_api(dead=dead) as source:
        rows = (row for page in source.changed_since(since) for row in page.rows if row["updated_at"] < until)
        yield from ((row["flight_id"], row["updated_at"], row, "/v1/flights") for row in rows)


def from_files(connection: Any, *_: Any) -> Iterator[tuple]:
    """The lines of files that have not landed: a file has no change column, but a key and an ETag."""
    lake = scratch.lake()
    known = connection.execute("SELECT DISTINCT origin FROM landing WHERE source = 'files'").fetchall()
    for key in lake.keys(scratch.prefix()):
        origin = f"{key}@{lake.etag(key)}"
        for number, line in enumerate([] if (origin,) in known else lake.get(key).decode().splitlines()):
            yield f"{key}:{number}", origin, {"line": line}, origin


def from_table(connection: Any, since: str, until: str) -> Iterator[tuple]:
    # The rows that changed in the window.
    for key, changed in connection.execute(IN_WINDOW, [since, until]).fetchall():
        yield key, changed, {"id": key}, "bookings"


SOURCES = {"api": from_api, "files": from_files, "table": from_table}


def land(connection: Any, store: Any, name: str, until: str, break_it: str | None, *, die: bool = False) -> None:
    """Land a source's window, then move its watermark; ``die`` between the two."""
    watermark = f"{scratch.name()}:{name}"
    since = datetime.fromisoformat(store.get(watermark, default=None) or BEGIN)
    since -= timedelta() if break_it == "no_overlap" else OVERLAP
    window = [since.strftime("%Y-%m-%dT%H:%M:%SZ"), until]
    steps = [lambda: insert(connection, name, window), lambda: store.set(watermark, until)]
    for step in reversed(steps) if break_it == "watermark_first" else steps:
        step()
        if die:
            return


def insert(connection: Any, name: str, window: list[str]) -> None:
    records = SOURCES[name](connection, *window)
    rows = [(name, key, version, json.dumps(payload), origin, window[1]) for key, version, payload, origin in records]
    connection.cursor().executemany(LAND, rows)
    connection.commit()


def land_all(connection: Any, store: Any, until: str, break_it: str | None) -> dict[str, int]:
    """Land every source; one that fails is recorded, and the others go on. Return the rows of the batch by source."""
    for name in SOURCES:
        try:
            land(connection, store, name, until, break_it)
        except SourceError as error:  # in earnest also the errors of S3 and of the driver
            print(f"{name}: {error!r}")
            connection.rollback()
            connection.execute("INSERT INTO failures VALUES (%s, %s, %s)", [until, name, type(error).__name__])
            if break_it == "one_for_all":
                break
    return dict(connection.execute(TOTALS, [until]).fetchall())


def offer(connection: Any, day: str, rows: int) -> None:
    # Let the table and the files have so many new rows each, changed at noon of the day.
    connection.execute(NEW_ROWS, [f"{day} no. ", f"{day}T12:00:00Z", rows])
    connection.commit()
    scratch.lake().put(f"{scratch.prefix()}{day}.csv", b"a line\n" * rows)


def store_of(params: dict[str, Any], stores: Any) -> Any:
    # Where the watermark lives: with the asset, or, in the naive way, in a Variable.
    return Variable if params["break_it"] == "watermark_first" else stores[LANDING]


@answer(
    questions=["ingest-multi-source"],
    breaks={
        "watermark_first": {
            "what": "the watermark is written, to a Variable, before the rows",
            "fails": ["a crash between rows and watermark loses and doubles nothing"],
        },
        "no_overlap": {"what": "a window begins just at the watermark", "fails": ["a row that came late is landed"]},
        "one_for_all": {
            "what": "the first source that fails ends the run",
            "fails": ["with the API down the other sources land"],
        },
    },
    scratch=["schema", "prefix"],
)
def multi_source_ingestion():
    @task(inlets=[LANDING])
    def land_first_increment(params: dict[str, Any] | None = None, asset_state_store=None) -> None:
        with scratch.connect() as connection, flights_api() as source:
            connection.execute(TABLES)
            offer(connection, "2013-12-31", 40)
            landed = land_all(connection, store_of(params, asset_state_store), FIRST, params["break_it"])
            due = {"api": source.count("2013-12-30"), "files": 40, "table": 40}
        prove("each source's own count is landed", observed=landed, expected=due, unit="rows")

    @task(inlets=[LANDING])
    def land_only_news(params: dict[str, Any] | None = None, asset_state_store=None) -> None:
        with scratch.connect() as connection, flights_api() as source:
            offer(connection, "2014-01-01", 25)
            connection.execute(
                NEW_ROWS, ["late no. ", "2013-12-31T23:30:00Z", 1]
            )  # committed after the first window was read
            landed = land_all(connection, store_of(params, asset_state_store), SECOND, params["break_it"])
            late = connection.execute("SELECT 1 FROM landing WHERE key LIKE 'late%'").rowcount
            due = {"api": source.count("2013-12-31"), "files": 25, "table": 25 + 1}
        prove("a row that came late is landed", observed=late, expected=1, unit="rows")
        prove("a second run lands only what is new", observed=landed, expected=due, unit="rows")

    @task(inlets=[LANDING])
    def survive_a_crash(params: dict[str, Any] | None = None, asset_state_store=None) -> None:
        store = store_of(params, asset_state_store)
        with scratch.connect() as connection:
            offer(connection, "2014-01-02", 10)
            land(connection, store, "table", THIRD, params["break_it"], die=True)
            land_all(connection, store, THIRD, params["break_it"])
            rows = connection.execute("SELECT id FROM bookings").fetchall()
            landed = connection.execute("SELECT key FROM landing WHERE source = 'table'").fetchall()
        prove(
            "a crash between rows and watermark loses and doubles nothing", observed=landed, expected=rows, how="rows"
        )

    @task(inlets=[LANDING])
    def bear_one_down(params: dict[str, Any] | None = None, asset_state_store=None) -> None:
        SOURCES["api"] = partial(from_api, dead=True)
        with scratch.connect() as connection:
            offer(connection, "2014-01-03", 15)
            landed = land_all(connection, store_of(params, asset_state_store), FOURTH, params["break_it"])
            failed = connection.execute("SELECT source, error FROM failures").fetchall()
        prove(
            "with the API down the other sources land",
            observed=landed,
            expected={"files": 15, "table": 15},
            unit="rows",
        )
        prove("the failure is recorded", observed=failed, expected=[["api", "ConnectionLost"]], how="rows")

    @task(retries=3, inlets=[LANDING])
    def forget_watermarks(params: dict[str, Any] | None = None, asset_state_store=None) -> None:
        for name in SOURCES:
            store_of(params, asset_state_store).delete(f"{scratch.name()}:{name}")

    landed = land_first_increment() >> land_only_news() >> survive_a_crash() >> bear_one_down()
    landed >> forget_watermarks().as_teardown()  # a teardown runs whatever became of the tasks before it
