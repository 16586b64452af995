"""# Who had the largest transaction volume in the latest three months?

**Say it.** First I ask: volume as a count or as an amount, and three months by the calendar or rolling back from today? Then: filter by a half-open
window, group by user, and keep RANK up to N, so that ties are not cut by chance. "Latest" counts from a
parameter, never from the clock.

**How it works.** The *calendar* reading takes the three full months before the run date's month: for 15 March that is 1 December to 28 February. The *rolling*
reading takes `run date - 3 months` up to the run date. Interval arithmetic clips to the end of shorter months: three months before 31 May are 28 February.
Both windows are half open, so that a transaction at midnight belongs to exactly one of two adjacent windows.

Count and amount rank other users first: many small transactions against one large. Users without any transaction in the window are in no
group; if the report must list them with zero, start from `users` with a LEFT JOIN and put the window into the join's condition.

**This run proves**
- *the most active users agree with pandas*, *the biggest spenders agree with pandas*: both readings of volume, calendar months;
- *the rolling window agrees with pandas*: the other reading of the window; *the two windows give different users*;
- *one second outside does not count*: transactions planted on both edges;
- *users tied at the cut are all returned*;
- *every user has a row when zero counts*: the outer join.

**Break it.** `limit`: ORDER BY and LIMIT cut one of two equals. `inclusive_end`: the window is written with BETWEEN and takes the first second of the next month
with it. `window_in_where`: the report of all users filters the window in WHERE, which turns the outer join into an inner one.

**Where this stops.** The time zone cuts the months; see `sales_by_region_and_month`. Refunds lower an amount and raise a count. On a large table an index on the
time column finds the window; partitions by month do it without one.

**Sources.** PostgreSQL: [date arithmetic](https://www.postgresql.org/docs/18/functions-datetime.html),
[RANK](https://www.postgresql.org/docs/18/functions-window.html). pandas:
[DateOffset](https://pandas.pydata.org/docs/reference/api/pandas.tseries.offsets.DateOffset.html).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

RUN_DATE, BEST = "2013-03-15", 5
CALENDAR = """happened_at >= DATE_TRUNC('month', %(run)s::date) - INTERVAL '3 months'
            AND happened_at < DATE_TRUNC('month', %(run)s::date)"""
ROLLING = "happened_at >= %(run)s::date - INTERVAL '3 months' AND happened_at < %(run)s::date"
INCLUSIVE = """happened_at BETWEEN DATE_TRUNC('month', %(run)s::date) - INTERVAL '3 months'
            AND DATE_TRUNC('month', %(run)s::date)"""
RANKED = """
    WITH volumes AS (
        SELECT user_id, {volume} AS volume FROM transactions WHERE {window} GROUP BY user_id
    ),
    ranked AS (SELECT user_id, volume, RANK() OVER (ORDER BY volume DESC) AS place FROM volumes)
    SELECT user_id, volume FROM ranked WHERE place <= %(best)s
"""
LIMITED = """
    SELECT user_id, {volume} AS volume FROM transactions WHERE {window}
    GROUP BY user_id ORDER BY volume DESC LIMIT %(best)s
"""
EVERY_USER = """
    SELECT users.user_id, COUNT(transactions.user_id)
    FROM users LEFT JOIN transactions ON transactions.user_id = users.user_id AND {window}
    GROUP BY users.user_id
"""
IN_WHERE = """
    SELECT users.user_id, COUNT(transactions.user_id)
    FROM users LEFT JOIN transactions ON transactions.user_id = users.user_id
    WHERE {window}
    GROUP BY users.user_id
"""
COUNT, AMOUNT = "COUNT(*)", "SUM(amount)"
# Users 201 to 206 are planted: 201 and 202 lie on the edges; 203 to 206 tie by count.
TABLES = """
    DROP TABLE IF EXISTS users, transactions;
    CREATE TABLE users (user_id int PRIMARY KEY);
    INSERT INTO users SELECT GENERATE_SERIES(1, 210);
    CREATE TABLE transactions (user_id int NOT NULL REFERENCES users, amount int NOT NULL, happened_at timestamp NOT NULL);
    INSERT INTO transactions
    SELECT 1 + (HASHINT4(id) & 127), 1 + (HASHINT4(id + 1) & 255),
        TIMESTAMP '2012-10-01' + (HASHINT4(id + 2) & 16777215) * INTERVAL '1 second'
    FROM GENERATE_SERIES(1, 3000) AS id;
    INSERT INTO transactions VALUES
    (201, 90000, '2012-11-30 23:59:59'), (201, 90000, '2013-03-01 00:00:00'),
    (202, 90000, '2012-12-01 00:00:00'), (202, 90000, '2013-02-28 23:59:59');
    INSERT INTO transactions SELECT u, 1, '2013-01-10' FROM GENERATE_SERIES(203, 206) AS u, GENERATE_SERIES(1, 40)
