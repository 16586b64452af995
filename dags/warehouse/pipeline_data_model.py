"""# How do you design the data model of a large pipeline, from raw to served?

**Say it.** State the grain of each table first. Keep raw as it came; give facts the keys of dimensions, and dimensions a history with half-open intervals.
Partition facts by what queries and retention cut by. Each row carries its batch, for lineage. Then check the model after every load: grain,
references, history without gaps.

**How it works.** `raw` holds each record as JSONB with its batch: whatever fields come, their values are kept, and everything behind it can be rebuilt. `dim_customer` keeps a row for each
*version* of a customer (type 2): when the segment changes, the open version is closed at the moment at which the new one begins, and the new one gets a
key of its own. `fact_order` has one row for an order; it points to the version that was valid on the order's day, so last year's report does not
change when a customer moves. It is partitioned by month, and refuses a customer key that does not exist.

The document of the model is not drawn by hand: it is read from the database's own catalogue, where every table and column has a comment, so
it cannot be older than the tables.

**This run proves**, after two loads and a replay of both:
- *one row for each order*: the grain; *every raw order has its fact*;
- *history has neither gaps nor overlaps*: each version ends where the next begins, and one is open;
- *each order sees the customer as he was then*: revenue by segment, against a loop over the raw records;
- *a fact without its customer is refused*: by the foreign key;
- *the replay changes nothing*: all rows of both tables before and after;
- *a month costs the same with ten times the history*: pages of its query;
- *every table and column is documented*: from the catalogue; the document is in the task's log.

**Break it.** `overwrite`: the dimension keeps only the latest segment (type 1). `closed_a_day_early`: a version ends on the day before the next begins, as
one does with BETWEEN, but the lookup is half-open.

**Where this stops.** PostgreSQL stands for the warehouse: Redshift, BigQuery and Snowflake's standard tables accept the keys and do not enforce them, so there the checks after the load are
all there is. A change that arrives late (dated before the open version's start) is left out here, and so is the replay of an old batch: to take it in, split the old version.
JSONB keeps values, not bytes (white space, the order of keys and doubled keys are gone): where those matter, keep the file. Very wide or nested data stays in
JSONB until a report needs a column of it.

**Sources.** Kimball Group: [grain](https://www.kimballgroup.com/data-warehouse-business-intelligence-resources/kimball-techniques/dimensional-modeling-techniques/grain/),
[type 2](https://www.kimballgroup.com/data-warehouse-business-intelligence-resources/kimball-techniques/dimensional-modeling-techniques/type-2/). PostgreSQL:
[JSON types](https://www.postgresql.org/docs/18/datatype-json.html), [partitioning](https://www.postgresql.org/docs/18/ddl-partitioning.html),
[COMMENT](https://www.postgresql.org/docs/18/sql-comment.html). Redshift:
[constraints](https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html). Snowflake:
[constraints](https://docs.snowflake.com/en/sql-reference/constraints-overview).
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

SQL = Path(__file__).parent / "sql"
HISTORY = (SQL / "pipeline_data_model_customers.sql").read_text()
FACTS = (SQL / "pipeline_data_model_orders.sql").read_text()
TABLES = (SQL / "pipeline_data_model_tables.sql").read_text()
OVERWRITE = """
    INSERT INTO dim_customer (customer_id, segment, valid_from, batch)
    SELECT record ->> 'customer', record ->> 'segment', (record ->> 'since')::date, batch
    FROM raw WHERE kind = 'customer' AND batch = %(batch)s
    ON CONFLICT (customer_id) WHERE valid_to = 'infinity' DO UPDATE SET segment = excluded.segment
"""
WRONG_HISTORY = """
    SELECT COUNT(*)
    FROM (
        SELECT valid_to, LEAD(valid_from, 1, 'infinity') OVER (PARTITION BY customer_id ORDER BY valid_from) AS next_from
        FROM dim_customer
    ) AS versions
    WHERE valid_to <> next_from
"""
BY_SEGMENT = "SELECT segment, SUM(amount) FROM fact_order JOIN dim_customer USING (customer_key) GROUP BY segment"
ONE_MONTH = (
    "SELECT SUM(amount) FROM fact_order WHERE ordered_on >= DATE '2013-02-01' AND ordered_on < DATE '2013-03-01'"
)
DOCUMENT = """
    SELECT c.relname, COALESCE(a.attname, ''), COL_DESCRIPTION(c.oid, a.attnum), OBJ_DESCRIPTION(c.oid, 'pg_class')
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.oid IN ('raw'::regclass, 'dim_customer'::regclass, 'fact_order'::regclass)
    ORDER BY c.relname, a.attnum
