"""# Which kind of storage for which access pattern?

**Say it.** Start from the question that is asked most. One row by its key, with joins and transactions: relational. A key's latest
items, at large scale, in a shape that changes: document or wide-column. Few columns of many rows: columnar. Raw files as they came:
objects. Then count what each question reads.

**How it works.** Each store lays its data out for one question and makes the others dear. Here the layouts that this machine has
are asked the same, and work is counted, not time:

| pattern | relational (PostgreSQL) | items by key (DynamoDB's API) | columnar file (Parquet) | raw object (S3) |
| --- | --- | --- | --- | --- |
| one row by its key | index: a few pages | one item | footer and row groups | the whole object |
| a document with a new field | a table refuses it, JSONB does not | takes it | the file's schema refuses it | takes it |
| events as they come, then the latest | index, read backwards | sort key, read backwards | a file for each write | an object for each write |
| the mean of one column | all pages | every item | that column | the whole object |
| keep the file as it came | only as a blob | 400 kB an item at most | re-encoded | byte for byte |

Most platforms end with several of them, and the price is copies: each needs an owner, one way in which it is filled, and a check
that it agrees. Begin with PostgreSQL, and leave it for a pattern that you have measured.

**This run proves**
- *no choice costs ten times the cheapest*: bytes read for a lookup and for a mean, requests sent for the latest events, on each store;
- *a mean in rows reads what no one asked for*, *a lookup in a columnar file does, too*, *all three give the latest events*;
- *both layouts give the same mean*;
- *what each kind of store can do*: a join, both rows or none, a field that nobody declared, any bytes: tried on each.

**Break it.** `one_store`: everything stays in the relational database, as it began.

**Where this stops.** DynamoDB is moto, in memory: it has no partitions that could be hot. Bytes are counted for rows and the
Parquet file only; what the table says of an item, or of a whole object, for a lookup and a mean follows from the API. MongoDB,
Cassandra, Snowflake, Redshift, BigQuery and Azure's lake are not run here. Parquet in a file stands for columnar storage: a
warehouse adds a catalogue, transactions and a cluster. The borders blur: JSONB holds documents in PostgreSQL, MongoDB has
transactions, Iceberg gives files tables' manners.

**Sources.** PostgreSQL: [indexes](https://www.postgresql.org/docs/18/indexes-intro.html),
[JSON types](https://www.postgresql.org/docs/18/datatype-json.html). AWS:
[DynamoDB's core components](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.CoreComponents.html),
[Query](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html),
[limits](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html). Apache Parquet:
[file format](https://parquet.apache.org/docs/file-format/). Kleppmann: *Designing Data-Intensive Applications*, chapters 2 and 3 (of the second edition, 3 and 4).
"""

from __future__ import annotations

import io
from collections import Counter
from contextlib import contextmanager
from typing import Any

from airflow.sdk import task

from living_answers import plans, run_context, samples
from living_answers.answers import answer, prove, scratch

PAGE, ROWS, EVENTS, LATEST = 8192, 50_000, 50, 20  # a page in bytes
COLUMNS = "id, carrier, flight, tailnum, origin, dest, dep_delay, arr_delay, distance, time_hour"
CHOSEN = {"a row by its key": "relational", "the latest events": "items", "the mean of a column": "columnar"}
KEY = {"device": ("HASH", "S"), "at": ("RANGE", "N")}
CAN = {
    "takes": ["JSONB: a new field", "items: a new field", "object: any bytes", "table: a join"],
    "refuses": ["columnar: a new field", "items: half a pair", "table: a new field", "table: half a pair"],
    "left of half a pair": 0,
}


