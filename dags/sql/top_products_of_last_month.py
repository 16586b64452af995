"""# Which five products sold best last month?

**Say it.** "Last month" is the calendar month before the run date, from its first day up to, not including, the first of this month.
The run date is a parameter, so a rerun gives the same rows. I ask whether "best" counts pieces or money, and what a tie
does: RANK returns both, ROW_NUMBER five by a rule.

**How it works.** The window is half open: `sold_at >= first AND sold_at < next`. It needs no last day of the month, and no
`23:59:59.999`. Both bounds come from the parameter by `date_trunc`, so January looks back into the year before. `CURRENT_DATE` in the query would
tie the result to the day on which somebody happens to run it: a backfill of March would report June. In Airflow the run date is the
logical date or the partition key.

`RANK()` gives equal products an equal rank, so more than five rows may have rank 5 or better. `ROW_NUMBER()` numbers them through; its order
must end in something unique (here the product's number), or the database may choose among equals, differently each time.

**This run proves**
- *the window is the whole month before*: for three run dates, one of them in January, against a scan in Python of all sales;
- *a tie at the fifth place returns both*: under RANK, against the same scan;
- *row number returns exactly five*, *the tie rule decides*: the smaller product number wins;
- *the best by pieces are not the best by money*: the two readings on the same month;
- *another physical order gives the same rows*: the table written anew in reverse.

**Break it.** `thirty_days`: the last thirty days in place of the month. `between`: BETWEEN the first and the last *day*, which ends at
the last day's midnight and loses its sales.

**Where this stops.** A tie can be large: a month with few sales may return a hundred products at rank 1. A product that did not
sell is in no list of sales; for the *worst* five, start from the products. Returned goods count here as sold.

**Sources.** PostgreSQL: [window functions](https://www.postgresql.org/docs/18/functions-window.html),
[date_trunc](https://www.postgresql.org/docs/18/functions-datetime.html#FUNCTIONS-DATETIME-TRUNC); its wiki on
[BETWEEN with timestamps](https://wiki.postgresql.org/wiki/Don%27t_Do_This#Don.27t_use_BETWEEN_.28especially_with_timestamps.29).
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

MONTH_BEFORE = """sold_at >= DATE_TRUNC('month', %(run)s::date) - INTERVAL '1 month'
            AND sold_at < DATE_TRUNC('month', %(run)s::date)"""
THIRTY_DAYS = "sold_at >= %(run)s::date - 30 AND sold_at < %(run)s::date"
BETWEEN_DAYS = """sold_at BETWEEN DATE_TRUNC('month', %(run)s::date) - INTERVAL '1 month'
            AND DATE_TRUNC('month', %(run)s::date) - INTERVAL '1 day'"""
TOP_FIVE = """
    WITH sold AS (
        SELECT product, SUM(pieces) AS pieces, SUM(pieces * price) AS money
        FROM sales
        WHERE {window}
        GROUP BY product
    ),
    ranked AS (
        SELECT
            product, pieces, money,
            RANK() OVER (ORDER BY {best} DESC) AS place,
            ROW_NUMBER() OVER (ORDER BY {best} DESC, product) AS number  -- the product decides among equals
        FROM sold
    )
    SELECT product, {best}, place, number FROM ranked WHERE place <= 5 ORDER BY number
"""
WINDOWS = {None: MONTH_BEFORE, "thirty_days": THIRTY_DAYS, "between": BETWEEN_DAYS}
RUN_DATES = [date(2013, 1, 1), date(2013, 3, 31), date(2013, 5, 15)]
SALES = """
    DROP TABLE IF EXISTS sales;
    CREATE TABLE sales (product int NOT NULL, pieces int NOT NULL, price int NOT NULL, sold_at timestamp NOT NULL);
    INSERT INTO sales
    SELECT
        HASHINT4(id) & 15, 1 + (HASHINT4(id + 1) & 3), 1 + (HASHINT4(id) & 15) * 7 % 11,
        TIMESTAMP '2012-11-15' + (HASHINT4(id + 2) & 16777215) * INTERVAL '1 second'
    FROM GENERATE_SERIES(1, 4000) AS id;
    -- The last evening of April decides: products 101 to 106 sell best only by it, and 105 and 106 tie.
    INSERT INTO sales SELECT 100 + n, 1000 - 10 * LEAST(n, 5), 1, '2013-04-30 21:00' FROM GENERATE_SERIES(1, 6) AS n;
    -- The same evening of December and of February, for the other run dates.
    INSERT INTO sales VALUES (201, 900, 1, '2012-12-31 23:59:59.5'), (202, 900, 1, '2013-02-28 23:00'),
    (203, 5000, 1, '2013-03-01 00:00'), (204, 5000, 1, '2012-11-30 23:59:59.999')
