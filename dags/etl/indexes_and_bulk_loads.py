"""# Do indexes make an ETL job faster?

**Say it.** They make lookups faster: a few rows out of many. A transformation that reads most of a table scans it anyway, index or not,
and the load pays for every index, row by row. So load first, index afterwards, and keep only the indexes that some query uses.

**How it works.** A B-tree finds a key in a handful of pages, where a scan reads them all. But for a sum over everything there is
nothing to skip: the planner leaves the index alone, and reads the same pages as without it. Each index is also a second copy of its
column, kept in order: an INSERT into a table with three indexes writes four places, and logs each. Built after the load, an index is
sorted once and written page by page. The proofs count pages and log records, by `EXPLAIN (ANALYZE, BUFFERS, WAL)` and by the
session's own counters, so that they come out alike on a slow and on a busy machine.

**This run proves**
- *an index spares a lookup its scan*: pages read for one row, with and without;
- *an index does not help a scan of everything*: pages read for a sum by carrier, with and without;
- *indexes make the load write more*: log records of the same INSERT into a bare table and one with three indexes;
- *loading first and indexing afterwards logs less*: load and index together, in either order.

**Break it.** `function_on_column`: the lookup compares `lower(plane)`, which the index does not hold; it scans. `index_first`: the indexes
that were to come after the load are there before it.

**Where this stops.** Twenty thousand rows, all in memory: figures in pages carry over, times do not. A join of a few rows with a big table does
use an index; a join of two big tables is a hash join over two scans. An index that covers all columns of a query can be scanned in
the table's place. On the notes' advice: leaving out joins that nobody reads always helps (see `etl_optimisation`); indexing depends
on what is asked. Redshift has no such indexes: sort keys with zone maps skip blocks, and VACUUM or automatic sorting pays for them.

**Sources.** PostgreSQL: [populating a database](https://www.postgresql.org/docs/18/populate.html),
[EXPLAIN](https://www.postgresql.org/docs/18/sql-explain.html),
[indexes on expressions](https://www.postgresql.org/docs/18/indexes-expressional.html),
[examining index usage](https://www.postgresql.org/docs/18/indexes-examine.html). Redshift:
[sort keys](https://docs.aws.amazon.com/redshift/latest/dg/t_Sorting_data.html).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SQL = Path(__file__).parent / "sql"
INDEXED = ("id", "plane", "carrier")


# Run a query and return what it cost: the plan with its counters.
def explain(connection: Any, query: str) -> dict[str, Any]:
    plan = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, WAL, FORMAT JSON) {query}").fetchone()
    return plan[0][0]["Plan"]


def pages(connection: Any, query: str) -> int:
    plan = explain(connection, query)
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


# The records that this session alone has written to the write-ahead log.
def logged(connection: Any) -> int:
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()
    return connection.execute("SELECT wal_records FROM pg_stat_get_backend_wal(pg_backend_pid())").fetchone()[0]


@answer(
    questions=["etl-optimization-case"],
    claims={
        "c-004-indexing-joins": {
            "verdict": "imprecise",
            "proof": "an index does not help a scan of everything",
            "truth": "An index helps lookups, not bulk scans, and slows the load. Leaving out joins nobody reads does help.",
        },
    },
    breaks={
        "function_on_column": {
            "what": "the lookup wraps the indexed column in a function",
            "fails": ["an index spares a lookup its scan"],
        },
        "index_first": {
            "what": "the indexes are made before the load instead of after it",
            "fails": ["loading first and indexing afterwards logs less"],
        },
    },
    scratch=["schema"],
)
def indexes_and_bulk_loads():
    @task
    def load_with_and_without() -> dict[str, int]:
        with scratch.connect() as connection:
            connection.execute((SQL / "indexes_and_bulk_loads_tables.sql").read_text())
            records = {
                table: explain(connection, f"INSERT INTO {table} SELECT * FROM source")["WAL Records"]  # noqa: S608
                for table in ("bare", "indexed_first")
            }
        with scratch.connect() as connection:
            connection.execute("ANALYZE bare, indexed_first")
        double = 2 * records["bare"]
        prove("indexes make the load write more", observed=records["indexed_first"], expected=double, how="at_least")
        return records

    @task
    def load_then_index(records: dict[str, int], params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            before = logged(connection)
            load = ["INSERT INTO indexed_after SELECT * FROM source"]
            index = [f"CREATE INDEX ON indexed_after ({column})" for column in INDEXED]
            for statement in index + load if params["break_it"] == "index_first" else load + index:
                connection.execute(statement)
            both = logged(connection) - before
        half = records["indexed_first"] // 2
        prove("loading first and indexing afterwards logs less", observed=both, expected=half, how="at_most")

    @task
    def look_up_one(params: dict[str, Any] | None = None) -> None:
        column = "lower(plane)" if params["break_it"] == "function_on_column" else "plane"
        with scratch.connect() as connection:
            slow, fast = (
                pages(connection, f"SELECT * FROM {table} WHERE {column} = md5('777')")  # noqa: S608
                for table in ("bare", "indexed_first")
            )
        prove("an index spares a lookup its scan", observed=fast, expected=slow // 10, how="at_most", unit="pages")

    @task
    def sum_everything() -> None:
        with scratch.connect() as connection:
            bare, indexed = (
                pages(connection, f"SELECT carrier, SUM(delay) FROM {table} GROUP BY carrier")  # noqa: S608
                for table in ("bare", "indexed_first")
            )
        prove("an index does not help a scan of everything", observed=indexed, expected=bare, unit="pages")

    records = load_with_and_without()
    records >> [load_then_index(records), look_up_one(), sum_everything()]
