"""# What are the first habits when a query is slow?

**Say it.** Find the statement that costs most in all, not the slowest one. Then look at its plan: index the predicate, write the predicate so that
the index can serve it, read only the columns and rows you need, drop a DISTINCT or a sort that nothing needs, and do repeated work
once. Measure each change alone, in pages.

**How it works.** Each habit here is one pair of queries with the same result, and their plans.
An index serves `o_custkey = 37`; it does not serve `o_custkey + 0 = 37`, because the index holds the column and not the expression. For a predicate
that most rows meet, the planner rightly leaves the index aside: reading the table from one end to the other is cheaper than visiting
nearly all of its pages in the order of the index. If the query names only columns that an index holds, the index answers alone, as long as the
visibility map says that all rows of a page are visible to everybody, which VACUUM records (and COPY FREEZE, by which this run loads). DISTINCT over a column list with the primary key
in it removes nothing and costs a hash or a sort. A correlated subquery is run for every outer row; joined to its grouped form, it is run once.

What to look at first is told by `pg_stat_statements`, which adds up every statement's calls, time and pages under its text with the constants
taken out. A query of a few pages that a loop sends hundreds of times stands above the one that somebody complained of.

**This run proves**
- *an index on the predicate reads a tenth of the pages*, *an index does not help a predicate that most rows meet*;
- *naming the columns lets an index answer alone*: an index-only scan without a visit to the table;
- *a needless DISTINCT removes nothing*: same rows, one node more;
- *repeated work is done once*: pages of the correlated and of the grouped form, with equal rows;
- *the statement with the most pages in all is ranked first*: by `pg_stat_statements`, against counts of this run's own.

**Break it.** `expression`: the predicate hides the column in an expression. `star`: SELECT * asks for columns that the index lacks. `per_row`: the
subquery stays correlated.

**Where this stops.** Few pages are not always little time: a sort in memory reads none. Each index costs every write, see `indexes_that_slow`; a statement
of which only the parameters differ may still have two plans. The notes say that indexes optimise queries: they do for selective predicates
that match them.

**Sources.** PostgreSQL: [using EXPLAIN](https://www.postgresql.org/docs/18/using-explain.html),
[index-only scans](https://www.postgresql.org/docs/18/indexes-index-only-scans.html),
[indexes on expressions](https://www.postgresql.org/docs/18/indexes-expressional.html),
[COPY](https://www.postgresql.org/docs/18/sql-copy.html), and FREEZE's pages
[since version 14](https://www.postgresql.org/docs/release/14.0/),
[pg_stat_statements](https://www.postgresql.org/docs/18/pgstatstatements.html).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ONE_CUSTOMER = "SELECT * FROM orders WHERE o_custkey = 37"
HIDDEN = "SELECT * FROM orders WHERE o_custkey + 0 = 37"
MOST_ROWS = "SELECT * FROM orders WHERE o_totalprice > 1000"
COLUMNS = "SELECT o_custkey, o_totalprice FROM orders WHERE o_custkey BETWEEN 100 AND 200"
STAR = "SELECT * FROM orders WHERE o_custkey BETWEEN 100 AND 200"
PLAIN = "SELECT o_orderkey, o_custkey FROM orders"
DISTINCT = "SELECT DISTINCT o_orderkey, o_custkey FROM orders"
PER_ROW = """
    SELECT o_orderkey
    FROM orders AS this
    WHERE o_custkey < 400
        AND o_totalprice > (SELECT AVG(o_totalprice) FROM orders AS own WHERE own.o_custkey = this.o_custkey)
"""
ONCE = """
    SELECT o_orderkey
    FROM orders
    JOIN (SELECT o_custkey, AVG(o_totalprice) AS average FROM orders WHERE o_custkey < 400 GROUP BY o_custkey) AS own
        USING (o_custkey)
    WHERE o_totalprice > average
"""
RANKED = """
    SELECT CASE WHEN query LIKE '%%o_orderkey%%' THEN 'often' ELSE 'once' END, calls, shared_blks_hit + shared_blks_read
    FROM pg_stat_statements
    WHERE query LIKE %s AND query LIKE 'SELECT COUNT%%'
    ORDER BY shared_blks_hit + shared_blks_read DESC
