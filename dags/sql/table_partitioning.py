"""# How do you partition a table, and what does it not speed up?

**Say it.** Partition by what queries filter on and by what you delete by: mostly time, by range. A query with the key in its predicate reads one
partition; without it, all of them, and slower than before. The great gain is maintenance: an old year goes by DETACH and DROP, without
deleting rows; a new one is loaded aside and attached.

**How it works.** The parent holds no rows; each partition is a table with bounds. *Range* for time, *list* for a few known values, *hash* to spread evenly what
is only ever looked up by `=`. The planner compares the predicate with the bounds and leaves out what cannot match (pruning), while planning
for constants, while executing for parameters and subqueries. It needs the bare key: `EXTRACT(YEAR FROM date) = 1995` tells it nothing. ATTACH must know
that the rows fit: it scans the table under a lock, unless a CHECK constraint already says so. A row outside all bounds is an error, or lands in the
DEFAULT partition, where it is safe and in the way: a partition for its range cannot be made until it is moved. A unique key must contain
the partition key, since each partition has an index of its own and knows only itself.

**This run proves** on orders of seven years
- *with the key in the predicate one partition is read*: the year's, by the plan; *a subquery prunes while it runs*;
- *a list and a hash prune for one value*, and *a hash does not prune for a range*;
- *a function on the key reads every partition*; *without the key in the predicate every partition is read*: *it reads as many pages as one table*;
- *a lookup by another column asks every index*: seven index scans in place of one;
- *a unique key must contain the partition key*: the error;
- *dropping the oldest year logs a tenth of deleting it*: records in the session's own write-ahead log;
- *with a CHECK in place ATTACH does not scan*: PostgreSQL says so;
- *a row outside every range is refused*, *a row outside every range lands in the default*, and *the default then blocks its partition*.

**Break it.** `function_on_key`: the report asks for `EXTRACT(YEAR FROM o_orderdate) = 1995`. `delete_rows`: the oldest year is deleted by DELETE.

**Where this stops.** While the table fits in memory, partitioning mostly costs (the manual's rule of thumb). Hundreds of partitions are fine, many
thousands make planning slow. DELETE also leaves dead rows to VACUUM. DETACH CONCURRENTLY spares the lock on the parent, but not with a default
partition. Redshift has no partitions of its own tables: sort keys and zone maps there, partitions for Spectrum's files.

**Sources.** PostgreSQL: [table partitioning](https://www.postgresql.org/docs/18/ddl-partitioning.html), with
[pruning](https://www.postgresql.org/docs/18/ddl-partitioning.html#DDL-PARTITION-PRUNING) and
[best practices](https://www.postgresql.org/docs/18/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-BEST-PRACTICES);
[ALTER TABLE ATTACH PARTITION](https://www.postgresql.org/docs/18/sql-altertable.html#SQL-ALTERTABLE-ATTACH-PARTITION).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

YEARS = range(1992, 1999)
COLUMNS = "o_orderkey, o_custkey, o_orderdate, o_orderstatus, o_totalprice"
# TPC-H's orders, once in one table and three times in partitions.
TABLES = f"""
    DROP TABLE IF EXISTS plain, orders, by_status, by_customer, year_1999;
    CREATE TABLE plain AS SELECT {COLUMNS} FROM sample.orders;
    CREATE TABLE orders (LIKE plain) PARTITION BY RANGE (o_orderdate);
    CREATE TABLE by_status (LIKE plain) PARTITION BY LIST (o_orderstatus);
    CREATE TABLE by_status_done PARTITION OF by_status FOR VALUES IN ('F');
    CREATE TABLE by_status_open PARTITION OF by_status FOR VALUES IN ('O', 'P');
    CREATE TABLE by_customer (LIKE plain) PARTITION BY HASH (o_custkey);
