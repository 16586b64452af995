"""# What are CTEs for, and when are they inlined or materialised?

**Say it.** A CTE names a step of a query, so that it reads from top to bottom. Used once, PostgreSQL inlines it since version 12, and filters reach
the index below. Used twice, it is computed once and kept; MATERIALIZED and NOT MATERIALIZED override that. Splitting a query into CTEs
makes it readable, not faster.

**How it works.** `WITH step AS (...)` is a view that lives for one statement. If the planner may inline it, it plans the whole as if the step had been
written in place, so a condition outside can be applied inside. If it is *materialised*, the step runs first and whole, its rows are
kept, and the outside filters them as they are read (CTE Scan): no index reaches through. That is good if the step is dear and read several times, or
if you want a fence on purpose; it is bad if the outside wants one row of it. It stays materialised in any case if it is recursive, writes, or calls a
volatile function. A step that writes (`DELETE ... RETURNING`) runs to its end exactly once; all steps and the main query see the
*same snapshot*, and speak to each other by RETURNING only.

**This run proves**
- *the steps give what the nested query gives*, and *the steps give what Python gives*: airlines later than the average of their airport, January;
- *used once, it is inlined*: an Index Scan; *materialised, it reads a hundred times the pages*;
- *used twice, it is computed once*: half the pages of the same query NOT MATERIALIZED;
- *a volatile step is not inlined*: both readers see one random number;
- *the main query does not see what a step deletes*: the count in the same statement is that before;
- *no row is lost between delete and archive*: another session commits an old row meanwhile.

**Break it.** `materialized`: somebody writes MATERIALIZED, "to compute it only once".
`two_statements`: archive by INSERT ... SELECT, then DELETE with the same WHERE.

**Where this stops.** "Break the query into subqueries and it gets faster" is true for readers and for steps that are used twice; else plans are the same, or
worse where the engine materialises. Before version 12 every CTE was a fence, and old advice knows only that. A temporary table is the third way: it can be
indexed and analysed. Redshift and Snowflake decide by themselves; BigQuery documents one run for each reference. Recursion: `recursive_hierarchy`.

**Sources.** PostgreSQL: [WITH queries](https://www.postgresql.org/docs/18/queries-with.html), with
[materialisation](https://www.postgresql.org/docs/18/queries-with.html#QUERIES-WITH-CTE-MATERIALIZATION) and
[data-modifying statements](https://www.postgresql.org/docs/18/queries-with.html#QUERIES-WITH-MODIFYING);
[release notes of version 12](https://www.postgresql.org/docs/release/12.0/). BigQuery:
[WITH clause](https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#with_clause).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

IN_STEPS = """
    WITH january AS (
        SELECT origin, carrier, arr_delay FROM sample.flights WHERE month = 1 AND arr_delay IS NOT NULL
    ),
    by_airline AS (
        SELECT origin, carrier, AVG(arr_delay) AS delay FROM january GROUP BY origin, carrier
    ),
    by_airport AS (
        SELECT origin, AVG(arr_delay) AS delay FROM january GROUP BY origin
    )
    SELECT origin, carrier, ROUND(by_airline.delay, 4)
    FROM by_airline JOIN by_airport USING (origin)
    WHERE by_airline.delay > by_airport.delay
"""
NESTED = """
    SELECT origin, carrier, ROUND(a.delay, 4)
    FROM (
        SELECT origin, carrier, AVG(arr_delay) AS delay
        FROM (SELECT * FROM sample.flights WHERE month = 1 AND arr_delay IS NOT NULL) AS j
        GROUP BY origin, carrier
    ) AS a
    JOIN (
        SELECT origin, AVG(arr_delay) AS delay
        FROM (SELECT * FROM sample.flights WHERE month = 1 AND arr_delay IS NOT NULL) AS j
        GROUP BY origin
    ) AS b USING (origin)
    WHERE a.delay > b.delay
"""
ONE_FLIGHT = "WITH late AS {} (SELECT * FROM sample.flights WHERE arr_delay > 60) SELECT * FROM late WHERE id = 152"
TWICE = """
    WITH busy AS {} (
        SELECT dest, COUNT(*) AS flights FROM sample.flights WHERE month = 1 GROUP BY dest
    )
    SELECT * FROM busy WHERE flights > (SELECT AVG(flights) FROM busy)
