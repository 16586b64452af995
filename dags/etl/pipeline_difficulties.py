"""# What is hard about building data pipelines, and what helps?

**Say it.** Sources change their schema, data comes late or twice or is wrong, runs die halfway, producers outrun consumers, steps
start before their input is complete, full reloads cost more every day, and a run that loads nothing is green. For each there is one
plain mitigation, and each leaves a number that shows whether it works.

**How it works.** Nine functions, one for each difficulty. Each runs on PostgreSQL with its mitigation and without it, and returns the harm
that it measured: rows that are wrong, missing or doubled, messages beyond the bound, rows read again, incidents of which nobody heard.

| difficulty | without | mitigation |
| --- | --- | --- |
| schema change | columns taken by position | taken by name, and unknown ones left out |
| late data | a day is closed at midnight | each run computes the last days anew |
| duplicates | insert | a key, and `ON CONFLICT DO NOTHING` |
| quality | load what comes | a rule, and a quarantine for what breaks it |
| partial failure | a commit for each chunk | one transaction for the batch |
| back-pressure | a queue without an end | a bounded queue: a full one makes the producer wait |
| dependencies | start by the clock | start when the input says that it is complete |
| cost | reload everything | read from the watermark on |
| observability | green means fine | compare the row count with the days before |

The mitigations are not independent. A retry is harmless only because a duplicate is; recomputing late days only because the batch is one
transaction; a watermark saves money only while it also looks back far enough for late data. So they come in an order: key and
transaction first, then contract and quarantine, then lookback, and the counts from the first day on.

**This run proves**
- *bad data does no harm*: schema change, late, duplicate and wrong rows;
- *bad luck does no harm*: a connection that dies halfway, a producer that outruns its consumer;
- *bad planning does no harm*: a step that is due before its input, five days of reloading, a day without data;
- *the table of outcomes*: all nine, first without and then with the mitigation, as recorded in the evidence.

**Break it.** `trust_the_data`, `trust_the_machine`, `trust_the_plan`: one group loses its mitigations.

**Where this stops.** Each mitigation has a price that this table does not show: a quarantine needs someone who empties it, a bounded queue
slows the producer down, a lookback reads more, and a row count finds the empty day but not the wrong one. Lateness beyond the
lookback is still lost; the bound is a decision of the business. What Airflow gives for three of these: assets for dependencies,
deadlines for what does not happen, and retries that are safe only with the rest.

**Sources.** PostgreSQL: [INSERT ... ON CONFLICT](https://www.postgresql.org/docs/18/sql-insert.html#SQL-ON-CONFLICT),
[transactions](https://www.postgresql.org/docs/18/tutorial-transactions.html). Python:
[queue.Queue](https://docs.python.org/3/library/queue.html#queue.Queue). Sculley et al.:
[Hidden technical debt in machine learning systems](https://proceedings.neurips.cc/paper/2015/hash/86df7dcfd896fcaf2674f757a2463eba-Abstract.html)
(unstable data dependencies). Airflow:
[asset-aware scheduling](https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/asset-scheduling.html).
"""

# ruff: noqa: S608 - every name that is put into a statement is ours
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Queue
from statistics import median
from threading import Thread
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ROWS, BOUND, DAYS = 500, 20, 5
Difficulty = Callable[[Any, bool], int]  # a connection, and whether the mitigation is on; returns the harm


def schema_change(db: Any, mitigated: bool) -> int:
    """The second file has a new column before the amount."""
    db.execute("CREATE TEMP TABLE target (id int, amount int)")
    for columns, values in [(["id", "amount"], [100]), (["id", "fee", "amount"], [7, 100])]:
        rows = [dict(zip(columns, [number, *values], strict=True)) for number in range(ROWS)]
        taken = [(row["id"], row["amount"]) if mitigated else list(row.values())[:2] for row in rows]
        db.cursor().executemany("INSERT INTO target VALUES (%s, %s)", taken)
    return count(db, "target WHERE amount <> 100")