"""


def query(text: str, volume: str = COUNT, window: str = CALENDAR) -> list[Any]:
    with scratch.connect() as connection:
        return connection.execute(text.format(volume=volume, window=window), {"run": RUN_DATE, "best": BEST}).fetchall()


def by_pandas(volume: str, since: str, until: str) -> list[Any]:
    """The users whom fewer than N others beat, between two dates, computed by pandas from all transactions."""
    import pandas as pd

    with scratch.engine().connect() as connection:
        rows = pd.read_sql_query("SELECT * FROM transactions", connection)
    inside = rows[(rows.happened_at >= since) & (rows.happened_at < until)]
    volumes = inside.groupby("user_id").amount.agg("count" if volume == COUNT else "sum")
    best = volumes[volumes.rank(method="min", ascending=False) <= BEST]
    return [(int(user), int(found)) for user, found in best.items()]


@answer(
    questions=["sql-top-users-3-months"],
    breaks={
        "limit": {
            "what": "ORDER BY and LIMIT cut one of two equals",
            "fails": ["the most active users agree with pandas", "users tied at the cut are all returned"],
        },
        "inclusive_end": {
            "what": "the window is written with BETWEEN",
            "fails": ["one second outside does not count", "the biggest spenders agree with pandas"],
        },
        "window_in_where": {
            "what": "the window stands in WHERE, not in the join's condition",
            "fails": ["every user has a row when zero counts"],
        },
    },
    scratch=["schema"],
)
def top_users_of_three_months():
    @task
    def record_transactions() -> None:
        with scratch.connect() as connection:
            connection.execute(TABLES)

    @task
    def rank_by_count(params: dict[str, Any] | None = None) -> None:
        found = query(LIMITED if params["break_it"] == "limit" else RANKED)
        due = by_pandas(COUNT, "2012-12-01", "2013-03-01")
        prove("the most active users agree with pandas", observed=found, expected=due, how="rows", unit="users")

    @task
    def keep_the_ties(params: dict[str, Any] | None = None) -> None:
        due = by_pandas(COUNT, "2012-12-01", "2013-03-01")
        cut = min(volume for _, volume in due)
        found = query(LIMITED if params["break_it"] == "limit" else RANKED)
        tied = sorted(user for user, volume in found if volume == cut)
        expected = sorted(user for user, volume in due if volume == cut)
        prove("there is a tie at the cut", observed=len(due), expected=BEST + 1, how="at_least", unit="users")
        prove("users tied at the cut are all returned", observed=tied, expected=expected)

    @task
    def rank_by_amount(params: dict[str, Any] | None = None) -> None:
        window = INCLUSIVE if params["break_it"] == "inclusive_end" else CALENDAR
        found = query(RANKED, AMOUNT, window)
        due = by_pandas(AMOUNT, "2012-12-01", "2013-03-01")
        prove("the biggest spenders agree with pandas", observed=found, expected=due, how="rows", unit="users")

    @task
    def stand_on_the_edges(params: dict[str, Any] | None = None) -> None:
        window = INCLUSIVE if params["break_it"] == "inclusive_end" else CALENDAR
        counted = dict(query(EVERY_USER, window=window))
        prove("one second outside does not count", observed=[counted[201], counted[202]], expected=[0, 2])

    @task
    def roll_back_from_the_run_date() -> None:
        found = query(RANKED, AMOUNT, ROLLING)
        due = by_pandas(AMOUNT, "2012-12-15", "2013-03-15")
        prove("the rolling window agrees with pandas", observed=found, expected=due, how="rows", unit="users")
        others = {user for user, _ in found} ^ {user for user, _ in query(RANKED, AMOUNT)}
        prove("the two windows give different users", observed=len(others), expected=1, how="at_least", unit="users")

    @task
    def list_every_user(params: dict[str, Any] | None = None) -> None:
        found = query(IN_WHERE if params["break_it"] == "window_in_where" else EVERY_USER)
        with scratch.connect() as connection:
            users = connection.execute("SELECT COUNT(*) FROM users").fetchone()[0]
        prove("every user has a row when zero counts", observed=len(found), expected=users, unit="users")

    recorded = record_transactions()
    recorded >> [rank_by_count(), keep_the_ties(), rank_by_amount()]
    recorded >> [stand_on_the_edges(), roll_back_from_the_run_date(), list_every_user()]
