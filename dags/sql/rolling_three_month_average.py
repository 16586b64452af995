"""# How do you compute a three-month rolling average of sales?

**Say it.** First one row for *every* month, from a calendar, with zero where nothing was sold. Then AVG over the two rows before and
the current one. Without the calendar, ROWS counts rows, not months, and a month without sales silently stretches the window.
I ask whether the first two months shall be empty or partial.

**How it works.** `calendar` is a spine: GENERATE_SERIES from the first month to the last. `monthly` hangs the sales on it with a
LEFT JOIN, so that a month without sales has a row, and COALESCE says that nothing sold is 0, not unknown. Only on such a series do
`ROWS BETWEEN 2 PRECEDING AND CURRENT ROW` and "three months" mean the same. The count over the same window tells whether it is full:
the first two months have no three-month average, and the CASE leaves them empty.

A RANGE frame (`RANGE BETWEEN '2 months' PRECEDING ...`) measures the window in time and needs no spine to hold three calendar months.
But what has no row is not averaged: it divides by the months *with* sales, which answers another question.

**This run proves**
- *each average is of three calendar months*: all months against a loop in Python over the raw sales;
- *every month has a row*: counted from the first and the last date;
- *no window reaches further back than two months*: by the earliest month that each window saw;
- *the first two months have no average*;
- *the range frame averages the months with sales*: the other reading, against its own loop; *the two readings differ*.

**Break it.** `no_calendar`: the months come from the sales alone. `average_of_sales`: the single sales of three months
are averaged, so a month with many small sales weighs more than one with few.

**Where this stops.** The last month is as a rule not over: leave it out, or say so. A month in which the shop did not exist is not a zero:
start each product's calendar at its own first month. A spine for many products is their product with the months, which can be large.

**Sources.** PostgreSQL: [window function calls](https://www.postgresql.org/docs/18/sql-expressions.html#SYNTAX-WINDOW-FUNCTIONS),
[generate_series](https://www.postgresql.org/docs/18/functions-srf.html).
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

WITH_CALENDAR = """
    WITH calendar AS (  -- every month from the first to the last, sold in or not
        SELECT GENERATE_SERIES(
            DATE_TRUNC('month', MIN(sold_on)), DATE_TRUNC('month', MAX(sold_on)), INTERVAL '1 month'
        )::date AS month
        FROM sales
    ),
    monthly AS (
        SELECT calendar.month, COALESCE(SUM(sales.amount), 0) AS total
        FROM calendar
        LEFT JOIN sales
            ON sales.sold_on >= calendar.month AND sales.sold_on < calendar.month + INTERVAL '1 month'
        GROUP BY calendar.month
    )
"""
NO_CALENDAR = """
    WITH monthly AS (
        SELECT DATE_TRUNC('month', sold_on)::date AS month, SUM(amount) AS total FROM sales GROUP BY 1
    )
"""
ROLLING = """
    SELECT
        month,
        CASE WHEN COUNT(*) OVER three = 3 THEN ROUND(AVG(total) OVER three, 2) END AS average,
        MIN(month) OVER three AS since
    FROM monthly
    WINDOW three AS (ORDER BY month ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)
    ORDER BY month
"""
AVERAGE_OF_SALES = """
    SELECT month, CASE WHEN since < month - INTERVAL '1 month' THEN average END, since FROM (
        SELECT calendar.month, ROUND(AVG(sales.amount), 2) AS average,
            GREATEST(calendar.month - INTERVAL '2 months', (SELECT MIN(month) FROM calendar))::date AS since
        FROM calendar
        LEFT JOIN sales ON sales.sold_on >= calendar.month - INTERVAL '2 months'
            AND sales.sold_on < calendar.month + INTERVAL '1 month'
        GROUP BY calendar.month
    ) AS three
    ORDER BY month
"""
MONTHS_WITH_SALES = """
    SELECT month, ROUND(AVG(total) OVER (
        ORDER BY month RANGE BETWEEN INTERVAL '2 months' PRECEDING AND CURRENT ROW
    ), 2)
    FROM monthly
