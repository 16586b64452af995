"""# The nightly batch has become too slow: what do you do, and in which order?

**Say it.** Measure first: is it waiting, computing or spilling to disk? Then the remedy that fits: waiting is cured by more
slices side by side, spilling by memory, computing by more cores or less work. Amdahl's law says beforehand what the serial part
will leave, so I know when to stop.

**How it works.** A batch grows with its data until it misses its deadline. Splitting it helps in as much as its slices can run
at once: with a serial share s and N workers, the gain is 1 / (s + (1 - s) / N), never more than 1 / s. Cutting the work into chunks
is not a gain by itself: one after another they take as long as before, or longer: a chunk cut by anything but a
partition or an index reads the whole table again. It bounds memory, lets a failed chunk run
again alone, and is what parallel work needs. Adding a resource helps if that resource is the limit: memory cures a sort that
spills to disk, and does nothing for an aggregate that fits already. And what all workers must share (a lock, a disk, one
connection) stays serial, however many there are.

**This run proves**
- *the grown job misses its deadline*: four times the slices, against a deadline of twice the small job's time, by a quarter at least;
- *workers side by side bring it back*: the same job with eight workers keeps the deadline (of each job, the least of three turns);
- *Amdahl's law foretells the gain*: measured with one and with eight workers, a known share of the work being serial;
- *chunks in a row gain nothing*: the blocks read in one pass and in chunks one after another;
- *memory cures the sort that spills*: temporary blocks written with little and with enough `work_mem`;
- *memory does nothing for the stage that fits*: the blocks that an aggregate reads and writes, with little and with much;
- *every remedy leaves the same output*: the sum of each, against one query over all numbers.

**Break it.** `shared_lock`: the slices write under one lock, as into one file; eight workers queue for it like one.

**Where this stops.** The slices of this run wait for their source (a real wait, inside the database), since two busy cores
could not show a gain in computing. With CPU-bound slices the number of cores takes the place of the number of workers. Amdahl holds
the work fixed; when more machines are used to do more work, Gustafson's law is the fitting one. Contention makes real curves fall
again, beyond a point that only measuring finds.

**Sources.** Amdahl, *Validity of the single processor approach* (1967),
[doi:10.1145/1465482.1465560](https://doi.org/10.1145/1465482.1465560); Gustafson (1988),
[doi:10.1145/42411.42415](https://doi.org/10.1145/42411.42415); PostgreSQL:
[work_mem](https://www.postgresql.org/docs/18/runtime-config-resource.html#GUC-WORK-MEM),
[EXPLAIN](https://www.postgresql.org/docs/18/sql-explain.html),
[advisory locks](https://www.postgresql.org/docs/18/explicit-locking.html#ADVISORY-LOCKS).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SLICES, WORKERS, ROUNDS = 16, 8, 3
WAIT = 0.15  # seconds that a slice waits for its source
SERIAL = 0.2  # seconds of work before the slices that cannot be divided


def run_slice(slice_: int, break_it: str | None) -> int:
    """Wait for the source, add one slice of the numbers up, and write it."""
    lock = "SELECT pg_advisory_xact_lock(hashtext(current_schema()))" if break_it == "shared_lock" else "SELECT 1"
    with scratch.connect() as connection:
        connection.execute(lock)
        connection.execute("SELECT pg_sleep(%s)", [WAIT])
        query = "INSERT INTO results SELECT %s, SUM(amount) FROM numbers WHERE n %% %s = %s RETURNING total"
        return connection.execute(query, [slice_, SLICES, slice_]).fetchone()[0]


def run_job(slices: int, workers: int, break_it: str | None = None) -> tuple[float, int]:
    """Run the serial part, then the slices with that many workers; return the seconds taken and the sum of it all."""
    with scratch.connect() as connection:
        connection.execute("TRUNCATE results")
    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        time.sleep(SERIAL)
        total = sum(pool.map(lambda number: run_slice(number, break_it), range(slices)))
    return time.perf_counter() - start, total


def amdahl(workers: int) -> float:
    """Return the gain that Amdahl's law allows, the share that cannot be divided being known."""
    share = SERIAL / (SERIAL + SLICES * WAIT)
    return 1 / (share + (1 - share) / workers)


