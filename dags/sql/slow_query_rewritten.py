"""# How do you rewrite a slow query?

**Say it.** Read the plan from the node that costs most, change that, check that the rows are the same, and measure again. A subquery that
runs for each row becomes a grouped join or a window; a function around a column becomes a range that an index can serve. I
compare results by EXCEPT ALL both ways first.

**How it works.** The query wants the orders of March 1995 that are above their customer's average. As written, it has two faults. `TO_CHAR(o_orderdate, ...)`
hides the column, so no index can find the month, and the planner must guess how many rows pass. And the average is a correlated subquery: the whole table is
read again for every order of the month.

The plan says which fault matters. The subquery's scan has hundreds of loops; nearly all pages are read there. Repairing the predicate alone
changes almost nothing, so it is the wrong first step, however ugly it looks. Either an index on the customer makes each loop cheap, or the
subquery goes: averages by customer once, then a join. Together with the range and its index, only the month's orders are touched beside that one pass.

**This run proves**
- *every rewrite gives the same rows*: EXCEPT ALL in both directions, for each;
- *the subquery runs for every order of the month*: loops of its node in the plan;
- *the range alone hardly helps*, *an index under the subquery saves nine pages in ten*, *grouping once saves nine pages in ten*: each step alone;
- *all together read the least*.

**Break it.** `filter_first`: the window is computed after WHERE, so the average is that of the month; a fast query with wrong rows. `still_per_row`: only
the predicate is repaired.

**Where this stops.** Some planners (Oracle's, SQL Server's) decorrelate such a subquery by themselves; PostgreSQL turns EXISTS and IN into joins, and leaves
a scalar subquery with an aggregate as it is. Which form wins depends on how many outer rows there are: for three orders, the subquery with
an index beats a pass over all customers.

**Sources.** PostgreSQL: [using EXPLAIN](https://www.postgresql.org/docs/18/using-explain.html),
[indexes on expressions](https://www.postgresql.org/docs/18/indexes-expressional.html),
[processing of window functions](https://www.postgresql.org/docs/18/queries-table-expressions.html#QUERIES-WINDOW).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SLOW = """
    SELECT o_orderkey, o_totalprice
    FROM orders
    WHERE TO_CHAR(o_orderdate, 'YYYY-MM') = '1995-03'  -- hides the column from any index
        AND o_totalprice > (  -- runs again for every order of the month
            SELECT AVG(own.o_totalprice) FROM orders AS own WHERE own.o_custkey = orders.o_custkey
        )
"""
WITH_RANGE = """
    SELECT o_orderkey, o_totalprice
    FROM orders
    WHERE o_orderdate >= DATE '1995-03-01' AND o_orderdate < DATE '1995-04-01'
        AND o_totalprice > (
            SELECT AVG(own.o_totalprice) FROM orders AS own WHERE own.o_custkey = orders.o_custkey
        )
"""
GROUPED_ONCE = """
    SELECT o_orderkey, o_totalprice
    FROM orders
    JOIN (SELECT o_custkey, AVG(o_totalprice) AS average FROM orders GROUP BY o_custkey) AS customers USING (o_custkey)
    WHERE TO_CHAR(o_orderdate, 'YYYY-MM') = '1995-03' AND o_totalprice > average
"""
ALL_TOGETHER = """
    WITH month AS (
        SELECT o_orderkey, o_custkey, o_totalprice
        FROM orders
        WHERE o_orderdate >= DATE '1995-03-01' AND o_orderdate < DATE '1995-04-01'
    ),
    averages AS (  -- of the customers who ordered in the month, over all their orders
        SELECT o_custkey, AVG(o_totalprice) AS average
        FROM orders
        WHERE o_custkey IN (SELECT o_custkey FROM month)
        GROUP BY o_custkey
    )
    SELECT o_orderkey, o_totalprice FROM month JOIN averages USING (o_custkey) WHERE o_totalprice > average
