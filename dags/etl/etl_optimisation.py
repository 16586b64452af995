"""# How do you make a slow ETL job faster, and how do you know which change did it?

**Say it.** Measure each stage, change the slowest, check that the output is the same, and measure the whole again: one change at
a time. Parallel requests, a better file format, better SQL: each speeds up its own stage, and the whole by that stage's share.
What cannot be divided sets the limit.

**How it works.** The job of this run fetches the airports page by page from a slow source, reads a file of flights, and joins the
two. It is built to be slow in three textbook ways: one request after the other, nineteen columns of CSV where two are needed,
and a query for each row. `improve` runs it, takes the stage that costs the most, mends that one, and goes on until all
are mended, with a checksum of the output after each change. Two ways of talking about the gain are both in use, and only one holds:
the *ratios* of changes made one after the other multiply to the ratio of the whole, since each is measured on the job that the
one before has left. The ratios of changes measured each alone do not: what adds up then are the *seconds saved*.

**This run proves**
- *every change leaves the same output*: a checksum of the result, after each;
- *the effects multiply to the whole*: the ratios of the changes, against start and end measured anew;
- *seconds saved by each change alone add up*: three changes alone, against all three together;
- *workers that share one connection gain nothing*: eight of them, with one connection each and with one for all.

**Break it.** `each_alone`: the ratios of changes measured alone are multiplied, as slides like to do. `inner_join`: the better SQL also
drops the flights whose airport is unknown: faster, and wrong.

**Where this stops.** A pause stands for the source, so that its wait is real and the same each time. Seconds are what the job's thread computed and waited for, without the time that it stood in line for a core
(`schedstat`), and of each stage the least of three runs, since the machine is shared. Savings add up while the stages are separate; where they compete for a disk or a
cache, mending one speeds up the other, or slows it. The notes say that splitting into parallel jobs speeds up a slow pipeline:
it does for the part that is split, up to what all workers share. What an index does for an ETL job, `indexes_and_bulk_loads` measures.

**Sources.** Amdahl, *Validity of the single processor approach* (1967), [doi:10.1145/1465482.1465560](https://doi.org/10.1145/1465482.1465560);
[the Parquet format](https://parquet.apache.org/docs/file-format/);
[DuckDB and Parquet](https://duckdb.org/docs/current/data/parquet/overview); Linux: [schedstat](https://docs.kernel.org/scheduler/sched-stats.html).
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from hashlib import sha256
from itertools import pairwise
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove

PAGES, WORKERS, LATENCY = 16, 8, 0.04  # pages of the source, and the seconds that it takes for each
ROWS, LOOKUPS, ROUNDS = 40_000, 1_500, 3
STAGES = ("fetch", "read", "join")


def fetch_page(page: int, shared: Lock | None = None) -> tuple[int, str]:
    """Wait for the source, which a pause stands for, and return an airport. With ``shared``: over the one connection of all."""
    with shared or nullcontext():
        time.sleep(LATENCY)
        return page, f"airport {page}"


def fetch(better: bool) -> dict[int, str]:
    with ThreadPoolExecutor(WORKERS if better else 1) as pool:
        return dict(pool.map(fetch_page, range(PAGES)))


def read(folder: Path, better: bool) -> list[tuple[int, int]]:
    """Read each flight's airport and delay: from Parquet, or from CSV with all its columns."""
    if better:
        import pyarrow.parquet as pq

        table = pq.read_table(folder / "flights.parquet", columns=["airport", "delay"], use_threads=False)
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    with (folder / "flights.csv").open() as file:
        return [(int(row["airport"]), int(row["delay"])) for row in csv.DictReader(file)]


def join(names: dict[int, str], flights: list[tuple[int, int]], better: bool, break_it: str | None) -> list[Any]:
    """Sum the delays of the first flights by the airport's name, by one query, or by one query for each flight."""
    import duckdb
    import pandas as pd

    names = pd.DataFrame({"airport": list(names), "name": list(names.values())})
    flights = pd.DataFrame(flights[:LOOKUPS], columns=["airport", "delay"])
    kind = "INNER" if break_it == "inner_join" else "LEFT"
    with duckdb.connect(config={"threads": 1}) as engine:
        engine.execute("CREATE TABLE names AS SELECT * FROM names")
        if better:
            query = f"SELECT name, SUM(delay)::int FROM flights {kind} JOIN names USING (airport) GROUP BY 1 ORDER BY 1"  # noqa: S608
            return engine.execute(query).fetchall()
        totals: dict[str | None, int] = {}
        for airport, delay in flights.itertuples(index=False):
            found = engine.execute("SELECT name FROM names WHERE airport = ?", [airport]).fetchone() or (None,)
            totals[found[0]] = totals.get(found[0], 0) + delay
        return sorted(totals.items(), key=lambda item: (item[0] is None, item[0]))


