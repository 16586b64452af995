"""# How do you make queries on a large table fast?

**Say it.** Choose the tool by the query. A B-tree for a few rows by key, a BRIN or partitions for a range of an ordered column, a stored summary for
the same report again and again, one pass in place of several. Each has its price in space or in writes, and each leaves some other query as slow
as it was. Splitting a query into steps is for the reader, not for the planner.

**How it works.** One table of 600,000 events, three questions to it: A, one customer's total; B, the total of one month; C, a report of all months. Each tool
is applied alone, and all three questions are asked again. Pages read say what helped; bytes on disk and WAL bytes for a thousand new rows
say what it costs.

A B-tree on the customer finds A's rows and is of no use for B and C. A BRIN index keeps the smallest and the largest day for each block of pages: it is
tiny, and it helps B because the table lies in the order of time; for A it would be useless. Partitions by month let B read one of
them, and A all of them. The summary answers C from a dozen rows, until the next load. Three totals of three months by FILTER take one pass where
three queries take three.

A CTE used once is inlined: the condition outside reaches the index inside. Write MATERIALIZED, use it twice, or split it into a temporary
table, and the step is computed whole before anything is filtered.

**This run proves**
- *a B-tree serves one customer*, *a B-tree does not serve a month*, *partitions serve a month*, *partitions do not serve a customer*, *a BRIN index
  serves a month in few bytes*, *a summary serves the report*, *one pass replaces three*: pages before and after;
- *a BRIN index is a hundredth of a B-tree*: bytes on disk;
- *an index costs every write*: WAL of a thousand rows into the table with and without it;
- *a step that is inlined costs nothing*: a CTE against the query without it; *a step that is stored costs the whole table*: MATERIALIZED;
- *every tool gives the same totals*.

**Break it.** `shuffled`: the rows lie in no order of time, as after a careless backfill. `stored_step`: the step is MATERIALIZED.

**Where this stops.** 600,000 rows fit into memory here, so the proof is in pages and never in seconds. In a columnar warehouse the first tools are
others: sort or clustering keys, pruning by block statistics (BRIN's idea), fewer columns. The catalogue's wish for several million rows is not met:
the figures grow in proportion, the run's time too.

**Sources.** PostgreSQL: [BRIN](https://www.postgresql.org/docs/18/brin.html),
[partition pruning](https://www.postgresql.org/docs/18/ddl-partitioning.html#DDL-PARTITION-PRUNING),
[WITH queries and MATERIALIZED](https://www.postgresql.org/docs/18/queries-with.html#QUERIES-WITH-CTE-MATERIALIZATION),
[aggregate FILTER](https://www.postgresql.org/docs/18/sql-expressions.html#SYNTAX-AGGREGATES).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

CUSTOMER = "SELECT SUM(amount) FROM {table} WHERE customer = 4711"
MONTH = "SELECT SUM(amount) FROM {table} WHERE day >= DATE '2013-06-01' AND day < DATE '2013-07-01'"
REPORT = "SELECT DATE_TRUNC('month', day)::date, SUM(amount) FROM {table} GROUP BY 1"
TOGETHER = """
    SELECT
        SUM(amount) FILTER (WHERE day < DATE '2013-02-01'),
        SUM(amount) FILTER (WHERE day >= DATE '2013-02-01' AND day < DATE '2013-03-01'),
        SUM(amount) FILTER (WHERE day >= DATE '2013-12-01')
    FROM events
"""
ONE_BY_ONE = [
    "SELECT SUM(amount) FROM events WHERE day < DATE '2013-02-01'",
    "SELECT SUM(amount) FROM events WHERE day >= DATE '2013-02-01' AND day < DATE '2013-03-01'",
    "SELECT SUM(amount) FROM events WHERE day >= DATE '2013-12-01'",
]
STEP = """
    WITH by_customer AS {stored} (SELECT customer, amount FROM indexed)
    SELECT SUM(amount) FROM by_customer WHERE customer = 4711
"""
EVENTS = """
    CREATE TABLE events AS
    SELECT id, DATE '2013-01-01' + (id / 1650)::int AS day, (HASHINT4(id) & 16383) AS customer, id % 97 AS amount
    FROM GENERATE_SERIES(1, 600000) AS id
    ORDER BY {order}
"""
NEW_EVENTS = "SELECT -id, DATE '2013-12-31', HASHINT4(id) & 16383, 1 FROM GENERATE_SERIES(1, 1000) AS id"
TOOLS = """
    CREATE TABLE indexed AS TABLE events;
    CREATE INDEX by_customer ON indexed (customer);
    CREATE TABLE ranged AS TABLE events;
    CREATE INDEX by_day ON ranged USING brin (day) WITH (pages_per_range = 16);
    CREATE TABLE parted (LIKE events) PARTITION BY RANGE (day);
    SELECT FORMAT('CREATE TABLE parted_%s PARTITION OF parted FOR VALUES FROM (%L) TO (%L)',
        n, DATE '2012-12-01' + n * INTERVAL '1 month', DATE '2013-01-01' + n * INTERVAL '1 month')
    FROM GENERATE_SERIES(1, 13) AS n