"""


def load(connection: Any, batch: int, break_it: str | None) -> None:
    """Bring a batch from raw into the dimension and the facts, in one transaction."""
    early = 1 if break_it == "closed_a_day_early" else 0
    if break_it == "overwrite":
        connection.execute(OVERWRITE, {"batch": batch})
    else:
        for statement in HISTORY.split(";"):
            connection.execute(statement, {"batch": batch, "early": early})
    connection.execute(FACTS, {"batch": batch})
    connection.commit()


def rows(connection: Any) -> list[Any]:
    """All rows of both tables."""
    queries = ("SELECT dim_customer::text FROM dim_customer", "SELECT fact_order::text FROM fact_order")
    return [row for query in queries for row in connection.execute(query)]


def as_they_were(connection: Any) -> list[Any]:
    """Revenue by segment by a loop: for each order, the last change of its customer on or before its day."""
    records = [record for (record,) in connection.execute("SELECT record FROM raw")]
    changes = sorted((r["since"], r["customer"], r["segment"]) for r in records if "segment" in r)
    revenue: Counter[str] = Counter()
    for order in (r for r in records if "order" in r):
        known = [s for since, customer, s in changes if customer == order["customer"] and since <= order["day"]]
        revenue[known[-1]] += order["amount"]
    return list(revenue.items())


@answer(
    questions=["dw-data-model-large-pipeline"],
    breaks={
        "overwrite": {
            "what": "the dimension keeps only the latest segment of a customer",
            "fails": ["each order sees the customer as he was then"],
        },
        "closed_a_day_early": {
            "what": "a version ends on the day before the next one begins",
            "fails": [
                "history has neither gaps nor overlaps",
                "every raw order has its fact",
                "each order sees the customer as he was then",
            ],
        },
    },
    scratch=["schema"],
    stand_ins={"redshift": "PostgreSQL is the warehouse: it enforces the keys that Redshift only notes"},
)
def pipeline_data_model():
    @task
    def load_two_batches(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            connection.execute(TABLES)
            for batch in (1, 2):
                load(connection, batch, params["break_it"])

    @task
    def check_the_grain(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            facts, orders = connection.execute("SELECT COUNT(*), COUNT(DISTINCT order_id) FROM fact_order").fetchone()
            raw = connection.execute("SELECT COUNT(DISTINCT record ->> 'order') FROM raw").fetchone()[0]
        prove("one row for each order", observed=facts, expected=orders, unit="rows")
        prove("every raw order has its fact", observed=orders, expected=raw, unit="orders")

    @task
    def check_the_history() -> None:
        with scratch.connect() as connection:
            versions, wrong = (
                connection.execute(q).fetchone()[0] for q in ("SELECT COUNT(*) FROM dim_customer", WRONG_HISTORY)
            )
        prove("there is a history to check", observed=versions, expected=40, how="at_least", unit="versions")
        prove("history has neither gaps nor overlaps", observed=wrong, expected=0, unit="versions")

    @task
    def report_as_it_was() -> None:
        with scratch.connect() as connection:
            found = connection.execute(BY_SEGMENT).fetchall()
            due = as_they_were(connection)
        prove("each order sees the customer as he was then", observed=found, expected=due, how="rows")

    @task
    def replay_and_grow(params: dict[str, Any] | None = None) -> None:
        import psycopg

        from living_answers import plans

        with scratch.connect() as connection:
            plans.steady(connection)
            before = rows(connection)
            for batch in (1, 2):
                load(connection, batch, params["break_it"])
            prove("the replay changes nothing", observed=rows(connection), expected=before, how="rows", unit="rows")
            try:
                with connection.transaction():
                    connection.execute("INSERT INTO fact_order VALUES (-1, DATE '2013-02-01', -1, 1, 1)")
                outcome = "accepted"
            except psycopg.errors.ForeignKeyViolation as error:
                outcome = type(error).__name__
            prove("a fact without its customer is refused", observed=outcome, expected="ForeignKeyViolation")
            small = plans.explain(connection, ONE_MONTH)
            grown = "SELECT order_id + 1000000 * n, ordered_on + 31 * (n + 1), customer_key, amount, 3"
            grown += " FROM fact_order, GENERATE_SERIES(1, 9) AS n"
            connection.execute(f"INSERT INTO fact_order {grown}")
            connection.execute("ANALYZE fact_order")
            large = plans.explain(connection, ONE_MONTH)
            connection.rollback()
        plans.show("one month, with ten times the history", large)
        pages = [large.buffers, small.buffers]
        prove("a month costs the same with ten times the history", observed=pages, expected=1.5, how="times_at_most")

    @task
    def write_the_document() -> None:
        with scratch.connect() as connection:
            columns = connection.execute(DOCUMENT).fetchall()
        lines = [f"| {table} ({about}) | {column} | {comment} |" for table, column, comment, about in columns]
        logging.getLogger(__name__).info("| table | column | what it says |\n| --- | --- | --- |\n%s", "\n".join(lines))
        silent = [f"{table}.{column}" for table, column, comment, about in columns if not (comment and about)]
        prove("every table and column is documented", observed=len(silent), expected=0, unit="columns")

    loaded = load_two_batches()
    loaded >> [check_the_grain(), check_the_history(), report_as_it_was(), replay_and_grow(), write_the_document()]
