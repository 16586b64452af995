"""# Which customers bought in two months in a row?

**Say it.** Reduce the purchases to one row for each customer and month, look one row back with LAG, and keep those whose
previous month is this month minus one. Months are compared as dates, so December and January are neighbours, and January of
this year and February of the next are not.

**How it works.** Three steps, one CTE each. `months` makes the grain explicit: a customer who buys three times in May has one row.
`steps` puts the month before beside each month. The last line compares *dates*: the first of the month plus one month is the first
of the next, whatever year it is. The month's number (`EXTRACT(MONTH ...)`) forgets the year, and a number of days (`<= 31`) is
no month at all: two purchases on the 3rd and 20th of March lie closer than one on 1 January and one on 28 February.

The same set comes from a self-join of the months, which is easier to explain and reads the table twice. For *n* months in a row
neither scales: then take the distance between a month and its row number, which stays the same along an unbroken run
(gaps and islands), and count each run.

**This run proves**
- *the planted cases are told apart*: same month twice, a month left out, the turn of the year, three in a row, 31 January and
  28 February, a purchase without a date;
- *random customers agree with brute force*: 500 customers over three years, month numbers compared in plain Python;
- *a self-join finds the same customers*;
- *the longest run of months agrees with brute force*: gaps and islands, against a loop.

**Break it.** `month_number`: months are compared by number, so December to January is lost and a January and the February of
another year are found. `thirty_one_days`: the purchase before is at most 31 days back, so twice in March is found, and
1 January with 28 February is lost.

**Where this stops.** Ask which clock cuts the month: a purchase late on the 31st belongs to another month in another time zone.
Ask whether a cancelled order is a purchase. A customer without a date cannot be placed, and is left out, not guessed.

**Sources.** PostgreSQL: [window functions](https://www.postgresql.org/docs/18/functions-window.html),
[date_trunc](https://www.postgresql.org/docs/18/functions-datetime.html#FUNCTIONS-DATETIME-TRUNC).
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

IN_A_ROW = """
    WITH months AS (  -- the grain: one row for each customer and month
        SELECT DISTINCT customer, DATE_TRUNC('month', bought_on)::date AS month
        FROM purchases
        WHERE bought_on IS NOT NULL
    ),
    steps AS (
        SELECT customer, month, LAG(month) OVER (PARTITION BY customer ORDER BY month) AS previous
        FROM months
    )
    SELECT DISTINCT customer FROM steps WHERE month = previous + INTERVAL '1 month'
"""
SELF_JOIN = """
    WITH months AS (
        SELECT DISTINCT customer, DATE_TRUNC('month', bought_on)::date AS month FROM purchases
    )
    SELECT DISTINCT this.customer
    FROM months AS this
    JOIN months AS next ON next.customer = this.customer AND next.month = this.month + INTERVAL '1 month'
"""
LONGEST_RUN = """
    WITH months AS (
        SELECT DISTINCT customer, DATE_TRUNC('month', bought_on)::date AS month
        FROM purchases
        WHERE bought_on IS NOT NULL
    ),
    runs AS (  -- along an unbroken run, the month and its row number grow together: their distance names the run
        SELECT customer, month - ROW_NUMBER() OVER (PARTITION BY customer ORDER BY month) * INTERVAL '1 month' AS run
        FROM months
    ),
    lengths AS (SELECT customer, run, COUNT(*) AS length FROM runs GROUP BY customer, run)
    SELECT customer, MAX(length) FROM lengths GROUP BY customer
"""
MONTH_NUMBER = """
    WITH months AS (
        SELECT DISTINCT customer, EXTRACT(MONTH FROM bought_on) AS month FROM purchases
    )
    SELECT DISTINCT this.customer
    FROM months AS this JOIN months AS next ON next.customer = this.customer AND next.month = this.month + 1
"""
THIRTY_ONE_DAYS = """
    WITH steps AS (
        SELECT customer, bought_on, LAG(bought_on) OVER (PARTITION BY customer ORDER BY bought_on) AS previous
        FROM purchases
        WHERE bought_on IS NOT NULL
    )
    SELECT DISTINCT customer FROM steps WHERE bought_on - previous BETWEEN 1 AND 31
