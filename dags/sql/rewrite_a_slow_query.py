"""# How do you make a slow query fast without changing its answer?

**Say it.** I save its rows, then read its plan: what is read often, and what is read to be thrown away. Then one thing at a time: the subquery per row
becomes a join to a group, the function leaves the column, then an index. I compare pages after each step, and at the end the rows, EXCEPT ALL
both ways.

**How it works.** The query below is one that people write: who ordered in March 1997, how often, for how much. Its plan shows the three faults. Two
SubPlans have as many loops as the join has rows, each a scan of the whole table. The scan throws nearly everything away by a *filter* on
`TO_CHAR(ordered_at, ...)`, which no index on `ordered_at` can serve: the predicate is not *sargable*. And DISTINCT at the top undoes a join that has multiplied the
customers. Each cure alone shows what it is worth, and that some are worth nothing alone: a sargable predicate without an index scans the
same pages; the index without a sargable predicate is not touched.

**This run proves**
- *the subqueries run once for each joined row*: loops in the plan, against a count;
- *the predicate alone saves nothing*, *the index alone saves nothing*: pages against the first query;
- *grouping once saves ninety-nine pages in a hundred*: the rewrite alone;
- *predicate and index together save a third of the rest*: all three together;
- *the rewritten query gives the same rows*: EXCEPT ALL both ways, how many differ; *the rewritten query gives Python's rows*, from the raw orders.

**Break it.** `between`: the month is written `BETWEEN '1997-03-01' AND '1997-03-31'`, which on a timestamp ends at the midnight before the 31st.

**Where this stops.** The factor belongs to this data: 15,000 orders; it grows with the table, since the first query reads it once per row. An index on
`TO_CHAR(...)` is refused (the function depends on settings), and one on each such expression is no way to live. Often the best cure is to ask what the report is
for. In production, find the query first: `pg_stat_statements` by total time, `auto_explain` for its plan with the real parameters.

**Sources.** PostgreSQL: [using EXPLAIN](https://www.postgresql.org/docs/18/using-explain.html),
[examining index usage](https://www.postgresql.org/docs/18/indexes-examine.html),
[combining queries](https://www.postgresql.org/docs/18/queries-union.html),
[auto_explain](https://www.postgresql.org/docs/18/auto-explain.html),
[do not use BETWEEN with timestamps](https://wiki.postgresql.org/wiki/Don%27t_Do_This#Don.27t_use_BETWEEN_.28especially_with_timestamps.29).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

# An order is placed at some minute of its day.
TABLES = """
    DROP TABLE IF EXISTS customers, orders;
    CREATE TABLE customers AS SELECT c_custkey AS id, c_name AS name FROM sample.customer WHERE c_custkey <= 1500;
    CREATE TABLE orders AS
    SELECT
        o_orderkey AS id, o_custkey AS customer_id, o_totalprice AS amount, o_comment AS note,
        o_orderdate + o_orderkey % 1440 * INTERVAL '1 minute' AS ordered_at
    FROM sample.orders WHERE o_custkey <= 1500;
    ANALYZE customers, orders;
"""
SLOW = """
    SELECT DISTINCT
        c.id,
        c.name,
        (SELECT COUNT(*) FROM orders AS o WHERE o.customer_id = c.id AND {in_march}) AS orders,
        (SELECT SUM(o.amount) FROM orders AS o WHERE o.customer_id = c.id AND {in_march}) AS amount
    FROM customers AS c
    JOIN orders AS o ON o.customer_id = c.id
    WHERE {in_march}
"""
GROUPED = """
    SELECT c.id, c.name, COUNT(*) AS orders, SUM(o.amount) AS amount
    FROM customers AS c
    JOIN orders AS o ON o.customer_id = c.id
    WHERE {in_march}
    GROUP BY c.id, c.name
"""
MARCH = {
    "function": "TO_CHAR(o.ordered_at, 'YYYY-MM') = '1997-03'",
    "sargable": "o.ordered_at >= '1997-03-01' AND o.ordered_at < '1997-04-01'",
    "between": "o.ordered_at BETWEEN '1997-03-01' AND '1997-03-31'",
}
INDEX = "CREATE INDEX ON orders (ordered_at)"
# How many rows one has that the other has not, repeated rows counted.
DIFFERENCE = """
    SELECT COUNT(*) FROM (
        (({first}) EXCEPT ALL ({second})) UNION ALL (({second}) EXCEPT ALL ({first}))
    ) AS different
"""


@answer(
    questions=["sql-optimize-poor-query"],
    breaks={
        "between": {
            "what": "the month is written as BETWEEN its first and its last day",
            "fails": ["the rewritten query gives the same rows"],
        },
    },
    scratch=["schema"],
)
def rewrite_a_slow_query():
    @task
    def measure_each_step(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans, samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(TABLES)
            plans.steady(connection)
            slow = SLOW.format(in_march=MARCH["function"])
            steps = {
                "as it was": slow,
                "sargable predicate": SLOW.format(in_march=MARCH["sargable"]),
                "grouped once": GROUPED.format(in_march=MARCH["function"]),
            }
            found = {step: plans.explain(connection, query) for step, query in steps.items()}
            connection.execute(INDEX)
            found["index"] = plans.explain(connection, slow)
            found["all three"] = plans.explain(connection, GROUPED.format(in_march=MARCH["sargable"]))
            march = f"SELECT COUNT(*) FROM orders AS o WHERE {MARCH['function']}"  # noqa: S608
            joined = connection.execute(march).fetchone()[0]
        for step, plan in found.items():
            plans.show(step, plan)
        pages = {step: plan.buffers for step, plan in found.items()}
        loops = max(node.loops for node in found["as it was"].nodes if node.relation == "orders")
        prove("the subqueries run once for each joined row", observed=loops, expected=joined, unit="loops")
        alone = [pages["as it was"], pages["sargable predicate"]]
        prove("the predicate alone saves nothing", observed=alone, expected=1.1, how="times_at_most", unit="pages")
        alone = [pages["as it was"], pages["index"]]
        prove("the index alone saves nothing", observed=alone, expected=1.1, how="times_at_most", unit="pages")
        alone = [pages["as it was"], pages["grouped once"]]
        prove("grouping once saves ninety-nine pages in a hundred", observed=alone, expected=100, how="times_at_least")
        rest = [pages["grouped once"], pages["all three"]]
        prove(
            "predicate and index together save a third of the rest",
            observed=rest,
            expected=1.5,
            how="times_at_least",
            unit="pages",
        )

    @task
    def compare_the_rows(params: dict[str, Any] | None = None) -> None:
        from decimal import Decimal

        slow = SLOW.format(in_march=MARCH["function"])
        fast = GROUPED.format(in_march=MARCH[params["break_it"] or "sargable"])
        with scratch.connect() as connection:
            different = connection.execute(DIFFERENCE.format(first=slow, second=fast)).fetchone()[0]
            rows = connection.execute(fast).fetchall()
            names = dict(connection.execute("SELECT id, name FROM customers").fetchall())
            orders = connection.execute("SELECT customer_id, amount, ordered_at FROM orders").fetchall()
        prove("the rewritten query gives the same rows", observed=different, expected=0, unit="rows")
        due: dict[int, tuple[int, Any]] = {}
        for customer, amount, at in orders:
            if (at.year, at.month) == (1997, 3):
                count, total = due.get(customer, (0, Decimal(0)))
                due[customer] = (count + 1, total + amount)
        expected = [(customer, names[customer], *figures) for customer, figures in due.items()]
        prove("the rewritten query gives Python's rows", observed=rows, expected=expected, how="rows")

    measure_each_step() >> compare_the_rows()
