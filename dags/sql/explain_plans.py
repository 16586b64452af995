"""# How do you read an execution plan?

**Say it.** I run EXPLAIN (ANALYZE, BUFFERS) and read from the innermost node outwards: how each table is read, how the sets are joined. At
each node I compare the rows expected with the rows that came, times the loops. Where they part by more than ten times, the
planner chose blindly, and I look at the statistics before I rewrite anything.

**How it works.** A plan is a tree; rows flow from the leaves to the root. A leaf reads a table: all of it (Seq Scan), a few rows by an index (Index
Scan), index pages only (Index Only Scan), or many rows by an index in the order of the table's pages (Bitmap Heap Scan). An inner node joins
two inputs: Nested Loop asks the inner side once for each outer row, good for few; Hash Join builds a table of the smaller side in memory, good for
many rows and `=`; Merge Join walks two sorted inputs. The planner chooses by cost, and cost by how many rows it *expects*, from what ANALYZE
sampled: the commonest values of each column and a histogram of the others. Rows are shown **for one loop** (PostgreSQL 18 with two decimals), so the
inner side of a loop looks harmless until it is multiplied. Buffers of a node **contain** those below it
(since version 18 ANALYZE shows them without being asked).

**This run proves**
- *each way to read and to join, in a plan of its own*: four kinds of scan, three of join;
- *rows of an inner node are per loop*: its rows times its loops are what a second query counts;
- *the buffers of a node contain those below it*: the root's are all nodes' own, added up;
- *stale statistics are off by more than ten times*: the table was analysed before most of it was loaded;
- *the plan turns from a nested loop to a hash join*; *fresh statistics are within two times*; *the new plan reads a tenth of the pages*;
- *columns that go together fool the planner*, and *extended statistics set it right*: model, maker and seats of a plane.

**Break it.** `no_analyze`: the load does not end in ANALYZE, and the query keeps its nested loop.

**Where this stops.** EXPLAIN ANALYZE runs the statement: wrap a DELETE in a transaction and roll it back. Autovacuum analyses by itself, once a tenth of the
rows have changed, and not within your transaction: a load that is read at once should analyse by itself. Here parallel workers and JIT are off, so
that the plan is the same everywhere. Temporary tables are never analysed by autovacuum. Other engines name the nodes differently, and Redshift
adds who sends rows to whom (DS_BCAST_INNER).

**Sources.** PostgreSQL: [using EXPLAIN](https://www.postgresql.org/docs/18/using-explain.html),
[EXPLAIN](https://www.postgresql.org/docs/18/sql-explain.html),
[statistics used by the planner](https://www.postgresql.org/docs/18/planner-stats.html),
[CREATE STATISTICS](https://www.postgresql.org/docs/18/sql-createstatistics.html),
[the autovacuum daemon](https://www.postgresql.org/docs/18/routine-vacuuming.html#AUTOVACUUM).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

# What the node is called, and a query that gets it.
WAYS = {
    "Seq Scan": "SELECT * FROM sample.flights WHERE arr_delay > 600",
    "Index Scan": "SELECT * FROM sample.flights WHERE id = 500",
    "Index Only Scan": "SELECT id FROM visits WHERE id BETWEEN 500 AND 900",
    "Bitmap Heap Scan": "SELECT * FROM visits WHERE page = 7",
    "Nested Loop": "SELECT * FROM sample.orders JOIN sample.lineitem ON l_orderkey = o_orderkey WHERE o_orderkey < 2000",
    "Hash Join": "SELECT * FROM sample.flights JOIN sample.planes USING (tailnum)",
    "Merge Join": "SELECT * FROM sample.orders JOIN sample.lineitem ON l_orderkey = o_orderkey ORDER BY o_orderkey",
}
MAKERS_IN_MAY = """
    SELECT manufacturer, COUNT(*)
    FROM flights JOIN sample.planes USING (tailnum)
    WHERE month = 5
    GROUP BY manufacturer
"""
# Every CL-600-2B19 is a Bombardier with 55 seats; the planner multiplies three shares as if they were independent.
REGIONAL_JETS = "SELECT * FROM planes WHERE model = 'CL-600-2B19' AND manufacturer = 'BOMBARDIER INC' AND seats = 55"


def off_by(node: Any) -> float:
    """How many times the planner's guess was off, upwards or downwards."""
    guess, truth = max(node.estimated_rows, 1), max(node.rows, 1)
    return round(max(guess / truth, truth / guess), 2)