"""
FILTER_FIRST = """
    SELECT o_orderkey, o_totalprice
    FROM (
        SELECT o_orderkey, o_totalprice, AVG(o_totalprice) OVER (PARTITION BY o_custkey) AS average
        FROM orders
        WHERE o_orderdate >= DATE '1995-03-01' AND o_orderdate < DATE '1995-04-01'
    ) AS month
    WHERE o_totalprice >= average
"""
REWRITES = {None: ALL_TOGETHER, "filter_first": FILTER_FIRST, "still_per_row": WITH_RANGE}


def indexed(connection: Any, *columns: str) -> None:
    """Leave the table with exactly these indexes, and the planner with fresh statistics."""
    connection.execute("DROP INDEX IF EXISTS by_o_orderdate, by_o_custkey")
    for column in columns:
        connection.execute(f"CREATE INDEX by_{column} ON orders ({column})")
    connection.execute("ANALYZE orders")


def different(connection: Any, query: str) -> int:
    """How many rows the query has that the slow one has not, or lacks: with doubles counted."""
    both = f"(({query}) EXCEPT ALL ({SLOW})) UNION ALL (({SLOW}) EXCEPT ALL ({query}))"
    return len(connection.execute(both).fetchall())


@answer(
    questions=["sql-optimize-poor-query"],
    breaks={
        "filter_first": {
            "what": "the average is taken over the month's orders only",
            "fails": ["every rewrite gives the same rows"],
        },
        "still_per_row": {
            "what": "only the predicate is repaired, and the subquery stays",
            "fails": ["all together read the least"],
        },
    },
    scratch=["schema"],
)
def slow_query_rewritten():
    @task
    def copy_orders() -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute("DROP TABLE IF EXISTS orders")
            connection.execute("CREATE TABLE orders AS SELECT * FROM sample.orders WHERE o_custkey <= 2000")

    @task
    def compare_the_rows(params: dict[str, Any] | None = None) -> None:
        queries = {"range": WITH_RANGE, "grouped": GROUPED_ONCE, "together": REWRITES[params["break_it"]]}
        with scratch.connect() as connection:
            indexed(connection, "o_orderdate", "o_custkey")
            rows = len(connection.execute(SLOW).fetchall())
            prove("there is something to compare", observed=rows, expected=10, how="at_least", unit="rows")
            found = {name: different(connection, query) for name, query in queries.items()}
        prove("every rewrite gives the same rows", observed=found, expected=dict.fromkeys(queries, 0), unit="rows")

    @task
    def measure_each_step() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            indexed(connection)
            slow, grouped = plans.explain(connection, SLOW), plans.explain(connection, GROUPED_ONCE)
            indexed(connection, "o_orderdate")
            with_range = plans.explain(connection, WITH_RANGE)
            indexed(connection, "o_custkey")
            with_index = plans.explain(connection, SLOW)
            month = connection.execute("SELECT o_orderdate FROM orders").fetchall()
        plans.show("as written", slow)
        plans.show("grouped once", grouped)
        loops = slow.node("Aggregate").loops
        march = sum((day.year, day.month) == (1995, 3) for (day,) in month)
        prove("the subquery runs for every order of the month", observed=loops, expected=march, unit="loops")
        pages = [slow.buffers, with_range.buffers]
        prove("the range alone hardly helps", observed=pages, expected=1.1, how="times_at_most")
        pages = [slow.buffers, with_index.buffers]
        prove("an index under the subquery saves nine pages in ten", observed=pages, expected=10, how="times_at_least")
        pages = [slow.buffers, grouped.buffers]
        prove("grouping once saves nine pages in ten", observed=pages, expected=10, how="times_at_least")

    @task
    def apply_all(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            indexed(connection)
            grouped = plans.explain(connection, GROUPED_ONCE)
            indexed(connection, "o_orderdate")
            together = plans.explain(connection, REWRITES[params["break_it"]])
        plans.show("all together", together)
        prove("all together read the least", observed=together.buffers, expected=grouped.buffers, how="at_most")

    copied = copy_orders()
    compared = compare_the_rows()
    # One after the other: each sets the table's indexes for itself.
    measured = measure_each_step.override(trigger_rule="all_done")()
    copied >> measured >> apply_all.override(trigger_rule="all_done")() >> compared
