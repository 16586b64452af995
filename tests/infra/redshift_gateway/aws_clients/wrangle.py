"""Run in the venv of the AWS clients: AWS SDK for pandas (awswrangler) writes, loads, unloads and reads."""

import json
import sys
from datetime import date
from decimal import Decimal

import awswrangler as wr
import boto3
import pandas as pd
import redshift_connector

given = json.load(sys.stdin)
lake, schema = given["lake"], "wrangled"
wr.config.s3_endpoint_url = given["s3_endpoint"]
session = boto3.Session(given["access_key"], given["secret_key"], region_name=given["region"])
connection = redshift_connector.connect(ssl=False, **given["gateway"])
answer: dict[str, object] = {}


def rows(sql: str) -> list[list[object]]:
    """What a query gives, as JSON can hold it."""
    found = wr.redshift.read_sql_query(sql, connection).astype(object)
    return json.loads(found.where(found.notna(), None).to_json(orient="values", date_format="iso"))


with connection.cursor() as cursor:
    cursor.execute(f"create schema {schema}")
connection.commit()

frame = pd.DataFrame({"id": [1, 2, 3], "name": ["a", "é", None], "day": [date(2026, 1, n) for n in (1, 2, 3)]})
types = {"id": "BIGINT", "name": "VARCHAR(20)", "day": "DATE"}
keys = {"primary_keys": ["id"], "diststyle": "KEY", "distkey": "id", "sortkey": ["day"]}
written = {"table": "notes", "schema": schema, "con": connection, "dtype": types, "use_column_names": True}
wr.redshift.to_sql(frame, mode="overwrite", **keys, **written)
wr.redshift.to_sql(frame.assign(id=[4, 5, 6]), mode="append", lock=True, chunksize=2, **written)
wr.redshift.to_sql(frame.assign(id=[3, 4, 7], name="new"), mode="upsert", primary_keys=["id"], **written)
answer["upserted"] = rows(f"select id, name from {schema}.notes order by id")
wr.redshift.to_sql(frame.assign(id=[7, 8, 9], name="newer"), mode="upsert", **written)  # by the table's own key
answer["upserted by its key"] = rows(f"select id, name from {schema}.notes where id > 6 order by id")
wider = frame.assign(more=["x", "y", "z"], id=[21, 22, 23])
wr.redshift.to_sql(wider, mode="append", add_new_columns=True, **{**written, "dtype": {**types, "more": "VARCHAR(9)"}})
answer["wider"] = rows(f"select id, more from {schema}.notes where id > 20 order by id")
for method in ("delete", "truncate", "cascade", "drop"):
    wr.redshift.to_sql(frame, mode="overwrite", overwrite_method=method, **keys, **written)
    answer[f"overwritten by {method}"] = rows(f"select count(*), min(id) from {schema}.notes")

loaded = {"con": connection, "schema": schema, "boto3_session": session}
typed = pd.DataFrame(
    {
        "id": pd.array([1, 2, None], dtype="Int32"),
        "name": ["a", "é", None],
        "amount": [Decimal("1.50"), None, Decimal("-2.25")],
        "weight": [0.5, None, 2.0],
        "good": pd.array([True, False, None], dtype="boolean"),
        "day": [date(2026, 1, 1), None, date(2026, 1, 3)],
        "at": pd.to_datetime(["2026-01-01 10:00:00.123", None, "2026-01-03 00:00:00.000"]),
    }
)
wr.redshift.copy(typed, f"{lake}/staged/", table="typed", mode="overwrite", **loaded)
answer["copied"] = rows(f"select * from {schema}.typed order by id")
wr.redshift.copy(typed.dropna(), f"{lake}/staged/", table="typed", mode="append", **loaded)
answer["appended"] = rows(f"select count(*) from {schema}.typed")
changed = typed.assign(name="changed").dropna(subset=["id"])
wr.redshift.copy(changed, f"{lake}/staged/", table="typed", mode="upsert", primary_keys=["id"], **loaded)
answer["upserted by copy"] = rows(f"select id, name from {schema}.typed order by id")
answer["left of the stage"] = wr.s3.list_objects(f"{lake}/staged/", boto3_session=session)

for kind in ("parquet", "orc", "csv"):
    write = {"parquet": wr.s3.to_parquet, "orc": wr.s3.to_orc, "csv": wr.s3.to_csv}[kind]
    more = {"index": False, "header": False} if kind == "csv" else {"dtype": {"id": "int"}}
    write(typed[["id", "name"]], f"{lake}/files/{kind}/part.{kind}", boto3_session=session, **more)
    more = {"redshift_column_types": {"id": "INTEGER", "name": "VARCHAR(20)"}} if kind == "csv" else {}
    wr.redshift.copy_from_files(
        f"{lake}/files/{kind}/", table=f"from_{kind}", mode="overwrite", data_format=kind, **more, **loaded
    )
    answer[f"from {kind}"] = rows(f"select id, name from {schema}.from_{kind} order by id")

query = f"select id, name, amount from {schema}.typed where name = 'changed' order by id"
back = wr.redshift.unload(query, f"{lake}/unloaded/", connection, boto3_session=session)
answer["unloaded"] = [[None if pd.isna(value) else str(value) for value in row] for row in back.to_numpy()]
answer["left of the unload"] = wr.s3.list_objects(f"{lake}/unloaded/", boto3_session=session)
for kind in ("PARQUET", "CSV"):
    out = f"{lake}/out/{kind}/"
    more = {"unload_format": kind, "manifest": True, "partition_cols": ["id"]}
    wr.redshift.unload_to_files(query, out, connection, boto3_session=session, **more)
    paths = wr.s3.list_objects(out, boto3_session=session)
    answer[f"files of {kind}"] = sorted(path.removeprefix(out) for path in paths)
answer["table"] = len(wr.redshift.read_sql_table("typed", connection, schema=schema))
connection.close()
print(json.dumps(answer))