"""
QUERIES = {None: IN_A_ROW, "month_number": MONTH_NUMBER, "thirty_one_days": THIRTY_ONE_DAYS}

PLANTED = """
    INSERT INTO purchases VALUES
    ('twice in March', '2013-03-03'), ('twice in March', '2013-03-20'),
    ('left out February', '2013-01-05'), ('left out February', '2013-03-07'),
    ('turn of the year', '2012-12-31'), ('turn of the year', '2013-01-01'),
    ('three in a row', '2013-02-10'), ('three in a row', '2013-03-10'), ('three in a row', '2013-04-10'),
    ('fifty-eight days', '2013-01-01'), ('fifty-eight days', '2013-02-28'),
    ('other years', '2012-01-15'), ('other years', '2013-02-15'),
    ('often in both', '2013-05-01'), ('often in both', '2013-05-30'), ('often in both', '2013-06-02'),
    ('no date', NULL), ('no date', '2013-06-01')
"""
RANDOM = """
    INSERT INTO purchases
    SELECT 'customer ' || id %% 500, DATE '2011-01-01' + (HASHINT4(id) & 1023) FROM GENERATE_SERIES(1, %s) AS id
"""


def months_by_customer(rows: list[Any]) -> dict[str, set[int]]:
    """Each customer's months, counted from year 0: another way than SQL's dates."""
    months = defaultdict(set)
    for customer, day in rows:
        if day is not None:
            months[customer].add(day.year * 12 + day.month)
    return months


def longest_run(months: set[int]) -> int:
    longest = 0
    for month in months:
        length = 1
        while month + length in months:
            length += 1
        longest = max(longest, length)
    return longest


def purchases(connection: Any, planted: bool) -> dict[str, set[int]]:
    """The months of the planted customers, or of all others."""
    query = "SELECT customer, bought_on FROM purchases WHERE (customer NOT LIKE 'customer %%') = %s"
    return months_by_customer(connection.execute(query, [planted]).fetchall())


@answer(
    questions=["sql-consecutive-month-buyers"],
    breaks={
        "month_number": {
            "what": "months are compared by their number",
            "fails": ["the planted cases are told apart", "random customers agree with brute force"],
        },
        "thirty_one_days": {
            "what": "the purchase before must lie at most 31 days back",
            "fails": ["the planted cases are told apart", "random customers agree with brute force"],
        },
    },
    scratch=["schema"],
)
def consecutive_month_buyers():
    @task
    def record_purchases() -> None:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS purchases")
            connection.execute("CREATE TABLE purchases (customer text NOT NULL, bought_on date)")
            connection.execute(PLANTED)
            connection.execute(RANDOM, [2_000])

    @task
    def tell_the_planted_cases_apart(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            found = [c for (c,) in connection.execute(QUERIES[params["break_it"]]) if not c.startswith("customer ")]
            due = [c for c, months in purchases(connection, planted=True).items() if longest_run(months) > 1]
        prove("the planted cases are told apart", observed=sorted(found), expected=sorted(due))

    @task
    def compare_with_brute_force(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            due = [c for c, months in purchases(connection, planted=False).items() if longest_run(months) > 1]
            found = [c for (c,) in connection.execute(QUERIES[params["break_it"]]) if c.startswith("customer ")]
        prove("random customers agree with brute force", observed=found, expected=due, how="rows", unit="customers")

    @task
    def find_them_in_other_ways() -> None:
        with scratch.connect() as connection:
            by_lag = connection.execute(IN_A_ROW).fetchall()
            by_join = connection.execute(SELF_JOIN).fetchall()
            runs = connection.execute(LONGEST_RUN).fetchall()
            months = {**purchases(connection, planted=True), **purchases(connection, planted=False)}
        prove("a self-join finds the same customers", observed=by_join, expected=by_lag, how="rows", unit="customers")
        due = [(customer, longest_run(one)) for customer, one in months.items()]
        prove("the longest run of months agrees with brute force", observed=runs, expected=due, how="rows")

    recorded = record_purchases()
    recorded >> [tell_the_planted_cases_apart(), compare_with_brute_force(), find_them_in_other_ways()]