"""
QUERIES = {
    None: WITH_CALENDAR + ROLLING,
    "no_calendar": NO_CALENDAR + ROLLING,
    "average_of_sales": WITH_CALENDAR + AVERAGE_OF_SALES,
}
# No sales in March, nor in July and August; the turn of a year; a refund; two sales on one day.
SALES = """
    INSERT INTO sales VALUES
    ('2012-11-30', 100.00), ('2012-12-01', 50.00), ('2012-12-31', 70.00), ('2013-01-01', 10.01), ('2013-01-01', 10.01),
    ('2013-02-28', 200.00), ('2013-04-15', 90.00), ('2013-05-02', 30.00), ('2013-05-20', -12.50), ('2013-06-11', 60.00),
    ('2013-09-01', 33.33), ('2013-10-05', 66.67), ('2013-12-24', 500.00), ('2014-01-31', 1.00), ('2014-02-28', 2.00)
"""


def number(day: date) -> int:
    """Months since year 0."""
    return day.year * 12 + day.month - 1


def totals(connection: Any) -> dict[int, Decimal]:
    """Sales by month, for months that have any."""
    found: dict[int, Decimal] = {}
    for day, amount in connection.execute("SELECT sold_on, amount FROM sales"):
        found[number(day)] = found.get(number(day), Decimal(0)) + amount
    return found


def mean(values: list[Decimal]) -> Decimal:
    return (sum(values) / len(values)).quantize(Decimal("0.01"), ROUND_HALF_UP)


@answer(
    questions=["sql-rolling-3-month-average"],
    breaks={
        "no_calendar": {
            "what": "the months come from the sales alone, so a month without sales has no row",
            "fails": [
                "each average is of three calendar months",
                "every month has a row",
                "no window reaches further back than two months",
            ],
        },
        "average_of_sales": {
            "what": "single sales are averaged, not the totals of months",
            "fails": ["each average is of three calendar months"],
        },
    },
    scratch=["schema"],
)
def rolling_three_month_average():
    @task
    def record_sales() -> None:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS sales")
            connection.execute("CREATE TABLE sales (sold_on date NOT NULL, amount numeric(10, 2) NOT NULL)")
            connection.execute(SALES)

    @task
    def average_three_months(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            rows = connection.execute(QUERIES[params["break_it"]]).fetchall()
            sold = totals(connection)
        empty = [average for _, average, _ in rows[:2]]
        prove("the first two months have no average", observed=empty, expected=[None, None])
        due = {
            m: mean([sold.get(m - back, Decimal(0)) for back in range(3)]) for m in range(min(sold) + 2, max(sold) + 1)
        }
        found = {number(month): average for month, average, _ in rows[2:]}
        prove("each average is of three calendar months", observed=found, expected=due)

    @task
    def look_at_the_windows(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            rows = connection.execute(QUERIES[params["break_it"]]).fetchall()
        reach = max(number(month) - number(since) for month, _, since in rows)
        prove("no window reaches further back than two months", observed=reach, expected=2, unit="months")

    @task
    def count_the_months(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            rows = connection.execute(QUERIES[params["break_it"]]).fetchall()
            first, last = connection.execute("SELECT MIN(sold_on), MAX(sold_on) FROM sales").fetchone()
        due = number(last) - number(first) + 1
        prove("every month has a row", observed=len(rows), expected=due, unit="months")

    @task
    def read_it_the_other_way() -> None:
        with scratch.connect() as connection:
            found = connection.execute(NO_CALENDAR + MONTHS_WITH_SALES).fetchall()
            zeros = connection.execute(WITH_CALENDAR + MONTHS_WITH_SALES).fetchall()
            sold = totals(connection)
        due = {m: mean([sold[m - back] for back in range(3) if m - back in sold]) for m in sold}
        observed = {number(month): average for month, average in found}
        prove("the range frame averages the months with sales", observed=observed, expected=due)
        others = sum(average != dict(zeros)[month] for month, average in found)
        prove("the two readings differ", observed=others, expected=1, how="at_least", unit="months")

    recorded = record_sales()
    recorded >> [average_three_months(), look_at_the_windows(), count_the_months(), read_it_the_other_way()]
