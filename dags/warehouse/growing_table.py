"""# How does a data model hold up as volume grows, by partitioning and indexing?

**Say it.** Partition by what the queries and the retention cut by, usually the day, and index what they look up within it. Then a day's query
reads that day's partition, however many days there are. A query without the key gets slower with volume all the same, and each index makes
writing dearer. So the access pattern comes first.

**How it works.** Events are kept twice: in a plain table without indexes, and in one partitioned by day with an index on the customer. History
grows from 10 days to 100, the day stays as large as it was. From the predicate on the key the planner knows which partitions can hold rows, and
leaves the others out of the plan (*pruning*); in one partition, the index finds the customer. Nothing of this helps a query without the
day: it visits every partition, at best by the index of each. Old days leave by DROP of their partition, which reads and deletes no row.

**This run proves**
- *a day costs the same at ten times the volume*: pages that the partitioned table reads for one customer's day at 10 and 100 days;
- *the plain table costs in proportion*: the same query there;
- *only the day's partition is in the plan*: tables that the plan reads;
- *both tables give the same rows*: against plain Python over the generator's formula;
- *a query without the key visits every partition* and *a query by another column costs in proportion*: one customer on all days; a column that
  has no index;
- *an index makes writing dearer*: pages asked for by the same INSERT with the index and without.

**Break it.** `function_on_key`: the query compares a function of the key, `to_char(at, …)`, which the planner cannot prune by.
`no_partitions`: the table that is said to be partitioned is a plain one.

**Where this stops.** Volume is days here; a day that grows itself needs a finer key, or more machines: partitions in one PostgreSQL share its
disk. Planning time and memory (neither is counted here) grow with the partitions that a query leaves in its plan; some thousand
are well where most are pruned. In warehouses the same is done by sort keys, clustering and the statistics of files, and how
rows are distributed over nodes matters more; Redshift has no indexes. Unique constraints must contain the partition key.

**Sources.** PostgreSQL: [table partitioning](https://www.postgresql.org/docs/18/ddl-partitioning.html),
[partition pruning](https://www.postgresql.org/docs/18/ddl-partitioning.html#DDL-PARTITION-PRUNING),
[indexes](https://www.postgresql.org/docs/18/indexes-intro.html). Redshift:
[sort keys](https://docs.aws.amazon.com/redshift/latest/dg/t_Sorting_data.html),
[what it has not of PostgreSQL](https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SMALL, LARGE, PER_DAY, CUSTOMERS = 10, 100, 1000, 50
COLUMNS = "at timestamp NOT NULL, customer_id int NOT NULL, kind text NOT NULL, amount int NOT NULL"
# Event n of day d: at second n of the day, by customer (7n + d) modulo 50.
ROWS = f"""
    SELECT
        DATE '2013-01-01' + day + event * INTERVAL '1 second', (event * 7 + day) %% {CUSTOMERS},
        'kind ' || event %% 97, event %% 100
    FROM GENERATE_SERIES(%s::int, %s::int) AS day, GENERATE_SERIES(0, {PER_DAY} - 1) AS event
