"""# A pipeline has become slow: how do you find the bottleneck?

**Say it.** Stage by stage, by resource: what did each stage compute, wait for, read, spill? I compare with a healthy run, and
the figure that has jumped names the stage and the cause. Airflow's durations tell me which task to look at; a profiler or a query
plan tells me why. Then I change that one thing and measure again.

**How it works.** Elapsed time says that something is slow, not what. It splits: the time a thread computed
(`schedstat`), the time it stood in line for a core, which is the machine's fault and not the stage's, and the time it waited:
for a source, a disk, a lock. The database tells the
rest: blocks read (an index is missing), blocks spilled to disk (too little memory for a sort). Each stage is measured so in a
healthy run, and then again: a cause is named if its figure is several times the healthy one and large enough to matter, so that
a healthy pipeline is blamed for nothing. Testing a stage alone tells a fault that lives inside it from one that comes from
outside: a lock that another session holds is gone when the stage runs by itself.

**This run proves**
- *every planted bottleneck is named with its cause*: five spots, in random order: slow source, slow code, lost index, too
  little memory, a lock held by another session;
- *a healthy pipeline is blamed for nothing*: the same diagnosis on a run with no fault;
- *durations name the stage and the profiler the function*: the slow code, seen both ways;
- *a lock held elsewhere is gone when the part runs alone*, and *a fault inside a part stays when it runs alone*.

**Break it.** `longest_stage`: the diagnosis is the stage that took the longest, as one reads it off a Gantt chart: it names a
culprit on a healthy pipeline, too, and never says why.

**Where this stops.** Thresholds here are wide, since the machine is shared; on a quiet one, less would do. One fault at a time: two
that overlap hide each other, and the second shows once the first is mended. A profiler that hooks every call slows code with many
small calls the most and so bends the picture; sampling profilers (py-spy, pyinstrument) bend it less. The notes have Airflow or CloudWatch
pinpoint the bottleneck: they name the task or the machine, not the reason.

**Sources.** Gregg, [the USE method](https://www.brendangregg.com/usemethod.html); Linux:
[schedstat](https://docs.kernel.org/scheduler/sched-stats.html); Python: [the profilers](https://docs.python.org/3.11/library/profile.html); PostgreSQL:
[EXPLAIN's buffers](https://www.postgresql.org/docs/18/sql-explain.html),
[wait events](https://www.postgresql.org/docs/18/monitoring-stats.html#WAIT-EVENT-TABLE); Airflow:
[task durations in the UI](https://airflow.apache.org/docs/apache-airflow/stable/ui.html).
"""

from __future__ import annotations

import cProfile
import pstats
import random
import threading
import time
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

#: Where a fault is planted -> what a right diagnosis says of it.
SPOTS = {
    "source": "fetch: waited",
    "code": "parse: computed",
    "index": "look up: blocks read",
    "memory": "sort: blocks spilled",
    "lock": "write: waited",
}
FLOORS = {"waited": 0.15, "computed": 0.02, "blocks read": 500, "blocks spilled": 20}  # less than this is nothing
JUMP, ROWS = 4, 20_000  # a jump is to so many times the healthy figure, or the floor


def fetch(fault: str | None) -> None:
    """Wait for ten pages of a source; a real wait, inside the database, that stands for the network."""
    with scratch.connect() as connection:
        for _ in range(10):
            connection.execute("SELECT pg_sleep(%s)", [0.1 if fault == "source" else 0.002])


def parse(fault: str | None) -> None:
    known = list(range(9000))
    scan_a_list(known) if fault == "code" else set(known).issuperset(range(2 * len(known)))


def scan_a_list(known: list[int]) -> int:
    """Look each number up in a list: from its beginning, every time."""
    found = 0
    for number in range(2 * len(known)):
        found += number in known
    return found


def look_up(fault: str | None) -> dict[str, int]:
    """Fetch thirty rows by key. The fault is an index that cannot be used."""
    column = "id + 0" if fault == "index" else "id"
    return sum_blocks([f"SELECT * FROM planes WHERE {column} = {number * 600}" for number in range(30)])  # noqa: S608


def sort(fault: str | None) -> dict[str, int]:
    return sum_blocks(["SELECT * FROM planes ORDER BY note"], work_mem="64kB" if fault == "memory" else "32MB")


def write(fault: str | None) -> None:
    """Update a row. The fault is a session that holds it for a second."""
    held = threading.Event()

    def hold() -> None:
        with scratch.connect() as other:
            other.execute("UPDATE totals SET total = total + 1")
            held.set()
            time.sleep(1)

    if fault == "lock":
        threading.Thread(target=hold).start()
        held.wait(timeout=30)
    with scratch.connect() as connection:
        connection.execute("UPDATE totals SET total = total + 1")


def sum_blocks(queries: list[str], work_mem: str = "4MB") -> dict[str, int]:
    """Run the queries; return the blocks that they read and spilled, as the engine counted them."""
    read = spilled = 0
    with scratch.connect() as connection:
        connection.execute("SELECT set_config('work_mem', %s, false)", [work_mem])
        for query in queries:
            plan = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}").fetchone()[0][0]["Plan"]
            read += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            spilled += plan["Temp Written Blocks"]
    return {"blocks read": read, "blocks spilled": spilled}