"""  # noqa: S608
# From the first of January to the next: the upper bound does not belong to the year.
YEAR = "CREATE TABLE orders_{0} PARTITION OF orders FOR VALUES FROM ('{0}-01-01') TO ('{1}-01-01')"
BUCKET = "CREATE TABLE by_customer_{0} PARTITION OF by_customer FOR VALUES WITH (MODULUS 4, REMAINDER {0})"
QUERIES = {
    "range": "SELECT SUM(o_totalprice) FROM orders WHERE o_orderdate >= '1995-01-01' AND o_orderdate < '1996-01-01'",
    "function": "SELECT SUM(o_totalprice) FROM orders WHERE EXTRACT(YEAR FROM o_orderdate) = 1995",
    "subquery": "SELECT SUM(o_totalprice) FROM orders WHERE o_orderdate = (SELECT DATE '1995-06-01')",
    "list": "SELECT SUM(o_totalprice) FROM by_status WHERE o_orderstatus = 'P'",
    "hash": "SELECT SUM(o_totalprice) FROM by_customer WHERE o_custkey = 37",
    "hash, range": "SELECT SUM(o_totalprice) FROM by_customer WHERE o_custkey BETWEEN 37 AND 40",
    "no key": "SELECT SUM(o_totalprice) FROM orders WHERE o_totalprice > 300000",
    "no key, plain": "SELECT SUM(o_totalprice) FROM plain WHERE o_totalprice > 300000",
    "lookup": "SELECT * FROM orders WHERE o_orderkey = 4711",
}


def read(plan: Any) -> list[str]:
    """The partitions that were really read."""
    return sorted(node.relation for node in plan.nodes if node.relation and node.loops)


def logged(statement: str) -> int:
    """How many records of write-ahead log the statement makes, by its own session's counter.

    Not bytes: after a checkpoint, whoever is first to touch a page logs all of it.
    """
    with scratch.connect() as connection:
        connection.autocommit = True
        counter = "SELECT wal_records FROM PG_STAT_GET_BACKEND_WAL(PG_BACKEND_PID())"
        figures = []
        for sql in ("SELECT 1", statement):
            connection.execute(sql)
            connection.execute("SELECT PG_STAT_FORCE_NEXT_FLUSH()")
            figures.append(int(connection.execute(counter).fetchone()[0]))
    return figures[1] - figures[0]


@answer(
    questions=["sql-table-partitioning"],
    claims={
        "c-004-sql-partitioning": {
            "verdict": "imprecise",
            "proof": "without the key in the predicate every partition is read",
            "truth": "Partitioning speeds up queries whose predicate has the partition key, and the deletion of whole partitions; others read as much or more.",
        },
    },
    breaks={
        "function_on_key": {
            "what": "the report asks for EXTRACT(YEAR FROM o_orderdate) = 1995",
            "fails": ["with the key in the predicate one partition is read"],
        },
        "delete_rows": {
            "what": "the oldest year is deleted row by row",
            "fails": ["dropping the oldest year logs a tenth of deleting it"],
        },
    },
    scratch=["schema"],
)
def table_partitioning():
    @task
    def split_by_year() -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(TABLES)
            for year in YEARS:
                connection.execute(YEAR.format(year, year + 1))
            for bucket in range(4):
                connection.execute(BUCKET.format(bucket))
            for table in ("orders", "by_status", "by_customer"):
                connection.execute(f"INSERT INTO {table} SELECT * FROM plain")  # noqa: S608
            connection.execute("CREATE INDEX ON orders (o_orderkey)")  # one for each partition
            connection.execute("ANALYZE plain, orders, by_status, by_customer")

    @task
    def prune(params: dict[str, Any] | None = None) -> None:
        import psycopg

        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            found = {name: plans.explain(connection, query) for name, query in QUERIES.items()}
            error = psycopg.errors.FeatureNotSupported
            with prove_raises("a unique key must contain the partition key", error), connection.transaction():
                connection.execute("ALTER TABLE orders ADD PRIMARY KEY (o_orderkey)")
            bucket = "SELECT DISTINCT tableoid::regclass::text FROM by_customer WHERE o_custkey = 37"
            expected = {"list": ["by_status_open"], "hash": [connection.execute(bucket).fetchone()[0]]}
        for name in ("range", "function", "no key"):
            plans.show(f"{name}: {QUERIES[name]}", found[name])
        everyone = [f"orders_{year}" for year in YEARS]
        prove("a function on the key reads every partition", observed=read(found["function"]), expected=everyone)
        prove(
            "without the key in the predicate every partition is read",
            observed=read(found["no key"]),
            expected=everyone,
        )
        pages = [found["no key"].buffers, found["no key, plain"].buffers]
        prove("it reads as many pages as one table", observed=pages, expected=0.95, how="times_at_least", unit="pages")
        prove("a lookup by another column asks every index", observed=read(found["lookup"]), expected=everyone)
        prove("a subquery prunes while it runs", observed=read(found["subquery"]), expected=["orders_1995"])
        one = {name: read(found[name]) for name in expected}
        prove("a list and a hash prune for one value", observed=one, expected=expected)
        buckets = [f"by_customer_{bucket}" for bucket in range(4)]
        prove("a hash does not prune for a range", observed=read(found["hash, range"]), expected=buckets)
        report = found["function" if params["break_it"] == "function_on_key" else "range"]
        prove("with the key in the predicate one partition is read", observed=read(report), expected=["orders_1995"])

    @task
    def drop_the_oldest_year(params: dict[str, Any] | None = None) -> None:
        deleted = logged("DELETE FROM plain WHERE o_orderdate < '1993-01-01'")
        naive = params["break_it"] == "delete_rows"
        dropped = logged("DELETE FROM orders WHERE o_orderdate < '1993-01-01'" if naive else "DROP TABLE orders_1992")
        pair = [deleted, dropped]
        prove("dropping the oldest year logs a tenth of deleting it", observed=pair, expected=10, how="times_at_least")

    @task
    def attach_the_next_year() -> None:
        import psycopg

        said: list[str] = []
        order = "INSERT INTO orders VALUES (-1, 37, '{}', 'O', 10.00)"
        violation = psycopg.errors.CheckViolation
        with scratch.connect() as connection:
            connection.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
            connection.execute(
                "CREATE TABLE year_1999 (LIKE plain); ALTER TABLE year_1999 ALTER o_orderdate SET NOT NULL"
            )
            bounds = "CHECK (o_orderdate >= '1999-01-01' AND o_orderdate < '2000-01-01')"
            connection.execute(f"ALTER TABLE year_1999 ADD CONSTRAINT in_1999 {bounds}")
            connection.execute("SET LOCAL client_min_messages = debug1")
            bounds = "FOR VALUES FROM ('1999-01-01') TO ('2000-01-01')"
            connection.execute(f"ALTER TABLE orders ATTACH PARTITION year_1999 {bounds}")
            connection.execute("SET LOCAL client_min_messages = notice")
            implied = [text for text in said if "implied by existing constraints" in text]
            prove("with a CHECK in place ATTACH does not scan", observed=len(implied), expected=1, unit="messages")
            with prove_raises("a row outside every range is refused", violation), connection.transaction():
                connection.execute(order.format("2001-05-05"))
            connection.execute("CREATE TABLE orders_other PARTITION OF orders DEFAULT")
            connection.execute(order.format("2001-05-05"))
            home = connection.execute("SELECT tableoid::regclass::text FROM orders WHERE o_orderkey = -1").fetchone()[0]
            prove("a row outside every range lands in the default", observed=home, expected="orders_other")
            with prove_raises("the default then blocks its partition", violation), connection.transaction():
                connection.execute(YEAR.format(2001, 2002))

    split = split_by_year()
    split >> prune() >> [drop_the_oldest_year(), attach_the_next_year()]
