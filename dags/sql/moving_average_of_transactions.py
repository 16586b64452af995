"""# How do you compute a moving average of transactions for each user?

**Say it.** Partition by user, order by day. ROWS counts rows: the last three transactions, however far apart. RANGE with an interval
measures time: the transactions of the last three days, however many. On data without gaps they agree; with a gap they do not, and the
interviewer should say which is meant.

**How it works.** A frame says which rows the average sees. `ROWS BETWEEN 2 PRECEDING AND CURRENT ROW` takes three rows and does not look at dates.
`RANGE BETWEEN INTERVAL '2 days' PRECEDING AND CURRENT ROW` takes all rows whose day lies in the last three days, today included, and today means all
rows of today: in RANGE, rows with the same order value are peers and enter the frame together. In ROWS they enter one after the other, in
an order that ORDER BY must settle to the end, or the result changes from run to run.

Without a frame the default is RANGE from the start to the current row: a running average, not a moving one.

**This run proves**
- *the last three transactions equal pandas' rolling(3)*: for each user;
- *the last three days equal pandas' rolling('3D')*: over daily sums and counts, so that peers are in;
- *without gaps both agree*, *with gaps they differ*: counted on one user with a transaction a day, and on the others;
- *one day's rows share the window by time*: transactions of one user and day have one average;
- *a user's first transaction is averaged alone*: no other user's rows come in.

**Break it.** `rows_for_days`: three rows stand for three days. `across_users`: no PARTITION BY. `default_frame`: no frame at all.

**Where this stops.** A moving average of *daily totals*, where a day without transactions is a zero, is a third reading: it needs a calendar
(see `rolling_three_month_average`). Redshift has no RANGE with an interval: there one joins the calendar, or the table with itself.

**Sources.** PostgreSQL: [window function calls](https://www.postgresql.org/docs/18/sql-expressions.html#SYNTAX-WINDOW-FUNCTIONS); pandas:
[rolling](https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.rolling.html). Redshift:
[window functions](https://docs.aws.amazon.com/redshift/latest/dg/c_Window_functions.html) (frames are by ROWS).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

THREE_ROWS = "PARTITION BY user_id ORDER BY day, id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW"
THREE_DAYS = "PARTITION BY user_id ORDER BY day RANGE BETWEEN INTERVAL '2 days' PRECEDING AND CURRENT ROW"
NO_USERS = "ORDER BY day RANGE BETWEEN INTERVAL '2 days' PRECEDING AND CURRENT ROW"
NO_FRAME = "PARTITION BY user_id ORDER BY day"
AVERAGE = "SELECT id, user_id, day, amount, AVG(amount) OVER ({frame})::float8 AS average FROM transactions ORDER BY id"
BY_TIME = {None: THREE_DAYS, "rows_for_days": THREE_ROWS, "across_users": NO_USERS, "default_frame": NO_FRAME}
# User 1 has a transaction every day; the others have gaps, and days with several transactions.
TRANSACTIONS = """
    DROP TABLE IF EXISTS transactions;
    CREATE TABLE transactions (
        id int PRIMARY KEY, user_id int NOT NULL, day date NOT NULL, amount numeric(10, 2) NOT NULL
    );
    INSERT INTO transactions
    SELECT n, 1, DATE '2012-12-20' + n, (HASHINT4(n) & 4095) / 100.0 FROM GENERATE_SERIES(1, 30) AS n;
    INSERT INTO transactions
    SELECT n, 2 + n % 20, DATE '2012-12-20' + (HASHINT4(n) & 63), (HASHINT4(n + 7) & 4095) / 100.0
    FROM GENERATE_SERIES(31, 600) AS n;
