"""Tables on a real S3 server: loose Parquet, Delta, and Iceberg with its catalogue in a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from living_answers import lake_tables
from living_answers.answers import scratch

ROWS = [{"id": 1, "name": "one"}, {"id": 2, "name": None}]


@pytest.fixture(autouse=True)
def lake(s3: Any, fresh_ledger: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    extra = {"endpoint_url": s3.endpoint, "region_name": s3.region}
    connection = {"conn_type": "aws", "login": s3.access_key, "password": s3.secret_key, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_VAR_LAKE_BUCKET", s3.bucket)
    lake_tables._s3.cache_clear()
    scratch.make(["schema", "prefix"])
    yield scratch.lake()
    scratch.drop(["schema", "prefix"])
    lake_tables._s3.cache_clear()


@pytest.mark.parametrize("table", [ROWS, pa.Table.from_pylist(ROWS), pa.RecordBatch.from_pylist(ROWS)])
def test_parquet_comes_back_as_it_was_put(lake: Any, table: Any) -> None:
    key = f"{scratch.prefix()}loose.parquet"
    size = lake_tables.put_parquet(lake, key, table)
    assert size == len(lake.get(key))
    assert lake_tables.get_parquet(lake, [key, key]) == ROWS * 2
    assert lake_tables.get_parquet(lake, [key], columns=["id"]) == [{"id": 1}, {"id": 2}]


def test_the_store_refuses_the_second_of_two_commits() -> None:
    from deltalake import DeltaTable, write_deltalake
    from deltalake.exceptions import CommitFailedError

    url, options = lake_tables.delta_url("delta"), lake_tables.delta_options()
    write_deltalake(url, pa.Table.from_pylist(ROWS), storage_options=options)
    one, other = (DeltaTable(url, storage_options=options) for _ in range(2))
    one.update({"id": "10"}, predicate="id = 1")
    with pytest.raises(CommitFailedError):
        other.update({"id": "20"}, predicate="id = 2")
    assert sorted(DeltaTable(url, storage_options=options).to_pyarrow_table()["id"].to_pylist()) == [2, 10]


def test_the_catalogue_lies_in_the_scratch_schema_and_its_tables_below_the_prefix(lake: Any) -> None:
    catalog = lake_tables.iceberg_catalog()
    catalog.create_namespace("clean")
    made = catalog.create_table("clean.t", schema=pa.Table.from_pylist(ROWS).schema, properties={"owner": "me"})
    made.append(pa.Table.from_pylist(ROWS))
    found = lake_tables.iceberg_catalog().load_table("clean.t")
    assert found.properties["owner"] == "me"
    assert found.scan().to_arrow().to_pylist() == ROWS
    assert found.location().startswith(f"s3://{lake.bucket}/{scratch.prefix()}")
    with scratch.connect() as connection:
        assert connection.execute("SELECT table_name FROM iceberg_tables").fetchall() == [("t",)]