@answer(
    questions=["sql-explain-plans"],
    breaks={
        "no_analyze": {
            "what": "the load does not end in ANALYZE",
            "fails": ["the plan turns from a nested loop to a hash join"],
        },
    },
    scratch=["schema"],
)
def explain_plans():
    @task
    def read_the_nodes() -> None:
        from living_answers import plans, samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            plans.steady(connection)
            connection.execute("DROP TABLE IF EXISTS visits")
            # Each page has 200 visits, spread over the whole table.
            connection.execute(
                "CREATE TABLE visits AS SELECT id, id % 200 AS page, 'x' AS note FROM generate_series(1, 40000) AS id"
            )
            connection.execute("CREATE INDEX ON visits (id)")
            connection.execute("CREATE INDEX ON visits (page)")
            connection.execute("ANALYZE visits")
            found = {way: plans.explain(connection, query) for way, query in WAYS.items()}
            counted = connection.execute(f"SELECT COUNT(*) FROM ({WAYS['Nested Loop']})").fetchone()[0]  # noqa: S608
        roots = {way: way if way in plan.types else plan.types for way, plan in found.items()}
        prove("each way to read and to join, in a plan of its own", observed=roots, expected={way: way for way in WAYS})
        loop = found["Nested Loop"]
        plans.show("a nested loop", loop)
        inner = loop.node("Nested Loop").children[1]
        per_loop = float(inner.details["Actual Rows"])
        # Two decimals per loop: the product is right to within half a hundredth per loop.
        prove(
            "rows of an inner node are per loop",
            observed=per_loop * inner.loops,
            expected=counted,
            how="close",
            tolerance=0.01,
        )
        own = sum(node.own_buffers for node in found["Merge Join"].nodes)
        prove("the buffers of a node contain those below it", observed=own, expected=found["Merge Join"].buffers)

    @task
    def refresh_the_statistics(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            connection.execute("DROP TABLE IF EXISTS flights")
            # No autovacuum here: it would analyse the table at a moment of its own choice.
            connection.execute(
                "CREATE TABLE flights (id bigint, month int, tailnum text) WITH (autovacuum_enabled = off)"
            )
            load = "INSERT INTO flights SELECT id, month, tailnum FROM sample.flights WHERE month = ANY(%s)"
            connection.execute(load, [[1]])
            connection.execute("ANALYZE flights")
            connection.execute(load, [[2, 3, 4, 5]])
            stale = plans.explain(connection, MAKERS_IN_MAY)
            if params["break_it"] != "no_analyze":
                connection.execute("ANALYZE flights")
            fresh = plans.explain(connection, MAKERS_IN_MAY)
        plans.show("by the statistics of January", stale)
        plans.show("after ANALYZE", fresh)
        guesses = [off_by(next(node for node in plan.nodes if node.relation == "flights")) for plan in (stale, fresh)]
        joins = [
            next(type_ for type_ in plan.types if type_ in WAYS and "Scan" not in type_) for plan in (stale, fresh)
        ]
        prove("stale statistics are off by more than ten times", observed=guesses[0], expected=10, how="at_least")
        turned = ["Nested Loop", "Hash Join"]
        prove("the plan turns from a nested loop to a hash join", observed=joins, expected=turned)
        prove("fresh statistics are within two times", observed=guesses[1], expected=2, how="at_most")
        pages = [stale.buffers, fresh.buffers]
        prove(
            "the new plan reads a tenth of the pages", observed=pages, expected=10, how="times_at_least", unit="pages"
        )

    @task
    def tell_what_goes_together() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS planes")
            connection.execute("CREATE TABLE planes AS TABLE sample.planes")
            connection.execute("ANALYZE planes")
            apart = plans.explain(connection, REGIONAL_JETS)
            connection.execute("CREATE STATISTICS kinds (dependencies, mcv) ON model, manufacturer, seats FROM planes")
            connection.execute("ANALYZE planes")
            together = plans.explain(connection, REGIONAL_JETS)
        plans.show("each column by itself", apart)
        plans.show("with extended statistics", together)
        prove("columns that go together fool the planner", observed=off_by(apart.root), expected=10, how="at_least")
        prove("extended statistics set it right", observed=off_by(together.root), expected=2, how="at_most")

    read_the_nodes() >> [refresh_the_statistics(), tell_what_goes_together()]
