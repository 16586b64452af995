"""# How do you model structured, semi-structured and unstructured data together?

**Say it.** What every row has becomes a typed column with constraints. What varies goes into a JSONB document with an index, and what the business comes to rely
on moves from there into a column. Blobs go to object storage; the database keeps a row for each, with key, size and checksum. Flexible
means that the reader checks.

**How it works.** One product, three kinds of data. `name` and `price` are columns: the engine refuses a price that is no number or below zero, at the time of the
write. `attributes` is JSONB: a new attribute arrives tomorrow with no migration, and `@>` finds it through a GIN index. Nothing, though, stops
`"weight": "heavy"`, until a CHECK is declared on the document's path; declared NOT VALID it guards new rows at once and is validated for the old ones
when they have been mended.

A photograph is neither. It lies in the object store under a key made of its own checksum, so the same content has the same key, and a retry writes the
same object again. The row in `photographs` is written after the upload. Between the two systems there is no common
transaction: an object without a row is harmless and can be swept; a row without its object is a lie, and the order of writing avoids it.

**This run proves**
- *a new attribute needs no migration*: the table's columns before and after; *a new column does*; *the index finds the new attribute*: node of the plan, and the rows;
- *a typed column refuses a bad price*; *the document takes a bad weight*; *a check on the document refuses it*;
- *each object is what its row says*: checksums of what the store gives back;
- *every row has its object*: listing against table, after a process that died between the two; *what it left is an object without a row*.

**Break it.** `all_in_the_document`: the price is an attribute like any other. `row_first`: the row is written before the upload, and the process dies between.

**Where this stops.** A document's attributes have no statistics of their own, so estimates are rough (CREATE STATISTICS on the expression mends one); a whole document is rewritten for one changed value. Redshift's
counterpart is SUPER, Snowflake's VARIANT. Blobs of some kilobytes may well stay in the database, where they are in the transaction.

**Sources.** PostgreSQL: [JSON types and jsonb indexing](https://www.postgresql.org/docs/18/datatype-json.html#JSON-INDEXING),
[CREATE STATISTICS](https://www.postgresql.org/docs/18/sql-createstatistics.html),
[CHECK ... NOT VALID](https://www.postgresql.org/docs/18/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT). Amazon S3:
[checking object integrity](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html). Redshift:
[SUPER](https://docs.aws.amazon.com/redshift/latest/dg/r_SUPER_type.html).
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

TABLES = """
    DROP TABLE IF EXISTS products, photographs;
    CREATE TABLE products (
        product int PRIMARY KEY,
        name text NOT NULL,
        price {price},
        attributes jsonb NOT NULL DEFAULT '{{}}'
    );
    CREATE INDEX by_attribute ON products USING gin (attributes jsonb_path_ops);
    INSERT INTO products
    SELECT id, 'product ' || id, 1 + id % 50, JSONB_BUILD_OBJECT('weight', id % 30, 'colour', 'colour ' || id % 90)
    FROM GENERATE_SERIES(1, 5000) AS id;
    ANALYZE products;
    CREATE TABLE photographs (key text PRIMARY KEY, product int NOT NULL, bytes int NOT NULL, sha256 text NOT NULL)
"""
TYPED = "numeric(10, 2) NOT NULL CHECK (price >= 0)"
ANYTHING = "text"  # what a document makes of it
NEW_ATTRIBUTE = """UPDATE products SET attributes = attributes || '{"voltage": 230}' WHERE product % 1000 = 7"""
FIND = """SELECT product FROM products WHERE attributes @> '{"voltage": 230}'"""
CHECKED = """
    ALTER TABLE products ADD CONSTRAINT weight_is_a_number
    CHECK (attributes -> 'weight' IS NULL OR JSONB_TYPEOF(attributes -> 'weight') = 'number') NOT VALID
