"""# When do you normalise a schema, and when do you denormalise it?

**Say it.** Where data is written, normalise: each fact stands once, so an update is one row and cannot half happen. Where it is read,
denormalise what is read together: fewer joins and lookups, at the price of rewriting copies. The normal form alone guards nothing:
foreign keys, checks and transactions do. Derive the wide form from the normal one.

**How it works.** The same orders stand in three tables (order, customer, nation) and in one wide table with the names repeated. A nation is
renamed: one row, or each of its orders. When the many are updated in batches and the work dies, the wide form holds two names for one
nation; the normal form has no room for two. Reading pays the other way: to show one order with its customer and nation takes an index walk
for each table, or a single one. For a *total* over all orders the wide form saves the joins but not the reading: in a row store its rows are
longer and it has more pages. In columns (Parquet) the repeated names shrink to a dictionary, smaller than the keys that a join would read.

**This run proves**
- *a rename is one row, or one for each order*: rows that the UPDATE changes in each form;
- *each nation has one name*: after a rename by batches that died;
- *one order with its names takes fewer pages from the wide form*: pages of the two plans;
- *a total needs no join in the wide form*, *yet the wide form is more pages to scan* and *both forms give the same totals*, against plain Python;
- *in columns the wide form is read in fewer bytes*: compressed bytes of the columns that the total needs, in three tables and in one;
- *the normal form alone takes an orphan* and *a foreign key refuses it*.

**Break it.** `wide_master`: the wide table is where names are maintained, and the rename by batches dies after the first.
`no_foreign_key`: the constraint is left out "because the schema is normalised".

**Where this stops.** A wide table may also be kept by the database: a materialised view, or a generated copy by triggers, each with its
delay or its write cost. Columnar engines join small dimensions cheaply, so that a star is often wide enough.
Codd's first paper has the normal form and what redundancy costs; the second and third came a year later, and forms beyond seldom matter.

**Sources.** [Codd, A Relational Model of Data for Large Shared Data Banks, 1970](https://doi.org/10.1145/362384.362685),
and *Further Normalization of the Data Base Relational Model*, 1971. PostgreSQL:
[constraints](https://www.postgresql.org/docs/18/ddl-constraints.html), [EXPLAIN](https://www.postgresql.org/docs/18/using-explain.html),
[materialised views](https://www.postgresql.org/docs/18/rules-materializedviews.html).
[Parquet's encodings](https://parquet.apache.org/docs/file-format/data-pages/encodings/).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, prove_raises, scratch

TABLES = Path(__file__).parent / "sql" / "normal_and_wide_tables.sql"
TOTALS = """
    SELECT n.name, SUM(o.amount)
    FROM orders AS o
    JOIN customer AS c USING (customer_id)
    JOIN nation AS n USING (nation_id)
    GROUP BY n.name
"""
NEEDED = {
    "orders": ("customer_id", "amount"),
    "customer": ("customer_id", "nation_id"),
    "nation": ("nation_id", "name"),
}
TOTALS_WIDE = "SELECT nation_name, SUM(amount) FROM orders_wide GROUP BY nation_name"
ONE = """
    SELECT o.order_id, o.amount, c.name, n.name
    FROM orders AS o
    JOIN customer AS c USING (customer_id)
    JOIN nation AS n USING (nation_id)
    WHERE o.order_id = 7
"""
ONE_WIDE = "SELECT order_id, amount, customer_name, nation_name FROM orders_wide WHERE order_id = 7"
NATION = 7
NAMES = """
    SELECT MAX(names) FROM (SELECT COUNT(DISTINCT name) AS names FROM nation GROUP BY nation_id) AS counted
"""
NAMES_WIDE = """
    SELECT MAX(names) FROM (SELECT COUNT(DISTINCT nation_name) AS names FROM orders_wide GROUP BY nation_id) AS counted
"""
ORPHAN = "INSERT INTO {} VALUES (-1, -1, '2013-01-01', 10)"


def rename(connection: Any, form: str, batch: str = "") -> int:
    """Give a nation another name; with ``batch``, only in the rows that the batch reached."""
    table, column = {"normal": ("nation", "name"), "wide": ("orders_wide", "nation_name")}[form]
    statement = f"UPDATE {table} SET {column} = 'Elbonia' WHERE nation_id = %s {batch}"  # noqa: S608 - our own names
    return connection.execute(statement, [NATION]).rowcount


def compressed(connection: Any, needed: dict[str, tuple[str, ...]]) -> int:
    """Bytes of some columns of some tables in Parquet: what a query that needs them reads."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    total = 0
    for table, names in needed.items():
        rows = connection.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()  # noqa: S608 - our own names
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), sink)
        group = pq.ParquetFile(pa.BufferReader(sink.getvalue())).metadata.row_group(0)
        total += sum(group.column(at).total_compressed_size for at in range(len(names)))
    return total