"""  # noqa: S608 - two constants of this file
ON_A_DAY = "SELECT * FROM {} WHERE at >= DATE '2013-01-03' AND at < DATE '2013-01-04' AND customer_id = 7"
FUNCTION_ON_KEY = "SELECT * FROM {} WHERE TO_CHAR(at, 'YYYY-MM-DD') = '2013-01-03' AND customer_id = 7"
ALL_DAYS = "SELECT * FROM {} WHERE customer_id = 7"
BY_KIND = "SELECT * FROM {} WHERE kind = 'kind 7'"


def create(connection: Any, *, partitioned: bool) -> None:
    """Make an empty table of each kind; of the partitioned one, a partition for each day."""
    connection.execute("DROP TABLE IF EXISTS plain, events")
    connection.execute(f"CREATE TABLE plain ({COLUMNS})")
    if partitioned:
        connection.execute(f"CREATE TABLE events ({COLUMNS}) PARTITION BY RANGE (at)")
        for day in range(LARGE):
            bounds = f"FROM (DATE '2013-01-01' + {day}) TO (DATE '2013-01-01' + {day + 1})"
            connection.execute(f"CREATE TABLE events_{day} PARTITION OF events FOR VALUES {bounds}")
        connection.execute("CREATE INDEX ON events (customer_id)")
    else:
        connection.execute(f"CREATE TABLE events ({COLUMNS})")


def measure(connection: Any, queries: dict[str, str]) -> dict[str, Any]:
    from living_answers import plans

    connection.execute("ANALYZE plain, events")
    found = {name: plans.explain(connection, query) for name, query in queries.items()}
    for name in ("a day, partitioned", "a day, plain"):
        plans.show(name, found[name])
    return found


@answer(
    questions=["dw-model-scalability-partition-index"],
    claims={
        "c-004-model-partition-index-scale": {
            "verdict": "imprecise",
            "proof": "a query by another column costs in proportion",
            "truth": "It scales for queries on the partition key or an indexed column. Others cost in proportion to the volume as before, writes "
            "get dearer, and at a warehouse's scale grain and distribution matter more.",
        }
    },
    breaks={
        "function_on_key": {
            "what": "the query compares a function of the partition key",
            "fails": ["only the day's partition is in the plan", "a day costs the same at ten times the volume"],
        },
        "no_partitions": {
            "what": "the table has neither partitions nor index",
            "fails": ["a query without the key visits every partition", "a day costs the same at ten times the volume"],
        },
    },
    scratch=["schema"],
)
def growing_table():
    @task
    def grow_ten_times(params: dict[str, Any] | None = None) -> dict[str, Any]:
        from living_answers import plans

        day = FUNCTION_ON_KEY if params["break_it"] == "function_on_key" else ON_A_DAY
        queries = {
            f"a day, {name}": day.format(table) for name, table in (("partitioned", "events"), ("plain", "plain"))
        }
        queries |= {"all days": ALL_DAYS.format("events"), "by kind": BY_KIND.format("events")}
        with scratch.connect() as connection:
            plans.steady(connection)
            create(connection, partitioned=params["break_it"] != "no_partitions")
            pages: dict[str, list[int]] = {name: [] for name in queries}
            for first, last in ((0, SMALL - 1), (SMALL, LARGE - 1)):
                for table in ("plain", "events"):
                    connection.execute(f"INSERT INTO {table} {ROWS}", [first, last])
                found = measure(connection, queries)
                for name, plan in found.items():
                    pages[name].insert(0, plan.buffers)
            read = {name: len({node.relation for node in plan.nodes if node.relation}) for name, plan in found.items()}
            rows = [connection.execute(queries[name]).fetchall() for name in ("a day, partitioned", "a day, plain")]
        due = [event for event in range(PER_DAY) if (event * 7 + 2) % CUSTOMERS == 7]
        seen = [[row[0].hour * 3600 + row[0].minute * 60 + row[0].second for row in sorted(found)] for found in rows]
        prove("both tables give the same rows", observed=seen, expected=[due, due])
        return {"pages": pages, "read": read}

    @task
    def read_one_day(found: dict[str, Any]) -> None:
        prove(
            "the plain table costs in proportion",
            observed=found["pages"]["a day, plain"],
            expected=5,
            how="times_at_least",
        )
        pages = found["pages"]["a day, partitioned"]
        prove(
            "a day costs the same at ten times the volume",
            observed=pages,
            expected=2,
            how="times_at_most",
            unit="pages",
        )

    @task
    def look_at_the_plan(found: dict[str, Any]) -> None:
        prove(
            "only the day's partition is in the plan",
            observed=found["read"]["a day, partitioned"],
            expected=1,
            unit="tables",
        )
        prove("a query without the key visits every partition", observed=found["read"]["all days"], expected=LARGE)
        pages = found["pages"]["by kind"]
        prove(
            "a query by another column costs in proportion",
            observed=pages,
            expected=5,
            how="times_at_least",
            unit="pages",
        )

    @task
    def pay_for_the_index() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            connection.execute(
                f"DROP TABLE IF EXISTS bare, indexed; CREATE TABLE bare ({COLUMNS}); CREATE TABLE indexed ({COLUMNS})"
            )
            connection.execute("CREATE INDEX ON indexed (customer_id)")
            bare, indexed = (
                plans.explain(connection, f"INSERT INTO {table} {ROWS}", [0, 0]) for table in ("bare", "indexed")
            )
        pages = [indexed.buffers, bare.buffers]
        prove("an index makes writing dearer", observed=pages, expected=1.5, how="times_at_least", unit="pages")

    build = grow_ten_times()
    read_one_day(build)
    look_at_the_plan(build)
    pay_for_the_index()