"""
HEAVY = """INSERT INTO products VALUES (%s, 'anvil', 10, '{"weight": "heavy"}')"""


def photograph(number: int) -> bytes:
    """A few kilobytes that no two products share."""
    return b"\x89PNG" + hashlib.sha256(str(number).encode()).digest() * 100


def error_of(connection: Any, statement: str, values: list[Any]) -> str:
    """The class of the error with which the engine refuses the statement; `accepted` if it does not."""
    import psycopg

    try:
        with connection.transaction():
            connection.execute(statement, values)
    except psycopg.Error as error:
        return type(error).__name__
    return "accepted"


def record(connection: Any, key: str, number: int) -> None:
    content = photograph(number)
    row = [key, number, len(content), hashlib.sha256(content).hexdigest()]
    connection.execute("INSERT INTO photographs VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", row)
    connection.commit()


@answer(
    questions=["dw-model-diverse-types"],
    claims={
        "c-004-model-flexible-types": {
            "verdict": "holds",
            "proof": "a new attribute needs no migration",
            "truth": "Typed columns, documents and objects can stand in one model; what is left flexible must be validated by "
            "somebody, at the latest by the reader.",
        },
    },
    breaks={
        "all_in_the_document": {
            "what": "the price is stored without a type, as in a document",
            "fails": ["a typed column refuses a bad price"],
        },
        "row_first": {
            "what": "the row is written before the upload, and the process dies between",
            "fails": ["every row has its object"],
        },
    },
    scratch=["schema", "prefix"],
)
def mixed_data_types():
    @task
    def make_the_model(params: dict[str, Any] | None = None) -> None:
        price = ANYTHING if params["break_it"] == "all_in_the_document" else TYPED
        with scratch.connect() as connection:
            connection.execute(TABLES.format(price=price))

    @task
    def add_an_attribute() -> None:
        from living_answers import plans

        columns = "SELECT COUNT(*) FROM pg_attribute WHERE attrelid = 'products'::regclass AND attnum > 0"
        with scratch.connect() as connection:
            before = connection.execute(columns).fetchone()
            outcome = error_of(connection, "UPDATE products SET voltage = 230", [])
            prove("a new column does", observed=outcome, expected="UndefinedColumn")
            changed = connection.execute(NEW_ATTRIBUTE).rowcount
            plans.steady(connection)
            plan = plans.explain(connection, FIND)
            after = connection.execute(columns).fetchone()
        prove("a new attribute needs no migration", observed=after, expected=before, unit="columns")
        plans.show("the new attribute", plan)
        found = [plan.node("Bitmap Index Scan").index, plan.rows]
        prove("the index finds the new attribute", observed=found, expected=["by_attribute", changed])

    @task
    def write_bad_values(params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            outcome = error_of(connection, HEAVY, [-1])
            prove("the document takes a bad weight", observed=outcome, expected="accepted")
            connection.execute(CHECKED)
            outcome = error_of(connection, HEAVY, [-2])
            prove("a check on the document refuses it", observed=outcome, expected="CheckViolation")
            outcome = error_of(connection, "INSERT INTO products VALUES (-3, 'gift', '-5')", [])
        prove("a typed column refuses a bad price", observed=outcome, expected="CheckViolation")

    @task
    def store_photographs(params: dict[str, Any] | None = None) -> None:
        lake = scratch.lake()
        with scratch.connect() as connection:
            for number in range(1, 9):
                content = photograph(number)
                key = f"{scratch.prefix()}photographs/{hashlib.sha256(content).hexdigest()}"
                steps = [partial(lake.put, key, content), partial(record, connection, key, number)]
                first, second = reversed(steps) if params["break_it"] == "row_first" else steps
                first()
                if number == 8:
                    break  # the process dies between the two
                second()

    @task
    def compare_with_the_store() -> None:
        lake = scratch.lake()
        with scratch.connect() as connection:
            rows = dict(connection.execute("SELECT key, sha256 FROM photographs").fetchall())
        objects = lake.keys(f"{scratch.prefix()}photographs/")
        both = sorted(set(objects) & set(rows))
        sums = {key: hashlib.sha256(lake.get(key)).hexdigest() for key in both}
        prove("each object is what its row says", observed=sums, expected={key: rows[key] for key in both})
        without = sorted(set(rows) - set(objects))
        prove("every row has its object", observed=len(without), expected=0, unit="rows")
        swept = len(set(objects) - set(rows))
        prove("what it left is an object without a row", observed=swept, expected=1, unit="objects")

    made = make_the_model()
    made >> [add_an_attribute(), write_bad_values()]
    made >> store_photographs() >> compare_with_the_store()
