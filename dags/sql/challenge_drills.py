"""# Which SQL patterns do practice sites ask for, again and again?

**Say it.** Six shapes cover most: rank within a group, islands of consecutive days, gaps in a sequence, pivot, median, and sessions
by a pause. Each is one idea: a ranking window, value minus row number, LEAD, FILTER, an ordered-set aggregate, and a running sum of
"starts here" flags. The traps are ties, duplicates, NULLs and empty groups.

**How it works.**

| drill | idea | the trap that the tests of the site contain |
| --- | --- | --- |
| the two best salaries of each department | `dense_rank() <= 2` | ties: `row_number` drops one, `rank` skips the second place |
| runs of consecutive days | `day - row_number()` is the same within a run | two logins on one day: DISTINCT first |
| missing numbers | `lead(id) > id + 1` | the sequence's end has no next row, and is no gap |
| months as columns | `sum(...) FILTER (WHERE ...)` per column | a group without such rows is NULL, not 0 |
| median | `percentile_cont(0.5)` | an even count is the mean of two; NULLs do not count |
| sessions | `lag`, a flag where the pause is too long, then `sum(flag)` | "30 minutes" inclusive or not; each user apart |

Islands in slow motion: the days 3, 4, 5, 9 have row numbers 1, 2, 3, 4, so the differences are 2, 2, 2, 5: two islands.

**This run proves** each drill against a program in plain Python that loops and keeps state, on three random tables with ties,
NULLs, doubled logins, a department without salaries, and days across a year's end:
- *two best salaries of each department*; *runs of consecutive days*; *missing numbers*;
- *amounts by quarter as columns*; *median salary*; *sessions by a pause of 30 minutes*.

**Break it.** `row_number`: ties lose their place. `doubled_days`: the islands are built without DISTINCT, and the second login of a day
breaks the run in two.

**Where this stops.** LeetCode and HackerRank run hidden cases; these tables stand in for them, and no site was asked. Some of their
engines are old: without window functions islands need a self-join. "Second best" asks for what to return when there is none: an
empty result, or NULL by a scalar subquery; read the task's last line.

**Sources.** PostgreSQL: [window functions](https://www.postgresql.org/docs/18/functions-window.html),
[aggregates, FILTER](https://www.postgresql.org/docs/18/sql-expressions.html#SYNTAX-AGGREGATES),
[ordered-set aggregates](https://www.postgresql.org/docs/18/functions-aggregate.html#FUNCTIONS-ORDEREDSET-TABLE).
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SEEDS, PAUSE = range(3), timedelta(minutes=30)
TABLES = {
    "staff": "name text, department text, salary int",
    "logins": "person int, day date",
    "tickets": "id int",
    "sales": "seller int, sold_on date, amount int",
    "clicks": "person int, at timestamp",
}
BEST = """
    SELECT department, name, salary
    FROM (
        SELECT *, dense_rank() OVER (PARTITION BY department ORDER BY salary DESC) AS place
        FROM staff
        WHERE salary IS NOT NULL  -- or NULL comes first, as the greatest
    ) AS ranked
    WHERE place <= 2
"""
ISLANDS = """
    SELECT person, min(day), max(day), count(*)
    FROM (
        SELECT person, day, day - row_number() OVER (PARTITION BY person ORDER BY day)::int AS island
        FROM (SELECT DISTINCT person, day FROM logins) AS days
    ) AS numbered
    GROUP BY person, island
"""
GAPS = """
    SELECT id + 1, next - 1
    FROM (SELECT id, lead(id) OVER (ORDER BY id) AS next FROM tickets) AS followed
    WHERE next > id + 1
"""
MEDIAN = """
    SELECT department, percentile_cont(0.5) WITHIN GROUP (ORDER BY salary)
    FROM staff
    GROUP BY department