"""


def pages(connection: Any, query: str, *tables: str) -> list[int]:
    """The pages that the query reads from each of the tables."""
    from living_answers import plans

    return [plans.explain(connection, query.format(table=table)).buffers for table in tables]


def wal_of_a_load(connection: Any, table: str) -> int:
    """The bytes of write-ahead log for a thousand more rows, which are taken back."""
    row = connection.execute(f"EXPLAIN (ANALYZE, WAL, FORMAT JSON) INSERT INTO {table} {NEW_EVENTS}").fetchone()
    connection.rollback()
    return row[0][0]["Plan"]["WAL Bytes"]


@answer(
    questions=["sql-optimize-large-datasets"],
    claims={
        "c-004-split-into-subqueries": {
            "verdict": "imprecise",
            "proof": "a step that is stored costs the whole table",
            "truth": "Steps help the reader. The planner flattens them, so nothing is won; a step that is materialised "
            "keeps conditions from reaching the table, and is slower.",
        },
    },
    breaks={
        "shuffled": {
            "what": "the rows lie in no order of time",
            "fails": ["a BRIN index serves a month in few bytes"],
        },
        "stored_step": {
            "what": "the step is MATERIALIZED",
            "fails": ["a step that is inlined costs nothing"],
        },
    },
    scratch=["schema"],
)
def large_table_toolbox():
    @task
    def make_the_table(params: dict[str, Any] | None = None) -> None:
        order = "HASHINT4(id)" if params["break_it"] == "shuffled" else "id"
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS events, indexed, ranged, parted, summary, bare, with_index")
            connection.execute(EVENTS.format(order=order))
            for statement in TOOLS.split(";"):
                made = connection.execute(statement)
            for (partition,) in made.fetchall():
                connection.execute(partition)
            connection.execute("INSERT INTO parted TABLE events")
            connection.execute(f"CREATE TABLE summary AS {REPORT.format(table='events')}")
            connection.execute("ANALYZE events, indexed, ranged, parted, summary")

    @task
    def ask_one_customer_and_one_month(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            plain, by_tree, by_part = pages(connection, CUSTOMER, "events", "indexed", "parted")
            names = ("events", "indexed", "parted")
            month = dict(zip(names, pages(connection, MONTH, *names), strict=True))
            plans.show("one month, partitioned", plans.explain(connection, MONTH.format(table="parted")))
            plans.show("one month, BRIN", brin := plans.explain(connection, MONTH.format(table="ranged")))
            size = connection.execute("SELECT PG_RELATION_SIZE('by_day'), PG_RELATION_SIZE('by_customer')").fetchone()
        prove("a B-tree serves one customer", observed=[plain, by_tree], expected=20, how="times_at_least")
        saved = [month["events"], month["indexed"]]
        prove("a B-tree does not serve a month", observed=saved, expected=1.05, how="times_at_most")
        prove("partitions do not serve a customer", observed=[plain, by_part], expected=1.05, how="times_at_most")
        saved = [month["events"], month["parted"]]
        prove("partitions serve a month", observed=saved, expected=8, how="times_at_least")
        prove("a BRIN index is a hundredth of a B-tree", observed=size[::-1], expected=100, how="times_at_least")
        saved = [month["events"], brin.buffers]
        prove("a BRIN index serves a month in few bytes", observed=saved, expected=8, how="times_at_least")

    @task
    def compute_once() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            report = plans.explain(connection, REPORT.format(table="events"))
            summary = plans.explain(connection, "SELECT * FROM summary")
            once = plans.explain(connection, TOGETHER)
            thrice = [plans.explain(connection, query) for query in ONE_BY_ONE]
            totals = connection.execute(TOGETHER).fetchone()
            due = tuple(connection.execute(query).fetchone()[0] for query in ONE_BY_ONE)
        saved = [report.buffers, summary.buffers]
        prove("a summary serves the report", observed=saved, expected=1000, how="times_at_least")
        prove("one pass gives the same totals", observed=totals, expected=due)
        saved = [sum(plan.buffers for plan in thrice), once.buffers]
        prove("one pass replaces three", observed=saved, expected=2.9, how="times_at_least")

    @task
    def split_into_steps(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            whole = plans.explain(connection, CUSTOMER.format(table="indexed"))
            stored = plans.explain(connection, STEP.format(stored="MATERIALIZED"))
            step = "MATERIALIZED" if params["break_it"] == "stored_step" else ""
            inlined = plans.explain(connection, STEP.format(stored=step))
        plans.show("a stored step", stored)
        saved = [stored.buffers, whole.buffers]
        prove("a step that is stored costs the whole table", observed=saved, expected=20, how="times_at_least")
        prove("a step that is inlined costs nothing", observed=inlined.buffers, expected=whole.buffers, unit="pages")

    @task
    def pay_for_it() -> None:
        tables = ("events", "indexed", "ranged", "parted")
        with scratch.connect() as connection:
            queries = [f"SELECT COUNT(*), SUM(amount), MAX(day) FROM {table}" for table in tables]  # noqa: S608
            totals = [connection.execute(query).fetchone() for query in queries]
            connection.execute("CREATE TABLE bare AS SELECT * FROM events LIMIT 50000")
            connection.execute("CREATE TABLE with_index AS TABLE bare")
            connection.execute("CREATE INDEX ON with_index (customer)")
            connection.commit()
            wal = [wal_of_a_load(connection, table) for table in ("with_index", "bare")]
        prove("every tool gives the same totals", observed=totals[1:], expected=totals[:1] * 3)
        prove("an index costs every write", observed=wal, expected=1.5, how="times_at_least", unit="bytes")

    made = make_the_table()
    made >> [ask_one_customer_and_one_month(), compute_once(), split_into_steps(), pay_for_it()]