"""


def averages(frame: str) -> Any:
    """The transactions with their moving average, as a data frame by id."""
    import pandas as pd

    with scratch.connect() as connection:
        rows = connection.execute(AVERAGE.format(frame=frame)).fetchall()
    found = pd.DataFrame(rows, columns=["id", "user_id", "day", "amount", "average"]).set_index("id")
    return found.assign(day=pd.to_datetime(found.day), amount=found.amount.astype(float))


def rolling_rows(found: Any) -> Any:
    """pandas' average over three rows of a user, in the order of day and id."""
    ordered = found.sort_values(["day", "id"])
    return ordered.groupby("user_id").amount.rolling(3, min_periods=1).mean().droplevel(0)


def rolling_days(found: Any) -> Any:
    """pandas' average over three days of a user: the sums of the days by their counts, so that peers count together."""
    days = found.groupby(["user_id", "day"]).amount.agg(["sum", "count"]).reset_index("user_id")
    rolled = days.groupby("user_id")[["sum", "count"]].rolling("3D").sum()
    average = (rolled["sum"] / rolled["count"]).rename("due")
    return found.join(average, on=["user_id", "day"]).due


def misses(found: Any, due: Any) -> int:
    """How many of the averages are not what they should be, to a millionth."""
    return int(((found - due.reindex(found.index)).abs() < 1e-6).eq(False).sum())


@answer(
    questions=["sql-moving-average-transactions"],
    breaks={
        "rows_for_days": {
            "what": "three rows stand for three days",
            "fails": [
                "the last three days equal pandas' rolling('3D')",
                "one day's rows share the window by time",
                "with gaps they differ",
            ],
        },
        "across_users": {
            "what": "the window is not partitioned by user",
            "fails": [
                "the last three days equal pandas' rolling('3D')",
                "a user's first transaction is averaged alone",
                "without gaps both agree",
            ],
        },
        "default_frame": {
            "what": "no frame is given, so the average runs from the start",
            "fails": ["the last three days equal pandas' rolling('3D')", "without gaps both agree"],
        },
    },
    scratch=["schema"],
)
def moving_average_of_transactions():
    @task
    def record_transactions() -> None:
        with scratch.connect() as connection:
            connection.execute(TRANSACTIONS)

    @task
    def average_three_transactions() -> None:
        found = averages(THREE_ROWS)
        wrong = misses(found.average, rolling_rows(found))
        prove("the last three transactions equal pandas' rolling(3)", observed=wrong, expected=0, unit="transactions")

    @task
    def average_three_days(params: dict[str, Any] | None = None) -> None:
        found = averages(BY_TIME[params["break_it"]])
        wrong = misses(found.average, rolling_days(found))
        prove("the last three days equal pandas' rolling('3D')", observed=wrong, expected=0, unit="transactions")

    @task
    def look_at_single_days(params: dict[str, Any] | None = None) -> None:
        found = averages(BY_TIME[params["break_it"]])
        groups = found.groupby(["user_id", "day"]).average
        shared = int((groups.transform("size") > 1).sum())
        alike = int((groups.transform("max").eq(groups.transform("min")) & (groups.transform("size") > 1)).sum())
        prove("one day's rows share the window by time", observed=alike, expected=shared, unit="transactions")
        first = found[found.day == found.groupby("user_id").day.transform("min")]
        alone = first[first.groupby("user_id").day.transform("size") == 1]
        wrong = misses(alone.average, alone.amount)
        prove("a user's first transaction is averaged alone", observed=wrong, expected=0, unit="transactions")

    @task
    def compare_both_ways(params: dict[str, Any] | None = None) -> None:
        by_rows, found = averages(THREE_ROWS), averages(BY_TIME[params["break_it"]])
        gaps = found.user_id != 1
        apart = misses(found.average[~gaps], by_rows.average[~gaps])
        prove("without gaps both agree", observed=apart, expected=0, unit="transactions")
        apart = misses(found.average[gaps], by_rows.average[gaps])
        due = misses(rolling_days(found)[gaps], rolling_rows(found)[gaps])
        prove("with gaps they differ", observed=apart, expected=due // 2, how="at_least", unit="transactions")

    recorded = record_transactions()
    recorded >> [average_three_transactions(), average_three_days(), look_at_single_days(), compare_both_ways()]