class CountedFile(io.BytesIO):
    """A file that counts the bytes that are read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


@contextmanager
def items_table():
    """A table of DynamoDB's API, by device and moment."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    resource = AwsBaseHook(aws_conn_id="moto", resource_type="dynamodb").get_conn()
    table = resource.create_table(
        TableName=f"{scratch.name()}_{run_context.current().task_id}",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, (kind, _) in KEY.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": type_} for name, (_, type_) in KEY.items()],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        yield table
    finally:
        table.delete()


def probe() -> dict[str, Any]:
    """Try each ability on each store; return what came of it."""
    import pyarrow as pa
    from botocore.exceptions import ClientError
    from psycopg import Error
    from pyarrow.parquet import ParquetWriter

    with scratch.connect() as connection, items_table() as items:
        connection.execute("CREATE TABLE pairs (id int PRIMARY KEY); CREATE TABLE documents (doc jsonb)")
        connection.commit()

        def sql(statement: str) -> None:
            with connection.transaction():
                connection.execute(statement)

        def put_two(*pair: dict[str, Any]) -> None:
            unless = {"TableName": items.name, "ConditionExpression": "attribute_not_exists(device)"}
            items.meta.client.transact_write_items(TransactItems=[{"Put": {"Item": item, **unless}} for item in pair])

        file = ParquetWriter(io.BytesIO(), pa.schema([("id", pa.int64())]))
        tries = {
            "table: a join": (sql, "SELECT 1 FROM sample.flights JOIN sample.airlines USING (carrier) LIMIT 1"),
            "table: a new field": (sql, "INSERT INTO pairs (id, seats) VALUES (1, 149)"),
            "table: half a pair": (sql, "INSERT INTO pairs VALUES (2); INSERT INTO pairs VALUES (2)"),
            "JSONB: a new field": (sql, """INSERT INTO documents VALUES ('{"id": 1, "seats": [149]}')"""),
            "items: a new field": (lambda item: items.put_item(Item=item), {"device": "a", "at": 1, "seats": [149]}),
            "items: half a pair": (put_two, {"device": "b", "at": 2}, {"device": "a", "at": 1}),
            "columnar: a new field": (file.write_table, pa.table({"id": [1], "seats": [149]})),
            "object: any bytes": (scratch.lake().put, f"{scratch.prefix()}as-it-came", b"id;SEATS \r\n 1;NA"),
        }
        found: dict[str, Any] = {"takes": [], "refuses": []}
        for name, (action, *arguments) in sorted(tries.items()):
            try:
                action(*arguments)
                found["takes"].append(name)
            except (Error, ClientError, ValueError):
                found["refuses"].append(name)
        left = connection.execute("SELECT count(*) FROM pairs").fetchone()[0]
        return {**found, "left of half a pair": left + items.scan()["Count"] - 1}


@answer(
    questions=["storage-system-choice"],
    claims={
        "c-002-storage-categories": {
            "verdict": "holds",
            "proof": "what each kind of store can do",
            "truth": "The grouping is right; its borders blur: JSONB in PostgreSQL, transactions in DynamoDB and MongoDB",
        }
    },
    breaks={
        "one_store": {"what": "all stays in one database", "fails": ["no choice costs ten times the cheapest"]},
    },
    scratch=["schema", "prefix"],
    stand_ins={"dynamodb": "moto: DynamoDB's API, in memory", "s3": "SeaweedFS"},
)
def storage_choice():
    @task
    def read_row_and_mean() -> dict[str, dict[str, int]]:
        """The same flights as rows, as a Parquet file, as a compressed CSV; return the bytes that each question reads."""
        import pyarrow.csv
        import pyarrow.parquet

        with scratch.connect() as connection:
            samples.ensure(connection)
            plans.steady(connection)
            connection.execute(f"CREATE TABLE flights AS SELECT {COLUMNS} FROM sample.flights WHERE id <= {ROWS}")  # noqa: S608
            connection.execute("ALTER TABLE flights ADD PRIMARY KEY (id); ANALYZE flights")
            with connection.cursor().copy("COPY flights TO STDOUT (FORMAT csv, HEADER)") as copy:
                raw = b"".join(bytes(block) for block in copy)
            row = plans.explain(connection, "SELECT * FROM flights WHERE id = 31415")
            mean = plans.explain(connection, "SELECT avg(distance) FROM flights")
            due = float(connection.execute("SELECT avg(distance) FROM flights").fetchone()[0])
        for title, plan in {"a row by its key": row, "the mean of a column": mean}.items():
            plans.show(title, plan)
        file = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.csv.read_csv(io.BytesIO(raw)), file, row_group_size=10_000)
        for_mean, for_row = CountedFile(file.getvalue()), CountedFile(file.getvalue())
        distances = pyarrow.parquet.ParquetFile(for_mean).read(columns=["distance"])["distance"].to_pylist()
        pyarrow.parquet.read_table(for_row, filters=[("id", "=", 31415)])
        prove("both layouts give the same mean", observed=sum(distances) / ROWS, expected=due)
        of_row = {"relational": row.buffers * PAGE, "columnar": for_row.bytes_read}
        of_mean = {"relational": mean.buffers * PAGE, "columnar": for_mean.bytes_read}
        waste = [of_mean["relational"] / of_mean["columnar"], of_row["columnar"] / of_row["relational"]]
        prove("a mean in rows reads what no one asked for", observed=waste[0], expected=10, how="at_least", unit="x")
        prove("a lookup in a columnar file does, too", observed=waste[1], expected=3, how="at_least", unit="x")
        return {"a row by its key": of_row, "the mean of a column": of_mean}

    @task
    def append_and_ask_for_latest() -> dict[str, dict[str, int]]:
        """Write events one at a time, then ask for the latest; count the requests that this takes."""
        from boto3.dynamodb.conditions import Key

        lake, prefix = scratch.lake(), f"{scratch.prefix()}events/"
        with scratch.connect() as connection, items_table() as items:
            connection.execute("CREATE TABLE events (device text, at int, PRIMARY KEY (device, at))")
            for at in range(EVENTS):
                lake.put_json(f"{prefix}{at:05}.json", {"device": "a", "at": at})
                items.put_item(Item={"device": "a", "at": at})
                connection.execute("INSERT INTO events VALUES ('a', %s)", [at])
            sent = Counter(relational=1)  # one statement; of the others, each request that is really sent
            for store, client in (("items", items.meta.client), ("object", lake.client)):
                client.meta.events.register("before-send", lambda store=store, **_: sent.update([store]))
            latest = "SELECT at FROM events WHERE device = 'a' ORDER BY at DESC LIMIT %s"
            by_index = [at for (at,) in connection.execute(latest, [LATEST])]
            of_a = {"KeyConditionExpression": Key("device").eq("a"), "ScanIndexForward": False, "Limit": LATEST}
            by_sort_key = [int(item["at"]) for item in items.query(**of_a)["Items"]]
            by_name = [lake.get_json(key)["at"] for key in lake.keys(prefix)[: -LATEST - 1 : -1]]
        due = [list(range(EVENTS - 1, EVENTS - 1 - LATEST, -1))] * 3
        prove("all three give the latest events", observed=[by_index, by_sort_key, by_name], expected=due)
        return {"the latest events": dict(sent)}

    @task
    def choose(bytes_read: dict[str, Any], requests: dict[str, Any], params: dict[str, Any] | None = None) -> None:
        prove("what each kind of store can do", observed=probe(), expected=CAN)
        costs = bytes_read | requests
        chosen = dict.fromkeys(CHOSEN, "relational") if params["break_it"] == "one_store" else CHOSEN
        ratios = [costs[pattern][store] / min(costs[pattern].values()) for pattern, store in chosen.items()]
        prove("no choice costs ten times the cheapest", observed=max(ratios), expected=10, how="at_most", unit="x")

    choose(read_row_and_mean(), append_and_ask_for_latest())