"""


def top_five(connection: Any, run: date, break_it: str | None = None, best: str = "pieces") -> list[Any]:
    query = TOP_FIVE.format(window=WINDOWS[break_it], best=best)
    return connection.execute(query, {"run": run}).fetchall()


def scanned(connection: Any, run: date) -> list[Any]:
    """The products of the month before by a scan of all sales: all that are not beaten by five others."""
    year, month = (run.year - 1, 12) if run.month == 1 else (run.year, run.month - 1)
    sold: Counter[int] = Counter()
    for product, pieces, moment in connection.execute("SELECT product, pieces, sold_at FROM sales"):
        if (moment.year, moment.month) == (year, month):
            sold[product] += pieces
    return [(p, n) for p, n in sold.items() if sum(other > n for other in sold.values()) < 5]


@answer(
    questions=["sql-top5-products-last-month"],
    breaks={
        "thirty_days": {
            "what": "the last thirty days stand for the last month",
            "fails": ["the window is the whole month before"],
        },
        "between": {
            "what": "BETWEEN the first and the last day ends at the last day's midnight",
            "fails": ["the window is the whole month before", "a tie at the fifth place returns both"],
        },
    },
    scratch=["schema"],
)
def top_products_of_last_month():
    @task
    def record_sales() -> None:
        with scratch.connect() as connection:
            connection.execute(SALES)

    @task
    def cut_the_month(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            found = {str(run): [row[:2] for row in top_five(connection, run, params["break_it"])] for run in RUN_DATES}
            due = {str(run): scanned(connection, run) for run in RUN_DATES}
        found, due = ({run: sorted(rows) for run, rows in one.items()} for one in (found, due))
        prove("the window is the whole month before", observed=found, expected=due)

    @task
    def treat_the_tie(params: dict[str, Any] | None = None) -> None:
        run = RUN_DATES[-1]
        with scratch.connect() as connection:
            rows = top_five(connection, run)
            fifth = sorted(p for p, _, place, _ in rows if place == 5)
            five = [p for p, _, _, number in rows if number <= 5]
            prove("row number returns exactly five", observed=len(five), expected=5, unit="products")
            prove("the tie rule decides", observed=five[-1], expected=min(fifth))
            found = [row[:2] for row in top_five(connection, run, params["break_it"])]
            prove(
                "a tie at the fifth place returns both", observed=found, expected=scanned(connection, run), how="rows"
            )

    @task
    def read_best_in_two_ways() -> None:
        with scratch.connect() as connection:
            pieces = [row[0] for row in top_five(connection, date(2013, 4, 1))]
            money = [row[0] for row in top_five(connection, date(2013, 4, 1), best="money")]
        others = len(set(money) - set(pieces))
        prove("the best by pieces are not the best by money", observed=others, expected=1, how="at_least")

    @task
    def write_the_table_in_reverse() -> None:
        with scratch.connect() as connection:
            before = [top_five(connection, run) for run in RUN_DATES]
            connection.execute("CREATE TEMP TABLE turned AS SELECT * FROM sales ORDER BY ctid DESC")
            connection.execute("SET search_path = pg_temp")
            connection.execute("ALTER TABLE turned RENAME TO sales")
            after = [top_five(connection, run) for run in RUN_DATES]
        prove("another physical order gives the same rows", observed=after, expected=before)

    recorded = record_sales()
    recorded >> [cut_the_month(), treat_the_tie(), read_best_in_two_ways(), write_the_table_in_reverse()]