def blocks(query: str, work_mem: str = "4MB") -> tuple[int, int]:
    """Run a query with that much memory; return the blocks that it read, and those that it spilled to disk."""
    with scratch.connect() as connection:
        connection.execute("SELECT set_config('work_mem', %s, false)", [work_mem])
        plan = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}").fetchone()[0][0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], plan["Temp Written Blocks"]


@answer(
    questions=["perf-batch-job-too-slow"],
    claims={
        "c-004-batch-scale-up": {
            "verdict": "imprecise",
            "proof": "memory does nothing for the stage that fits",
            "truth": "More CPU or memory helps if that very resource is the limit; measure which one is.",
        },
        "c-004-chunk-partitioning": {
            "verdict": "imprecise",
            "proof": "chunks in a row gain nothing",
            "truth": "Chunks bound memory, allow parallel work and partial reruns; one after another they are no faster.",
        },
    },
    breaks={
        "shared_lock": {
            "what": "every slice takes the same lock while it waits and writes, so that workers queue",
            "fails": ["workers side by side bring it back", "Amdahl's law foretells the gain"],
        }
    },
    scratch=["schema"],
)
def slow_batch_job():
    @task
    def make_numbers() -> None:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS numbers, results")
            connection.execute(
                "CREATE TABLE numbers AS SELECT n, (n * 7919) %% 1000 AS amount, md5(n::text) AS note "
                "FROM generate_series(1, %s) AS n",
                [50_000],
            )
            connection.execute("CREATE TABLE results (slice int, total bigint)")

    @task
    def divide_the_work(params: dict[str, Any] | None = None) -> dict[str, float]:
        """Time the small job, the grown one, and the grown one with eight workers.

        Turn and turn about, and of each the least: what disturbs a run only ever adds to it.
        """
        with scratch.connect() as connection:
            due = connection.execute("SELECT SUM(amount) FROM numbers").fetchone()[0]
        small, grown, divided, totals = [], [], [], set()
        for _ in range(ROUNDS):
            small.append(run_job(SLICES // 4, workers=1)[0])
            for seconds, workers, way in ((grown, 1, None), (divided, WORKERS, params["break_it"])):
                took, total = run_job(SLICES, workers, way)
                seconds.append(took)
                totals.add(total)
        prove("every remedy leaves the same output", observed=[*totals], expected=[due])
        return {"deadline": 2 * min(small), "grown": min(grown), "divided": min(divided)}

    @task
    def keep_the_deadline(seconds: dict[str, float]) -> None:
        late = (seconds["grown"], seconds["deadline"])
        prove("the grown job misses its deadline", observed=late, expected=1.25, how="times_at_least")
        in_time = (seconds["divided"], seconds["deadline"])
        prove("workers side by side bring it back", observed=in_time, expected=1, how="times_at_most")

    @task
    def foretell_the_gain(seconds: dict[str, float]) -> None:
        gain = seconds["grown"] / seconds["divided"]
        foretold = amdahl(WORKERS)
        prove("Amdahl's law foretells the gain", observed=gain, expected=foretold, how="close", tolerance=0.4, unit="x")

    @task(trigger_rule="all_done")
    def try_the_other_remedies() -> None:
        """Chunks one after another, and memory: what they read and spill, in blocks, which no busy machine changes."""
        one_pass, _ = blocks("SELECT SUM(amount) FROM numbers")
        chunk = f"SELECT SUM(amount) FROM numbers WHERE n % {SLICES} = "  # noqa: S608
        chunks = [blocks(f"{chunk} {number}")[0] for number in range(SLICES)]
        prove("chunks in a row gain nothing", observed=sum(chunks), expected=one_pass, how="at_least", unit="blocks")
        sort = "SELECT * FROM numbers ORDER BY note"
        _, spilled = blocks(sort, work_mem="256kB")
        prove("a sort without memory spills", observed=spilled, expected=1, how="at_least", unit="blocks")
        prove("memory cures the sort that spills", observed=blocks(sort, work_mem="64MB")[1], expected=0, unit="blocks")
        little, much = (blocks("SELECT SUM(amount) FROM numbers", memory) for memory in ("256kB", "64MB"))
        prove("memory does nothing for the stage that fits", observed=much, expected=little, unit="blocks")

    seconds = divide_the_work()
    make_numbers() >> seconds
    [keep_the_deadline(seconds), foretell_the_gain(seconds)]
    seconds >> try_the_other_remedies()