def late_data(db: Any, mitigated: bool) -> int:
    """One event in twenty is heard of a day late."""
    db.execute("CREATE TEMP TABLE daily (day int PRIMARY KEY, events int)")
    heard = (
        f"SELECT n / {ROWS} AS day, n / {ROWS} + (n % 20 = 0)::int AS heard FROM generate_series(0, {2 * ROWS - 1}) n"
    )
    db.execute(f"CREATE TEMP TABLE event AS {heard}")
    for today in range(3):
        totals = f"SELECT day, COUNT(*) FROM event WHERE heard <= {today} AND day >= {today - mitigated} GROUP BY day"
        db.execute(f"INSERT INTO daily {totals} ON CONFLICT (day) DO UPDATE SET events = excluded.events")
    return count(db, "event") - db.execute("SELECT SUM(events) FROM daily").fetchone()[0]


def duplicates(db: Any, mitigated: bool) -> int:
    """The source delivers the same file twice."""
    db.execute(f"CREATE TEMP TABLE target (id int {'PRIMARY KEY' if mitigated else ''})")
    for _ in range(2):
        db.execute("INSERT INTO target SELECT generate_series(1, %s) ON CONFLICT DO NOTHING", [ROWS])
    return count(db, "target") - ROWS


def wrong_values(db: Any, mitigated: bool) -> int:
    """One amount in fifty is negative."""
    db.execute("CREATE TEMP TABLE target (amount int); CREATE TEMP TABLE quarantine (amount int)")
    for amount in (-number if number % 50 == 0 else number for number in range(1, ROWS + 1)):
        db.execute(f"INSERT INTO {'quarantine' if mitigated and amount < 0 else 'target'} VALUES ({amount})")
    return count(db, "target WHERE amount < 0")


