"""# OLTP and OLAP: what is the difference, and where does each belong?

**Say it.** OLTP is many small transactions at once, each on a few rows found by key: orders, payments. It wants rows, indexes and locks of rows.
OLAP is few queries over many rows and few columns: totals by month. It wants columns, compressed and scanned. Run both on one system only while
it is small; then copy.

**How it works.** The same orders stand in PostgreSQL (rows of all columns side by side, in pages of 8 kB, with an index) and in Parquet (each column
by itself, compressed, read by pyarrow). A row by key is an index walk and one page; in a Parquet file, nothing can be changed in place: the
file is written anew. A total over two columns has to read every page of the row store, and of the Parquet file those two columns only. And the two
hurt each other: a long report keeps its snapshot, and all row versions that the transactions have replaced since must be kept for it.

**This run proves**
- *both give the same totals*: by PostgreSQL and from Parquet, against plain Python;
- *a total reads fewer bytes in columns*: pages that PostgreSQL asked for, against bytes that came through the file handle;
- *one row is changed in a few pages*, *in columns by rewriting the file*: bytes touched by the UPDATE against those of the file, written again with the change;
- *two clients change two rows at once*: neither waits for the other; one rolls back, and only its change is gone;
- *a long report keeps dead rows*: versions that VACUUM says it may not remove while the report's transaction is open; *they go when it ends*.

**Break it.** `select_star`: the report reads all columns, so columns save little. `no_index`: the row store has no key to find the row by.

**Where this stops.** Bytes and pages, not seconds; those follow the disk. PostgreSQL's pages are counted as asked for, whether from memory or
disk. Table formats (Delta, Iceberg) can mark rows as deleted in place of rewriting the file, and merge later. Systems that hold both rows and columns
(HTAP) exist. "Frequent reads and writes" is not the mark of OLTP: a warehouse may load all day; small concurrent transactions are.

**Sources.** PostgreSQL: [page layout](https://www.postgresql.org/docs/18/storage-page-layout.html),
[routine vacuuming](https://www.postgresql.org/docs/18/routine-vacuuming.html). [Parquet's file format](https://parquet.apache.org/docs/file-format/).
[Abadi, Madden, Hachem, Column-stores vs. row-stores, SIGMOD 2008](https://doi.org/10.1145/1376616.1376712). Redshift:
[columnar storage](https://docs.aws.amazon.com/redshift/latest/dg/c_columnar_storage_disk_mem_mgmnt.html).
"""

from __future__ import annotations

import io
from collections import Counter
from time import sleep
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

PAGE = 8192
TABLE = """
    DROP TABLE IF EXISTS orders;
    CREATE TABLE orders AS SELECT * FROM sample.orders;
    ALTER TABLE orders ADD PRIMARY KEY (o_orderkey)
"""
TOTALS = "SELECT o_orderpriority, SUM(o_totalprice) FROM orders GROUP BY o_orderpriority"
RAISE = "UPDATE orders SET o_totalprice = o_totalprice + %s WHERE o_orderkey = %s"


class CountingFile(io.BytesIO):
    """A file that counts the bytes that are read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        body = super().read(size)
        self.bytes_read += len(body)
        return body


def as_parquet(connection: Any) -> bytes:
    """All orders as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cursor = connection.execute("SELECT * FROM orders ORDER BY o_orderkey")
    names = [column.name for column in cursor.description]
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(zip(names, zip(*cursor.fetchall(), strict=True), strict=True))), sink)
    return sink.getvalue()


def totals_from(file: CountingFile, columns: list[str] | None) -> list[Any]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file, pre_buffer=False).read(columns)
    sums = table.group_by("o_orderpriority").aggregate([("o_totalprice", "sum")]).to_pylist()
    return [(row["o_orderpriority"], row["o_totalprice_sum"]) for row in sums]


def dead_rows_kept(connection: Any) -> int:
    """VACUUM the orders; return how many dead versions of their rows it says that somebody may still see."""
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    connection.execute("VACUUM (VERBOSE) orders")
    return int(" ".join(notices).split("tuples: ")[1].split(" remain, ")[1].split()[0])


@answer(
    questions=["dw-oltp-vs-olap"],
    claims={
        "c-004-oltp-def": {
            "verdict": "imprecise",
            "proof": "two clients change two rows at once",
            "truth": "OLTP is many small concurrent transactions, each on few rows found by key. How often is read and written is not the mark.",
        },
        "c-004-olap-def": {
            "verdict": "holds",
            "proof": "a total reads fewer bytes in columns",
            "truth": "OLAP reads many rows and few columns, for which columnar storage reads a fraction of the bytes.",
        },
    },
    breaks={
        "select_star": {"what": "the report reads all columns", "fails": ["a total reads fewer bytes in columns"]},
        "no_index": {"what": "the row store has no index", "fails": ["one row is changed in a few pages"]},
    },
    scratch=["schema"],
)
def transactional_and_analytical():
    @task
    def total_the_orders(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans, samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(TABLE)
            connection.execute("ANALYZE orders")
            plans.steady(connection)
            due = Counter()
            for priority, price in connection.execute("SELECT o_orderpriority, o_totalprice FROM sample.orders"):
                due[priority] += price
            file = CountingFile(as_parquet(connection))
            everything = params["break_it"] == "select_star"
            columns = None if everything else ["o_orderpriority", "o_totalprice"]
            totals = totals_from(file, columns) + connection.execute(TOTALS).fetchall()
            plan = plans.explain(connection, TOTALS)
        plans.show("a total in the row store", plan)
        prove("both give the same totals", observed=totals, expected=list(due.items()) * 2, how="rows")
        read = [plan.buffers * PAGE, file.bytes_read]
        prove("a total reads fewer bytes in columns", observed=read, expected=5, how="times_at_least", unit="bytes")

    @task
    def change_one_order(params: dict[str, Any] | None = None) -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            if params["break_it"] == "no_index":
                connection.execute("ALTER TABLE orders DROP CONSTRAINT orders_pkey")
            plan = plans.explain(connection, RAISE, [1, 7])
            written = len(as_parquet(connection))
            connection.rollback()
        plans.show("one order is changed", plan)
        prove("one row is changed in a few pages", observed=plan.buffers, expected=20, how="at_most", unit="pages")
        touched = [written, plan.buffers * PAGE]
        prove("in columns by rewriting the file", observed=touched, expected=5, how="times_at_least", unit="bytes")

    @task
    def work_side_by_side() -> None:
        with scratch.connect() as one, scratch.connect() as other, scratch.connect() as report:
            for client in (one, other):
                client.execute("SET lock_timeout = '5s'")
            price = "SELECT o_orderkey, o_totalprice FROM orders WHERE o_orderkey IN (1, 2)"
            report.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            before = dict(report.execute(price).fetchall())
            one.execute(RAISE, [10, 1])
            other.execute(RAISE, [20, 2])
            one.commit()
            other.rollback()
            after = dict(other.execute(price).fetchall())
            other.commit()
            prove("two clients change two rows at once", observed=after, expected=before | {1: before[1] + 10})
            other.autocommit = True
            kept = dead_rows_kept(other)
            prove("a long report keeps dead rows", observed=kept, expected=1, how="at_least", unit="row versions")
            report.commit()
            for _ in range(240):  # what others run in this database may hold an older snapshot, for two minutes at most
                if (kept := dead_rows_kept(other)) == 0:
                    break
                sleep(0.5)
            prove("they go when it ends", observed=kept, expected=0, unit="row versions")

    total_the_orders() >> change_one_order() >> work_side_by_side()