"""
# Both readers get the same number, although NOT MATERIALIZED is asked for: a volatile function forbids it.
VOLATILE = "WITH draw AS NOT MATERIALIZED (SELECT RANDOM() AS x) SELECT x FROM draw UNION SELECT x FROM draw"
ARCHIVE = """
    WITH gone AS (DELETE FROM messages WHERE year < 2013 RETURNING *),
    kept AS (INSERT INTO archive SELECT * FROM gone RETURNING id)
    SELECT (SELECT COUNT(*) FROM kept), (SELECT COUNT(*) FROM messages)
"""


def late_airlines(rows: list[Any]) -> list[Any]:
    """The question once more, without SQL: rows of (origin, carrier, delay)."""
    from decimal import Decimal
    from statistics import mean

    def average(select: Any) -> Any:
        return mean(Decimal(row[2]) for row in rows if select(row))

    airports = {origin: average(lambda row, o=origin: row[0] == o) for origin in {row[0] for row in rows}}
    airlines = {
        row[:2]: average(lambda row, key=row[:2]: row[:2] == key) for row in {row[:2]: row for row in rows}.values()
    }
    return [(*key, round(delay, 4)) for key, delay in airlines.items() if delay > airports[key[0]]]


@answer(
    questions=["sql-ctes"],
    breaks={
        "materialized": {"what": "the step is written MATERIALIZED", "fails": ["used once, it is inlined"]},
        "two_statements": {
            "what": "the archive is filled by one statement, and the rows are deleted by the next",
            "fails": ["no row is lost between delete and archive"],
        },
    },
    scratch=["schema"],
)
def common_table_expressions():
    @task
    def read_in_steps() -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            steps = connection.execute(IN_STEPS).fetchall()
            nested = connection.execute(NESTED).fetchall()
            january = "SELECT origin, carrier, arr_delay FROM sample.flights WHERE month = 1 AND arr_delay IS NOT NULL"
            rows = connection.execute(january).fetchall()
            draws = connection.execute(VOLATILE).fetchall()
        prove("the steps give what the nested query gives", observed=steps, expected=nested, how="rows")
        prove("the steps give what Python gives", observed=steps, expected=late_airlines(rows), how="rows")
        prove("a volatile step is not inlined", observed=len(draws), expected=1, unit="numbers")

    @task
    def look_through_the_step(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans, samples

        written = "MATERIALIZED" if params["break_it"] == "materialized" else ""
        with scratch.connect() as connection:
            samples.ensure(connection)
            plans.steady(connection)
            once, fenced, opened = (
                plans.explain(connection, ONE_FLIGHT.format(how))
                for how in (written, "MATERIALIZED", "NOT MATERIALIZED")
            )
            default, inlined = (plans.explain(connection, TWICE.format(how)) for how in ("", "NOT MATERIALIZED"))
        plans.show(f"WITH late AS {written}", once)
        plans.show("WITH late AS MATERIALIZED", fenced)
        plans.show("read twice, kept", default)
        plans.show("read twice, NOT MATERIALIZED", inlined)
        pages = [fenced.buffers, opened.buffers]
        prove("materialised, it reads a hundred times the pages", observed=pages, expected=100, how="times_at_least")
        once_and_twice = [inlined.buffers, default.buffers]
        prove(
            "used twice, it is computed once", observed=once_and_twice, expected=1.9, how="times_at_least", unit="pages"
        )
        prove("used once, it is inlined", observed=once.types, expected=["Index Scan"])

    @task
    def archive_in_one_statement(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as archiving, scratch.connect() as writing:
            writing.execute("DROP TABLE IF EXISTS messages, archive")
            writing.execute(
                "CREATE TABLE messages AS SELECT id, 2010 + id % 5 AS year FROM GENERATE_SERIES(1, 1000) AS id"
            )
            writing.execute("CREATE TABLE archive (LIKE messages)")
            writing.commit()
            late = "INSERT INTO messages VALUES (1001, 2012)"
            if params["break_it"] == "two_statements":
                archiving.execute("INSERT INTO archive SELECT * FROM messages WHERE year < 2013")
                writing.execute(late)
                writing.commit()
                archiving.execute("DELETE FROM messages WHERE year < 2013")
            else:
                _, seen = archiving.execute(ARCHIVE).fetchone()
                writing.execute(late)
                writing.commit()
                prove("the main query does not see what a step deletes", observed=seen, expected=1000, unit="rows")
            archiving.commit()
            ids = archiving.execute("SELECT id FROM messages UNION ALL SELECT id FROM archive").fetchall()
        everyone = [(id_,) for id_ in range(1, 1002)]
        prove("no row is lost between delete and archive", observed=ids, expected=everyone, how="rows")

    read_in_steps()
    look_through_the_step()
    archive_in_one_statement()