"""
OFTEN = 400  # calls


@answer(
    questions=["sql-query-debug-optimization-basics"],
    claims={
        "c-002-indexes-optimize": {
            "verdict": "imprecise",
            "proof": "an index does not help a predicate that most rows meet",
            "truth": "An index helps a selective predicate that it matches, and costs every write; needless work is best left out.",
        },
    },
    breaks={
        "expression": {
            "what": "the predicate hides the column in an expression",
            "fails": ["an index on the predicate reads a tenth of the pages"],
        },
        "star": {
            "what": "SELECT * asks for columns that the index does not hold",
            "fails": ["naming the columns lets an index answer alone"],
        },
        "per_row": {
            "what": "the subquery stays correlated and runs for every row",
            "fails": ["repeated work is done once"],
        },
    },
    scratch=["schema"],
)
def query_tuning_basics():
    @task
    def copy_orders() -> None:
        from living_answers import samples

        with scratch.connect() as source, scratch.connect() as target:
            samples.ensure(source)
            target.execute("DROP TABLE IF EXISTS orders")
            target.execute("CREATE TABLE orders (LIKE sample.orders)")
            # FREEZE marks the pages as visible to all; VACUUM cannot while anybody's older transaction is open.
            out, into = "COPY sample.orders TO STDOUT", "COPY orders FROM STDIN (FREEZE)"
            with source.cursor().copy(out) as rows, target.cursor().copy(into) as table:
                for block in rows:
                    table.write(block)
            target.execute("CREATE INDEX by_customer ON orders (o_custkey, o_totalprice)")
            target.execute("CREATE INDEX by_price ON orders (o_totalprice)")
            target.execute("ANALYZE orders")

    @task
    def index_the_predicate(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            most = plans.explain(connection, MOST_ROWS)
            prove("an index does not help a predicate that most rows meet", observed=most.types, expected=["Seq Scan"])
            connection.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
            without = plans.explain(connection, ONE_CUSTOMER)
            connection.execute("RESET enable_indexscan; RESET enable_bitmapscan")
            found = plans.explain(connection, HIDDEN if params["break_it"] == "expression" else ONE_CUSTOMER)
        plans.show("one customer, without the index", without)
        plans.show("one customer", found)
        pages = [without.buffers, found.buffers]
        prove("an index on the predicate reads a tenth of the pages", observed=pages, expected=10, how="times_at_least")

    @task
    def read_only_what_is_needed(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            plain, distinct = plans.explain(connection, PLAIN), plans.explain(connection, DISTINCT)
            named = plans.explain(connection, STAR if params["break_it"] == "star" else COLUMNS)
        work = [plain.rows, len(plain.nodes) + 1]
        prove("a needless DISTINCT removes nothing", observed=[distinct.rows, len(distinct.nodes)], expected=work)
        plans.show("the columns that are needed", named)
        visits = [[node.type, node.details.get("Heap Fetches")] for node in named.nodes]
        prove("naming the columns lets an index answer alone", observed=visits, expected=[["Index Only Scan", 0]])

    @task
    def do_it_once(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        query = PER_ROW if params["break_it"] == "per_row" else ONCE
        with scratch.connect() as connection:
            plans.steady(connection)
            per_row, once = plans.explain(connection, PER_ROW), plans.explain(connection, query)
            rows, due = connection.execute(query).fetchall(), connection.execute(PER_ROW).fetchall()
        plans.show("for every row", per_row)
        plans.show("once", once)
        prove("both forms give the same rows", observed=rows, expected=due, how="rows", unit="rows")
        pages = [per_row.buffers, once.buffers]
        prove("repeated work is done once", observed=pages, expected=3, how="times_at_least")

    @task
    def rank_what_runs() -> None:
        run = scratch.name()  # an alias that only this run has: the statistics know tables by name, in all schemas
        with scratch.connect() as connection:
            connection.execute(f"SELECT COUNT(*) FROM orders AS {run} WHERE o_comment LIKE '%slow%'")  # noqa: S608
            often = f"SELECT COUNT(o_orderkey) FROM orders AS {run} WHERE o_custkey = %s"  # noqa: S608
            for customer in range(OFTEN):
                connection.execute(often, [customer + 1])
            connection.commit()
            ranked = connection.execute(RANKED, [f"%{run}%"]).fetchall()
        prove(
            "the statement with the most pages in all is ranked first",
            observed=[(name, calls) for name, calls, _ in ranked],
            expected=[("often", OFTEN), ("once", 1)],
        )

    copied = copy_orders()
    copied >> [index_the_predicate(), read_only_what_is_needed(), do_it_once(), rank_what_runs()]