def spend(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that the work took, less those in line for a core, and its result."""

    def in_line() -> int:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1])

    start, waited = time.perf_counter(), in_line()
    result = work()
    return time.perf_counter() - start - (in_line() - waited) / 1e9, result


def run_job(folder: Path, better: Collection[str], break_it: str | None) -> tuple[dict[str, float], str]:
    """Run the job with some stages made better; return the seconds of each, and a checksum of the output."""
    took = {}
    took["fetch"], names = spend(lambda: fetch("fetch" in better))
    took["read"], flights = spend(lambda: read(folder, "read" in better))
    took["join"], output = spend(lambda: join(names, flights, "join" in better, break_it))
    return took, sha256(repr([tuple(row) for row in output]).encode()).hexdigest()[:12]


def measure(folder: Path, ways: list[Collection[str]], break_it: str | None) -> list[float]:
    """Run the job each way, turn and turn about, and return each way's seconds: of each stage the least of its runs.

    What disturbs a run only ever adds to it, and what slows the machine for a while slows every way alike.
    """
    rounds = [[run_job(folder, better, break_it)[0] for better in ways] for _ in range(ROUNDS)]
    return [sum(min(run[stage] for run in runs) for stage in STAGES) for runs in zip(*rounds, strict=True)]


@answer(
    questions=["etl-optimization-case"],
    claims={
        "c-004-parallel-jobs-speed": {
            "verdict": "imprecise",
            "proof": "workers that share one connection gain nothing",
            "truth": "Parallel jobs speed up the part that is split, up to the serial rest and to what they all share.",
        },
    },
    breaks={
        "each_alone": {
            "what": "the ratios of three changes, each measured alone, are multiplied",
            "fails": ["the effects multiply to the whole"],
        },
        "inner_join": {
            "what": "the better SQL drops the flights whose airport is unknown",
            "fails": ["every change leaves the same output"],
        },
    },
)
def etl_optimisation():
    @task
    def improve(params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Mend the slowest stage, one after the other; then each alone; then start and end anew."""
        import duckdb
        import pandas as pd  # noqa: F401 - imported before anything is timed
        import pyarrow.parquet as pq  # noqa: F401

        with TemporaryDirectory() as name:
            folder, filler = Path(name), ", ".join(f"n AS c{number}" for number in range(17))
            for format_ in ("csv", "parquet"):
                select = f"SELECT n % 20 AS airport, n % 61 AS delay, {filler} FROM range({ROWS}) AS t(n)"  # noqa: S608
                duckdb.sql(f"COPY ({select}) TO '{folder}/flights.{format_}'")
            runs, done = [run_job(folder, [], params["break_it"])], []
            while len(done) < len(STAGES):
                open_ = [stage for stage in STAGES if stage not in done]
                done.append(max(open_, key=runs[-1][0].__getitem__))
                runs.append(run_job(folder, done, params["break_it"]))
            print(f"mended in the order {done}, the slowest first; seconds by stage: {[stages for stages, _ in runs]}")
            in_turn, alone = [done[:number] for number in range(len(STAGES) + 1)], [[stage] for stage in STAGES]
            seconds = measure(folder, [*in_turn, *alone, [], STAGES], params["break_it"])
        return {
            "checksums": [checksum for _, checksum in runs],
            "in_turn": seconds[: len(in_turn)],
            "alone": seconds[len(in_turn) : -2],
            "start_and_end": seconds[-2:],
        }

    @task
    def compare_outputs(measured: dict[str, Any]) -> None:
        sums = measured["checksums"]
        prove("every change leaves the same output", observed=sums, expected=[sums[0]] * (len(STAGES) + 1))

    @task
    def account_for_the_gain(measured: dict[str, Any], params: dict[str, Any] | None = None) -> None:
        (start, end), alone = measured["start_and_end"], measured["alone"]
        saved, whole = sum(start - seconds for seconds in alone), start - end
        prove("seconds saved by each change alone add up", observed=saved, expected=whole, how="close", tolerance=0.3)
        ratios = [before / after for before, after in pairwise(measured["in_turn"])]
        if params["break_it"] == "each_alone":
            ratios = [start / seconds for seconds in alone]
        gain = prod(ratios)
        prove("the effects multiply to the whole", observed=gain, expected=start / end, how="close", tolerance=0.4)

    @task
    def share_one_connection() -> None:
        one_for_all = Lock()
        in_a_row, _ = spend(lambda: fetch(better=False))
        with ThreadPoolExecutor(WORKERS) as pool:
            queued, _ = spend(lambda: list(pool.map(lambda page: fetch_page(page, one_for_all), range(PAGES))))
        observed = (queued, in_a_row)
        prove("workers that share one connection gain nothing", observed=observed, expected=0.7, how="times_at_least")

    measured = improve()
    [compare_outputs(measured), account_for_the_gain(measured)]
    share_one_connection()