STAGES = {"fetch": fetch, "parse": parse, "look up": look_up, "sort": sort, "write": write}


def scheduled() -> tuple[float, float]:
    """Return the seconds that this thread has computed, and those that it stood in line for a core."""
    # Of the first figure the thread's own clock knows more: schedstat's is as old as the last tick.
    in_line = Path("/proc/thread-self/schedstat").read_text().split()[1]
    return time.thread_time(), int(in_line) / 1e9


def measure(stage: str, fault: str | None) -> dict[str, float]:
    """Run a stage; return what it took: seconds waited and computed, blocks read and spilled."""
    wall, before = time.perf_counter(), scheduled()
    counted = STAGES[stage](fault) or {}
    computed, in_line = (after - first for after, first in zip(scheduled(), before, strict=True))
    return {"computed": computed, "waited": time.perf_counter() - wall - computed - in_line, **counted}


def diagnose(healthy: dict[str, Any], now: dict[str, Any], break_it: str | None) -> str:
    """Name the stage and the figure that jumped the most, or nothing."""
    if break_it == "longest_stage":
        return max(now, key=lambda stage: now[stage]["waited"] + now[stage]["computed"])
    jumps = {
        f"{stage}: {what}": figure / max(healthy[stage][what], FLOORS[what])
        for stage, figures in now.items()
        for what, figure in figures.items()
    }
    worst = max(jumps, key=jumps.__getitem__)
    return worst if jumps[worst] >= JUMP else "nothing"


@answer(
    questions=["perf-pipeline-bottleneck"],
    claims={
        "c-004-bottleneck-airflow-profiler": {
            "verdict": "imprecise",
            "proof": "durations name the stage and the profiler the function",
            "truth": "Airflow and CloudWatch show which task or machine is slow; a profiler or a query plan shows why.",
        },
        "c-004-test-parts-in-isolation": {
            "verdict": "imprecise",
            "proof": "a lock held elsewhere is gone when the part runs alone",
            "truth": "It isolates a fault that lives inside a part; contention between parts disappears when each runs alone.",
        },
    },
    breaks={
        "longest_stage": {
            "what": "the stage that took the longest is blamed, with nothing to compare it with",
            "fails": [
                "every planted bottleneck is named with its cause",
                "a healthy pipeline is blamed for nothing",
            ],
        }
    },
    scratch=["schema"],
)
def find_bottleneck():
    @task
    def measure_healthy() -> dict[str, dict[str, float]]:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS planes, totals")
            connection.execute(
                "CREATE TABLE planes AS SELECT id, md5(id::text) AS note FROM generate_series(0, %s) AS id", [ROWS]
            )
            connection.execute("CREATE UNIQUE INDEX ON planes (id)")
            connection.execute("CREATE TABLE totals AS SELECT 0 AS total")
        return {stage: measure(stage, None) for stage in STAGES}

    @task
    def find_planted_faults(healthy: dict[str, Any], params: dict[str, Any] | None = None) -> None:
        faults = random.Random(scratch.name()).sample(list(SPOTS), k=len(SPOTS))
        found = {}
        for fault in faults:
            found[fault] = diagnose(healthy, {stage: measure(stage, fault) for stage in STAGES}, params["break_it"])
        prove("every planted bottleneck is named with its cause", observed=found, expected=SPOTS)

    @task
    def blame_nothing(healthy: dict[str, Any], params: dict[str, Any] | None = None) -> None:
        named = diagnose(healthy, {stage: measure(stage, None) for stage in STAGES}, params["break_it"])
        prove("a healthy pipeline is blamed for nothing", observed=named, expected="nothing")

    @task
    def look_inside(healthy: dict[str, Any]) -> None:
        """Profile the slow code, and run two parts alone: the one with slow code, and the one that met a lock."""
        slow = measure("parse", "code")
        profile = cProfile.Profile()
        profile.runcall(STAGES["parse"], "code")
        by_function = {name: spent[2] for (_, _, name), spent in pstats.Stats(profile).stats.items()}  # own seconds
        hottest = max(by_function, key=by_function.__getitem__)
        longest = max({**healthy, "parse": slow}.items(), key=lambda item: item[1]["computed"])[0]
        seen = {"durations": longest, "profiler": hottest}
        named = {"durations": "parse", "profiler": scan_a_list.__name__}
        prove("durations name the stage and the profiler the function", observed=seen, expected=named)
        alone = diagnose(healthy, {"parse": slow}, None)
        prove("a fault inside a part stays when it runs alone", observed=alone, expected=SPOTS["code"])
        gone = diagnose(healthy, {"write": measure("write", None)}, None)
        prove("a lock held elsewhere is gone when the part runs alone", observed=gone, expected="nothing")

    healthy = measure_healthy()
    # One after the other: the lock that one of them holds would be met by the others.
    look_inside(healthy) >> find_planted_faults(healthy) >> blame_nothing.override(trigger_rule="all_done")(healthy)