"""


def fixtures(seed: int) -> dict[str, list[Any]]:
    """Small random tables with the nasty cases in them."""
    dice = random.Random(seed)
    staff = [(f"n{n}", dice.choice("abc"), dice.choice([None, 10, 20, 20, 30])) for n in range(30)]
    staff += [("x", "empty", None)]
    day = date(2023, 12, 20)
    logins = [(dice.randint(1, 3), day + timedelta(dice.randint(0, 25))) for _ in range(70)]
    logins += [(9, day + timedelta(n // 2)) for n in range(8)]  # twice on each of four days
    tickets = [(n,) for n in sorted(dice.sample(range(1, 60), 40))]
    sales = [(dice.randint(1, 4), day + timedelta(dice.randint(0, 365)), dice.randint(-5, 50)) for _ in range(60)]
    sales += [(9, date(2024, 2, 29), 7)]  # one quarter only
    clicks = [
        (dice.randint(1, 3), datetime(2023, 12, 31, 20) + dice.randint(0, 60) * timedelta(minutes=10))
        for _ in range(40)
    ]
    return {"staff": staff, "logins": logins, "tickets": tickets, "sales": sales, "clicks": clicks}


def read(drill: str) -> str:
    return Path(__file__).with_name("sql").joinpath(f"challenge_drills_{drill}.sql").read_text()


def ask(tables: dict[str, list[Any]], wanted: list[str], queries: list[str]) -> list[list[Any]]:
    """Load the wanted tables and run the queries on them."""
    with scratch.connect() as connection:
        for table in wanted:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(f"CREATE TABLE {table} ({TABLES[table]})")
            with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for row in tables[table]:
                    copy.write_row(row)
        return [connection.execute(query).fetchall() for query in queries]


def best(staff: list[Any]) -> list[Any]:
    places = defaultdict(list)
    for _, department, salary in sorted((row for row in staff if row[2]), key=lambda row: -row[2]):
        if salary not in places[department]:
            places[department].append(salary)
    return [(department, name, salary) for name, department, salary in staff if salary in places[department][:2]]


def islands(logins: list[Any]) -> list[Any]:
    runs: list[list[Any]] = []
    for person, day in sorted(set(logins)):
        if runs and runs[-1][0] == person and runs[-1][2] + timedelta(1) == day:
            runs[-1][2:] = [day, runs[-1][3] + 1]
        else:
            runs.append([person, day, day, 1])
    return runs


def pivot(sales: list[Any]) -> list[Any]:
    quarters: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for seller, day, amount in sales:
        quarters[seller][(day.month - 1) // 3] += amount
    return [[seller, *amounts] for seller, amounts in quarters.items()]


def medians(staff: list[Any]) -> list[Any]:
    salaries = defaultdict(list)
    for _, department, salary in staff:
        salaries[department] += [] if salary is None else [salary]
    return [(department, float(median(known)) if known else None) for department, known in salaries.items()]


def sessions(clicks: list[Any]) -> list[Any]:
    found: list[list[Any]] = []
    last: dict[int, datetime] = {}
    for person, at in sorted(clicks):
        if person in last and at - last[person] <= PAUSE:
            found[-1][2] += 1
        else:
            found.append([person, at, 1])
        last[person] = at
    return found


@answer(
    questions=["sql-online-challenge-drills"],
    breaks={
        "row_number": {"what": "ties are numbered one by one", "fails": ["two best salaries of each department"]},
        "doubled_days": {"what": "days with two logins stay doubled", "fails": ["runs of consecutive days"]},
    },
    scratch=["schema"],
    stand_ins={"leetcode": "drills of the same kind on our own tables", "hackerrank": "the same"},
)
def challenge_drills():
    @task
    def rank_and_pivot(params: dict[str, Any] | None = None) -> None:
        number = BEST.replace("dense_rank", "row_number") if params["break_it"] == "row_number" else BEST
        for seed in SEEDS:
            tables = fixtures(seed)
            ranked, pivoted, middle = ask(tables, ["staff", "sales"], [number, read("pivot"), MEDIAN])
            prove("amounts by quarter as columns", observed=pivoted, expected=pivot(tables["sales"]), how="rows")
            prove("median salary", observed=middle, expected=medians(tables["staff"]), how="rows")
            prove("two best salaries of each department", observed=ranked, expected=best(tables["staff"]), how="rows")

    @task
    def follow_sequences(params: dict[str, Any] | None = None) -> None:
        runs = ISLANDS.replace("DISTINCT ", "") if params["break_it"] == "doubled_days" else ISLANDS
        for seed in SEEDS:
            tables = fixtures(seed)
            found, missing, visits = ask(tables, ["logins", "tickets", "clicks"], [runs, GAPS, read("sessions")])
            gaps = [(a + 1, b - 1) for (a,), (b,) in pairwise(tables["tickets"]) if b > a + 1]
            prove("missing numbers", observed=missing, expected=gaps, how="rows")
            prove("sessions by a pause of 30 minutes", observed=visits, expected=sessions(tables["clicks"]), how="rows")
            prove("runs of consecutive days", observed=found, expected=islands(tables["logins"]), how="rows")

    rank_and_pivot()
    follow_sequences()