def partial_failure(db: Any, mitigated: bool) -> int:
    """The first attempt dies after the first of two chunks; the second loads both."""
    table = f"target_{mitigated}"
    db.execute(f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (id int)")
    db.commit()
    for attempt in ("dies", "retries"):
        with suppress(ConnectionError), scratch.connect() as loader:
            for chunk in range(2):
                loader.execute(f"INSERT INTO {table} SELECT generate_series(1, %s)", [ROWS])
                if not mitigated:
                    loader.commit()
                if attempt == "dies" and chunk == 0:
                    loader.close()
                    raise ConnectionError
    return count(db, table) - 2 * ROWS


def back_pressure(db: Any, mitigated: bool) -> int:
    """The consumer is busy elsewhere; how much does the producer pile up in memory?"""
    queue: Queue[int] = Queue(BOUND if mitigated else 0)
    producer = Thread(target=lambda: [queue.put(1) for _ in range(ROWS)])
    producer.start()
    while producer.is_alive() and not queue.full():
        producer.join(0.01)
    piled_up = queue.qsize()
    return max(0, piled_up - BOUND) + ROWS - sum(queue.get(timeout=10) for _ in range(ROWS))


def dependencies(db: Any, mitigated: bool) -> int:
    """Downstream is due when two of three parts are there."""
    db.execute("CREATE TEMP TABLE upstream (id int); CREATE TEMP TABLE complete (day date)")
    seen = None
    for part in range(3):
        db.execute("INSERT INTO upstream SELECT generate_series(1, %s)", [ROWS])
        if part == 2:
            db.execute("INSERT INTO complete VALUES ('2013-01-01')")
        due = part >= 1 and (not mitigated or count(db, "complete"))
        seen = count(db, "upstream") if due and seen is None else seen
    return 3 * ROWS - seen


def cost(db: Any, mitigated: bool) -> int:
    """Every day brings as many rows; how many does the pipeline read that it had read before?"""
    db.execute("CREATE TEMP TABLE source (id int); CREATE TEMP TABLE target (id int)")
    read = 0
    for day in range(DAYS):
        db.execute(f"INSERT INTO source SELECT generate_series({day * ROWS + 1}, {(day + 1) * ROWS})")
        if not mitigated:
            db.execute("TRUNCATE target")
        new = "id > (SELECT COALESCE(MAX(id), 0) FROM target)"
        read += db.execute(f"INSERT INTO target SELECT id FROM source WHERE {new}").rowcount
    return read - DAYS * ROWS


def observability(db: Any, mitigated: bool) -> int:
    """On the last day the source is empty, and the run is green. Who is told?"""
    db.execute("CREATE TEMP TABLE target (id int)")
    loaded, told = [], 0
    for day in range(DAYS):
        rows = [0 if day == DAYS - 1 else ROWS + day]
        loaded.append(db.execute("INSERT INTO target SELECT generate_series(1, %s)", rows).rowcount)
        told += mitigated and loaded[-1] < median(loaded) / 2
    return loaded.count(0) - told


def count(db: Any, what: str) -> int:
    return int(db.execute(f"SELECT COUNT(*) FROM {what}").fetchone()[0])


#: The three groups: what comes from the data, from the machine and from the plan; with the harm due without a mitigation.
DATA = {schema_change: ROWS, late_data: 2 * ROWS // 20, duplicates: ROWS, wrong_values: ROWS // 50}
MACHINE = {partial_failure: ROWS, back_pressure: ROWS - BOUND}
PLAN = {dependencies: ROWS, cost: ROWS * sum(range(DAYS)), observability: 1}


def inject(difficulties: dict[Difficulty, int], trust: bool) -> dict[str, list[int]]:
    """Meet each difficulty without its mitigation and with it; return the harm of both."""

    def meet(difficulty: Difficulty, mitigated: bool) -> int:
        with scratch.connect() as connection:
            return difficulty(connection, mitigated)

    return {one.__name__: [meet(one, False), meet(one, not trust)] for one in difficulties}


def left(harm: dict[str, list[int]]) -> dict[str, int]:
    return {name: with_mitigation for name, (_, with_mitigation) in harm.items()}


@answer(
    questions=["pipeline-building-challenges"],
    breaks={
        "trust_the_data": {
            "what": "the mitigations against late, doubled, wrong and reshaped data are left out",
            "fails": ["bad data does no harm"],
        },
        "trust_the_machine": {
            "what": "a commit for each chunk, and a queue without an end",
            "fails": ["bad luck does no harm"],
        },
        "trust_the_plan": {
            "what": "start by the clock, reload everything, and look only at the colour",
            "fails": ["bad planning does no harm"],
        },
    },
    scratch=["schema"],
)
def pipeline_difficulties():
    @task
    def meet_bad_data(params: dict[str, Any] | None = None) -> dict[str, list[int]]:
        harm = inject(DATA, params["break_it"] == "trust_the_data")
        prove("bad data does no harm", observed=left(harm), expected=dict.fromkeys(harm, 0))
        return harm

    @task
    def meet_bad_luck(params: dict[str, Any] | None = None) -> dict[str, list[int]]:
        harm = inject(MACHINE, params["break_it"] == "trust_the_machine")
        prove("bad luck does no harm", observed=left(harm), expected=dict.fromkeys(harm, 0))
        return harm

    @task
    def meet_bad_planning(params: dict[str, Any] | None = None) -> dict[str, list[int]]:
        harm = inject(PLAN, params["break_it"] == "trust_the_plan")
        prove("bad planning does no harm", observed=left(harm), expected=dict.fromkeys(harm, 0))
        return harm

    @task
    def draw_the_table(data: dict[str, Any], machine: dict[str, Any], plan: dict[str, Any]) -> None:
        due = {difficulty.__name__: [harm, 0] for difficulty, harm in (DATA | MACHINE | PLAN).items()}
        prove("the table of outcomes", observed=data | machine | plan, expected=due)

    draw_the_table(meet_bad_data(), meet_bad_luck(), meet_bad_planning())
