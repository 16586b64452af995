"""Run in the venv of the AWS clients: reflects tables by SQLAlchemy 2.0 and sqlalchemy-redshift, makes them again."""

import json
import sys

import pandas as pd
import sqlalchemy as sa
from sqlalchemy_redshift.dialect import RedshiftDialect

given = json.load(sys.stdin)
schema, copy = given["schema"], f"{given['schema']}_copy"
engine = sa.create_engine(given["url"], connect_args=given["arguments"])
dialect = RedshiftDialect()

metadata = sa.MetaData()
metadata.reflect(engine, schema=schema, views=True)
copies = sa.MetaData()
for table in metadata.tables.values():
    if table.name != "names":
        table.to_metadata(copies, schema=copy)
with engine.begin() as connection:
    connection.execute(sa.schema.CreateSchema(copy))
    copies.create_all(connection)
    customer = copies.tables[f"{copy}.customer"]
    connection.execute(sa.insert(customer).values(name="Ann"))
    made = list(connection.execute(sa.select(customer.c["id", "name"])).one())


def described(table: sa.Table) -> list[list[object]]:
    """The columns: name, type, whether NULL is allowed, encoding, comment."""
    return [
        [c.name, c.type.compile(dialect=dialect), c.nullable, c.info.get("encode"), c.comment] for c in table.columns
    ]


again = sa.MetaData()
again.reflect(engine, schema=copy)

frame = pd.DataFrame({"a": [1, 2, None], "b": ["x", "é", None], "c": pd.date_range("2026-01-01", periods=3)})
rows = []
for mode in ("replace", "append", "replace"):
    frame.to_sql("frame", engine, schema=schema, index=False, if_exists=mode, dtype={"b": sa.String(10)})
    rows.append(len(pd.read_sql(f"select * from {schema}.frame", engine)))
back = pd.read_sql_table("frame", engine, schema=schema).sort_values("c", ignore_index=True)
pd.testing.assert_frame_equal(back, frame, check_dtype=False)

answer = {
    "tables": {name.partition(".")[2]: described(table) for name, table in metadata.tables.items()},
    "copies": {name.partition(".")[2]: described(table) for name, table in again.tables.items()},
    "options": sa.inspect(engine).get_table_options("purchase", copy),
    "default": str(metadata.tables[f"{schema}.purchase"].c.amount.server_default.arg),
    "made": made,
    "rows": rows,
}
print(json.dumps(answer))
