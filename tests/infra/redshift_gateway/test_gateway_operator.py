"""Airflow's own S3ToRedshiftOperator, unmodified, with each of its methods."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def operator(redshift: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The operator's class, with the two connections that it uses in the environment."""
    from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator

    arguments = redshift.arguments
    warehouse = {
        "conn_type": "redshift",
        "host": "localhost",
        "port": redshift.port,
        "login": arguments["user"],
        "password": arguments["password"],
        "schema": redshift.database,
        "extra": {"ssl": False},
    }
    lake = {
        "conn_type": "aws",
        "login": s3.access_key,
        "password": s3.secret_key,
        "extra": {"endpoint_url": s3.endpoint, "region_name": s3.region},
    }
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps(warehouse))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(lake))
    return S3ToRedshiftOperator


def content(ids: list[int], text: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(ids, pa.int32()), "v": [text] * len(ids)}), sink)
    return sink.getvalue()


def load(operator: Any, s3: Any, key: str, **more: Any) -> None:
    operator(
        task_id="load",
        schema="sales",
        table="orders",
        s3_bucket=s3.bucket,
        s3_key=key,
        copy_options=["FORMAT AS PARQUET"],
        **more,
    ).execute({})


def test_append_replace_and_upsert(operator: Any, s3: Any, put: Any, connection: Any) -> None:
    connection.execute("create schema sales; create table sales.orders (id int, v varchar(10) default 'x')")
    put("op/first.parquet", content([1, 2, 3], "first"))
    put("op/second.parquet", content([3, 4], "second"))

    def rows() -> list[Any]:
        return connection.execute("select id, v from sales.orders order by id, v").fetchall()

    load(operator, s3, "op/first.parquet")
    load(operator, s3, "op/first.parquet", autocommit=True)
    assert rows() == [(1, "first")] * 2 + [(2, "first")] * 2 + [(3, "first")] * 2
    load(operator, s3, "op/first.parquet", method="REPLACE")
    assert rows() == [(1, "first"), (2, "first"), (3, "first")]
    load(operator, s3, "op/second.parquet", method="UPSERT", upsert_keys=["id"])
    assert rows() == [(1, "first"), (2, "first"), (3, "second"), (4, "second")]
    load(operator, s3, "op/second.parquet", method="UPSERT", upsert_keys=["id"], column_list=["id", "v"])
    assert rows() == [(1, "first"), (2, "first"), (3, "second"), (4, "second")]


def test_a_failed_replace_keeps_what_was_there(operator: Any, s3: Any, put: Any, connection: Any) -> None:
    before = connection.execute("select count(*) from sales.orders").fetchone()
    put("op/bad.parquet", b"not a parquet file")
    with pytest.raises(Exception, match=r"op/bad\.parquet"):
        load(operator, s3, "op/bad.parquet", method="REPLACE")
    assert connection.execute("select count(*) from sales.orders").fetchone() == before
