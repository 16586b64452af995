"""# When does a materialised view help, and how stale may it be?

**Say it.** A materialised view stores the result of a query. Reading it costs a few pages in place of the whole join, and it is as old as its
last refresh: nothing updates it when the tables change. I refresh it CONCURRENTLY, which needs a unique index, so that readers
are not locked out, and I show its age.

**How it works.** `CREATE MATERIALIZED VIEW` runs the query once and keeps the rows in a table of its own, which can be indexed like any other. `REFRESH` runs
the query again and puts new rows in the place of the old ones, under a lock that readers wait for. `REFRESH ... CONCURRENTLY` writes the result aside,
compares it with what is there by the unique index (on plain columns, over all rows), and then inserts, updates and deletes only the differences; readers go
on and see the old rows until it commits. It does more work in all, but writes less where little has changed.

**This run proves**
- *the view holds what the query gives*: revenue by month and market segment, all rows;
- *reading the view takes a fiftieth of the pages*: buffers of both plans;
- *an order that came in is missing until the refresh*: the difference is the order's own amount;
- *after the refresh the view is right again*;
- *readers go on during a refresh*: a second session reads while the refresh has not committed;
- *a refresh writes only the groups that changed*: rows of the view with another `xmin`;
- *without a unique index there is no concurrent refresh*: the error's class.

**Break it.** `plain_refresh`: REFRESH without CONCURRENTLY; the reader waits for the lock until it gives up, and every row is written.
`no_refresh`: the load forgets to refresh.

**Where this stops.** PostgreSQL computes the whole query at every refresh. Redshift, Snowflake, BigQuery and Oracle can maintain some views
incrementally, within limits on joins and functions; `pg_ivm` is an extension for it. In a pipeline, a table written by the job
(a mart) does the same with a schedule, tests and history of its own; that is what dbt calls an incremental model.

**Sources.** PostgreSQL: [materialised views](https://www.postgresql.org/docs/18/rules-materializedviews.html),
[REFRESH MATERIALIZED VIEW](https://www.postgresql.org/docs/18/sql-refreshmaterializedview.html). Redshift:
[incremental refresh](https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-refresh.html).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

REVENUE = """
    SELECT
        DATE_TRUNC('month', o_orderdate)::date AS month,
        c_mktsegment AS segment,
        SUM(o_totalprice) AS revenue,
        COUNT(*) AS orders
    FROM orders JOIN sample.customer ON c_custkey = o_custkey
    GROUP BY 1, 2
"""
NEW_ORDER = "INSERT INTO orders VALUES (%s, %s, DATE '1998-08-02', 1234.50)"
GROUPS = f"SELECT COUNT(*) FROM ({REVENUE}) AS computed"  # noqa: S608 - a constant of this file
REFRESH = {
    None: "REFRESH MATERIALIZED VIEW CONCURRENTLY revenue",
    "plain_refresh": "REFRESH MATERIALIZED VIEW revenue",
    "no_refresh": "SELECT 1",
}


def total(connection: Any, relation: str) -> Any:
    column = {"revenue": "revenue", "orders": "o_totalprice"}[relation]
    return connection.execute(f"SELECT SUM({column}) FROM {relation}").fetchone()[0]  # noqa: S608 - names of this file


def versions(connection: Any) -> dict[Any, str]:
    """Which transaction wrote each row of the view."""
    rows = connection.execute("SELECT month, segment, xmin::text FROM revenue").fetchall()
    return {(month, segment): xmin for month, segment, xmin in rows}


@answer(
    questions=["sql-materialized-views"],
    claims={
        "c-004-materialized-views": {
            "verdict": "holds",
            "proof": "reading the view takes a fiftieth of the pages",
            "truth": "A materialised view serves repeated queries from their stored result, at the price of its refresh and its age.",
        },
    },
    breaks={
        "plain_refresh": {
            "what": "the view is refreshed without CONCURRENTLY",
            "fails": ["readers go on during a refresh", "a refresh writes only the groups that changed"],
        },
        "no_refresh": {
            "what": "the load does not refresh the view",
            "fails": ["after the refresh the view is right again", "a refresh writes only the groups that changed"],
        },
    },
    scratch=["schema"],
)
def materialized_views():
    @task
    def create_the_view() -> None:
        import psycopg

        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute("DROP TABLE IF EXISTS orders CASCADE")
            connection.execute(
                "CREATE TABLE orders AS SELECT o_orderkey, o_custkey, o_orderdate, o_totalprice FROM sample.orders"
            )
            connection.execute("ANALYZE orders")
            connection.execute(f"CREATE MATERIALIZED VIEW revenue AS {REVENUE}")
            error = psycopg.errors.ObjectNotInPrerequisiteState
            with prove_raises("without a unique index there is no concurrent refresh", error), connection.transaction():
                connection.execute(REFRESH[None])
            connection.execute("CREATE UNIQUE INDEX ON revenue (month, segment)")

    @task
    def read_it() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            stored = connection.execute("SELECT * FROM revenue").fetchall()
            computed = connection.execute(REVENUE).fetchall()
            base = plans.explain(connection, REVENUE)
            view = plans.explain(connection, "SELECT * FROM revenue")
        prove("the view holds what the query gives", observed=stored, expected=computed, how="rows")
        plans.show("the query", base)
        plans.show("the view", view)
        pages = [base.buffers, view.buffers]
        prove("reading the view takes a fiftieth of the pages", observed=pages, expected=50, how="times_at_least")

    @task
    def refresh_after_a_change(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            connection.execute(NEW_ORDER, [-1, 37])
            missing = total(connection, "orders") - total(connection, "revenue")
            amount = connection.execute("SELECT o_totalprice FROM orders WHERE o_orderkey = -1").fetchone()[0]
            prove("an order that came in is missing until the refresh", observed=missing, expected=amount)
            connection.execute(REFRESH[params["break_it"]])
            after = [total(connection, "revenue"), total(connection, "orders")]
        prove("after the refresh the view is right again", observed=after[0], expected=after[1])

    @task
    def write_only_what_changed(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            connection.execute(REFRESH[None])
            connection.execute("DELETE FROM orders WHERE o_orderkey = -2")
            connection.execute(REFRESH["plain_refresh"])
            before = versions(connection)
            connection.execute(NEW_ORDER, [-2, 38])
            connection.commit()
            connection.execute(REFRESH[params["break_it"]])
            connection.commit()
            after = versions(connection)
        written = [group for group in after if after[group] != before.get(group)]
        prove("a refresh writes only the groups that changed", observed=len(written), expected=1, unit="rows")

    @task
    def read_during_a_refresh(params: dict[str, Any] | None = None) -> None:
        import psycopg

        refresh = REFRESH[params["break_it"]]
        with scratch.connect() as refreshing, scratch.connect() as reading:
            refreshing.execute(refresh)  # and no commit yet
            reading.execute("SET lock_timeout = '300ms'")
            try:
                seen = reading.execute("SELECT COUNT(*) FROM revenue").fetchone()[0]
            except psycopg.errors.LockNotAvailable:
                seen = 0
                reading.rollback()
            refreshing.rollback()
            groups = reading.execute(GROUPS).fetchone()[0]
        prove("readers go on during a refresh", observed=seen, expected=groups, unit="rows")

    created, read, during = create_the_view(), read_it(), read_during_a_refresh()
    changed = refresh_after_a_change.override(trigger_rule="all_done")()
    created >> read >> during >> changed >> write_only_what_changed.override(trigger_rule="all_done")()
