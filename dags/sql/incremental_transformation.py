"""# How do you write one complex, incremental transformation in SQL?

**Say it.** One CTE a step, each with a stated grain: extract the interval plus the look-back that the windows need, aggregate, fill
the calendar, then apply windows, and upsert only the interval's rows, only where they differ. Then count rows after each step. So it
can be read, checked, and run again for any interval.

**How it works.** The mart has a row for each carrier and day. The steps and their grain:

| CTE | one row for each | technique |
| --- | --- | --- |
| `flown` | flight of the interval and six days before | range predicate, LEFT JOIN (a plane may be unknown) |
| `by_route` | carrier, day, destination | aggregate |
| `worst` | carrier, day | DISTINCT ON, with a tie-break |
| `daily` | carrier, day with flights | aggregate with FILTER |
| `calendar` | carrier, every day | CROSS JOIN of carriers and days, so that a day without flights counts as 0 |
| `rolling` | carrier, every day | a window of seven rows, which is seven days only because of the calendar |
| result | carrier, day of the interval | joins, then the upsert with `IS DISTINCT FROM` |

A window makes the transformation *wider than its interval*, in both directions: day 15 reads days 9 to 15, and a flight that
arrives late for day 20 changes the results of days 20 to 26, so that interval is what must be run again.

**This run proves**
- *the mart equals pandas*, after two intervals of January, and *the mart equals pandas after late rows*;
- *each step has its rows*: the row count of each CTE, against pandas;
- *a rerun writes no row*: the same interval again, counted by the engine;
- *late rows change their week*: seven rows are written, and no other.

**Break it.** `no_look_back`: only the interval is extracted, and its first six days sum too little. `rows_for_days`: without the
calendar the window takes the last seven days that had flights.

**Where this stops.** A CTE is planned into the query where it is used once, and computed once where it is used twice; if a step's
estimate is far off, a temporary table with ANALYZE plans better. "Seven days" was read as days of the calendar; rows or working days
are other readings: ask. Deleted source rows are not seen by an upsert: replace the interval's rows then.

**Sources.** PostgreSQL: [WITH queries](https://www.postgresql.org/docs/18/queries-with.html),
[window functions](https://www.postgresql.org/docs/18/sql-expressions.html#SYNTAX-WINDOW-FUNCTIONS),
[INSERT ... ON CONFLICT](https://www.postgresql.org/docs/18/sql-insert.html#SQL-ON-CONFLICT),
[DISTINCT ON](https://www.postgresql.org/docs/18/sql-select.html#SQL-DISTINCT).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SQL = Path(__file__).with_name("sql") / "incremental_transformation_steps.sql"
MART = "carrier text, date date, flights int, late int, seats int, flights_7d int, worst_route text"
NAMES = ("flown", "by_route", "worst", "daily", "calendar", "rolling", "result")
COUNTS = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in NAMES)  # noqa: S608 - our own names
FIRST, MIDDLE, END = "2013-01-01", "2013-01-15", "2013-02-01"
LATE = ("2013-01-20", "2013-01-27")  # a flight that arrives late for the first day changes these seven


def run(connection: Any, begin: str, to: str, break_it: str | None, query: str = "") -> Any:
    """Run the steps for an interval and end with their upsert, or with another query of their rows."""
    steps, _, upsert = SQL.read_text().partition("INSERT")
    if break_it == "rows_for_days":
        steps = steps.replace("LEFT JOIN daily", "INNER JOIN daily")
    look_back = 0 if break_it == "no_look_back" else 6
    return connection.execute(
        steps + (query or "INSERT" + upsert), {"from": begin, "to": to, "first": FIRST, "look_back": look_back}
    )


def reference(connection: Any) -> tuple[list[Any], dict[str, int]]:
    """The mart of the whole of January by pandas, and the rows of each step of the second interval."""
    import pandas as pd

    cursor = connection.execute(
        "SELECT carrier, dest, arr_delay, tailnum, make_date(year, month, day) AS date FROM flights"
    )
    flights = pd.DataFrame(cursor.fetchall(), columns=["carrier", "dest", "arr_delay", "tailnum", "date"])
    seats = dict(connection.execute("SELECT tailnum, seats FROM sample.planes").fetchall())
    flights["date"], flights["seats"] = pd.to_datetime(flights["date"]), flights["tailnum"].map(seats)
    flights["late"] = flights["arr_delay"].astype(float) > 15
    carriers = [row[0] for row in connection.execute("SELECT carrier FROM sample.airlines")]
    days = pd.date_range(FIRST, END, inclusive="left")
    groups = flights.groupby(["carrier", "date"])
    table = pd.DataFrame({"flights": groups.size(), "late": groups["late"].sum(), "seats": groups["seats"].sum()})
    table = table.reindex(pd.MultiIndex.from_product([carriers, days], names=["carrier", "date"]), fill_value=0)
    table["week"] = table.groupby("carrier")["flights"].transform(lambda column: column.rolling(7, min_periods=1).sum())
    routes = flights.astype({"arr_delay": float}).groupby(["carrier", "date", "dest"])["arr_delay"].mean().reset_index()
    known = routes.dropna().sort_values(["arr_delay", "dest"], ascending=[False, True])
    worst = known.drop_duplicates(["carrier", "date"]).set_index(["carrier", "date"])["dest"].to_dict()
    mart = [
        [key[0], str(key[1].date()), *map(int, row), worst.get(key)]
        for key, row in zip(table.index, table.itertuples(index=False), strict=True)
    ]
    since = pd.Timestamp(MIDDLE) - pd.Timedelta(days=6)
    read = [
        int((frame["date"] >= since).sum()) for frame in (flights, routes, known.drop_duplicates(["carrier", "date"]))
    ]
    daily, wide = len(flights[flights["date"] >= since].drop_duplicates(["carrier", "date"])), len(days[days >= since])
    width = [len(carriers) * n for n in (wide, wide, len(days[days >= MIDDLE]))]
    return mart, dict(zip(NAMES, [*read, daily, *width], strict=True))


def mart(connection: Any) -> list[Any]:
    query = "SELECT carrier, date::text, flights, late, seats, flights_7d, worst_route FROM mart"
    return [list(row) for row in connection.execute(query)]


@answer(
    questions=["sql-complex-extract-transform"],
    breaks={
        "no_look_back": {"what": "only the interval's own days are extracted", "fails": ["the mart equals pandas"]},
        "rows_for_days": {
            "what": "days without flights are missing in the window",
            "fails": ["the mart equals pandas"],
        },
    },
    scratch=["schema"],
)
def incremental_transformation():
    @task
    def transform_two_intervals(params: dict[str, Any] | None = None) -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute("DROP TABLE IF EXISTS flights, mart")
            connection.execute("CREATE TABLE flights AS SELECT * FROM sample.flights WHERE month = 1")
            connection.execute(f"CREATE TABLE mart ({MART}, PRIMARY KEY (carrier, date))")
            for begin, to in ((FIRST, MIDDLE), (MIDDLE, END)):
                run(connection, begin, to, params["break_it"])
            expected, rows = reference(connection)
            prove("the mart equals pandas", observed=mart(connection), expected=expected, how="rows")
            counts = dict(run(connection, MIDDLE, END, params["break_it"], COUNTS).fetchall())
            prove("each step has its rows", observed=counts, expected=rows)

    @task
    def run_again(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            again = run(connection, MIDDLE, END, params["break_it"]).rowcount
            prove("a rerun writes no row", observed=again, expected=0, unit="rows")
            late = "INSERT INTO flights SELECT * FROM flights WHERE carrier = 'HA' AND day = 20"
            connection.execute(late)
            changed = run(connection, *LATE, params["break_it"]).rowcount
            prove("late rows change their week", observed=changed, expected=7, unit="rows")
            prove(
                "the mart equals pandas after late rows",
                observed=mart(connection),
                expected=reference(connection)[0],
                how="rows",
            )

    transform_two_intervals() >> run_again()