@answer(
    questions=["dw-normalization-vs-denormalization"],
    claims={
        "c-004-normalization-integrity": {
            "verdict": "imprecise",
            "proof": "the normal form alone takes an orphan",
            "truth": "Normalising removes redundancy, and with it update anomalies. Integrity is kept by declared constraints and transactions: "
            "a normalised schema without foreign keys takes an orphan.",
        },
        "c-004-denormalization-reads": {
            "verdict": "imprecise",
            "proof": "yet the wide form is more pages to scan",
            "truth": "It saves joins and lookups. In a row store its longer rows make a full scan read more pages; in a columnar store, which "
            "reads only the columns asked for, it does improve reads.",
        },
    },
    breaks={
        "wide_master": {
            "what": "names are maintained in the wide table, by batches",
            "fails": ["each nation has one name"],
        },
        "no_foreign_key": {"what": "the foreign key is left out", "fails": ["a foreign key refuses it"]},
    },
    scratch=["schema"],
)
def normal_and_wide():
    @task
    def build_both() -> None:
        from living_answers import samples

        with scratch.connect() as connection:
            samples.ensure(connection)
            connection.execute(TABLES.read_text())

    @task
    def read_both() -> None:
        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            names = dict(
                connection.execute(
                    "SELECT c_custkey, n_name FROM sample.customer, sample.nation WHERE c_nationkey = n_nationkey"
                )
            )
            due = Counter()
            for customer, amount in connection.execute("SELECT customer_id, amount FROM orders"):
                due[names[customer]] += amount
            totals = [connection.execute(query).fetchall() for query in (TOTALS, TOTALS_WIDE)]
            prove(
                "both forms give the same totals",
                observed=totals[0] + totals[1],
                expected=list(due.items()) * 2,
                how="rows",
            )
            one, one_wide, total, wide = (
                plans.explain(connection, query) for query in (ONE, ONE_WIDE, TOTALS, TOTALS_WIDE)
            )
            read = [compressed(connection, it) for it in (NEEDED, {"orders_wide": ("nation_name", "amount")})]
        for title, plan in {
            "one order, three tables": one,
            "totals, three tables": total,
            "totals, wide": wide,
        }.items():
            plans.show(title, plan)
        name = "one order with its names takes fewer pages from the wide form"
        prove(name, observed=[one.buffers, one_wide.buffers], expected=2, how="times_at_least", unit="pages")
        joins = [sum("Join" in name for name in plan.types) for plan in (total, wide)]
        prove("a total needs no join in the wide form", observed=joins, expected=[2, 0])
        pages = [wide.buffers, total.buffers]
        prove(
            "yet the wide form is more pages to scan", observed=pages, expected=1.2, how="times_at_least", unit="pages"
        )
        name = "in columns the wide form is read in fewer bytes"
        prove(name, observed=read, expected=1.2, how="times_at_least", unit="bytes")

    @task
    def write_both(params: dict[str, Any] | None = None) -> None:
        from psycopg.errors import ForeignKeyViolation

        with scratch.connect() as connection:
            due = connection.execute("SELECT COUNT(*) FROM orders_wide WHERE nation_id = %s", [NATION]).fetchone()[0]
            touched = [rename(connection, form) for form in ("normal", "wide")]
            connection.rollback()
            prove("a rename is one row, or one for each order", observed=touched, expected=[1, due], unit="rows")
            form, names = ("wide", NAMES_WIDE) if params["break_it"] == "wide_master" else ("normal", NAMES)
            rename(connection, form, batch="AND order_id <= 75000" if form == "wide" else "")
            most = connection.execute(names).fetchone()[0]
            prove("each nation has one name", observed=most, expected=1, unit="names at most")
            taken = connection.execute(ORPHAN.format("orders_unguarded")).rowcount
            prove("the normal form alone takes an orphan", observed=taken, expected=1, unit="orders of nobody")
            if params["break_it"] == "no_foreign_key":
                connection.execute("ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey")
            with prove_raises("a foreign key refuses it", ForeignKeyViolation):
                connection.execute(ORPHAN.format("orders"))
            connection.rollback()

    build_both() >> read_both() >> write_both()  # one after the other: they share the tables
