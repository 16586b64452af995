"""Airflow's own operators for Redshift, unmodified: loads with each method, unloads, and the SQL checks."""

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def connections(redshift: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two connections that the operators use, in the environment."""
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


@pytest.fixture
def operator(connections: None) -> Any:
    from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator

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


def unload(s3: Any, key: str, **more: Any) -> None:
    from airflow.providers.amazon.aws.transfers.redshift_to_s3 import RedshiftToS3Operator

    RedshiftToS3Operator(task_id="unload", s3_bucket=s3.bucket, s3_key=key, **more).execute({})


@pytest.fixture
def planets(connections: None, connection: Any) -> str:
    connection.execute("drop table if exists planets; create table planets (id int, name varchar(20), moons int)")
    connection.execute("insert into planets values (1, 'Earth', 1), (2, 'Mars, red', 2), (3, 'Venus', null)")
    return "planets"


def test_a_table_is_unloaded_with_a_header_and_loads_again(
    planets: str, operator: Any, s3: Any, get: Any, connection: Any
) -> None:
    unload(
        s3,
        "op/out",
        schema="public",
        table=planets,
        include_header=True,
        unload_options=["FORMAT AS CSV", "GZIP", "PARALLEL OFF"],
    )
    (key,) = get("op/out/planets_")
    assert (
        gzip.decompress(get("op/out/planets_")[key]).decode() == 'id,name,moons\n1,Earth,1\n2,"Mars, red",2\n3,Venus,\n'
    )
    connection.execute("create table planets_again (like planets)")
    operator(
        task_id="load",
        schema="public",
        table="planets_again",
        s3_bucket=s3.bucket,
        s3_key="op/out/planets_",
        copy_options=["CSV", "GZIP", "IGNOREHEADER 1"],
    ).execute({})
    again = connection.execute("select * from planets except select * from planets_again").fetchall()
    assert again == []
    assert connection.execute("select count(*) from planets_again").fetchone() == (3,)


def test_a_query_is_unloaded_as_parquet_and_never_over_what_is_there(planets: str, s3: Any, get: Any) -> None:
    def run(*options: str) -> None:
        query = f"select name, moons from {planets} where name <> ''Mars, red'' order by id"
        unload(s3, "op/query_", select_query=query, unload_options=["FORMAT PARQUET", *options])

    run()
    with pytest.raises(Exception, match="ALLOWOVERWRITE"):
        run()
    run("ALLOWOVERWRITE")
    tables = [pq.read_table(io.BytesIO(content)) for content in get("op/query_").values()]
    rows = [row for table in tables for row in table.to_pylist()]
    assert sorted(rows, key=str) == [{"name": "Earth", "moons": 1}, {"name": "Venus", "moons": None}]


def test_the_sql_checks_pass_and_fail_as_they_should(planets: str) -> None:
    from airflow.providers.common.sql.operators import sql

    name = {"conn_id": "redshift_default", "task_id": "check"}
    columns = {
        "moons": {"null_check": {"equal_to": 1}, "max": {"leq_to": 2}},
        "id": {"distinct_check": {"equal_to": 3}},
    }
    passing = [
        sql.SQLColumnCheckOperator(table=planets, column_mapping=columns, **name),
        sql.SQLTableCheckOperator(table=planets, checks={"rows": {"check_statement": "count(*) = 3"}}, **name),
        sql.SQLCheckOperator(sql=f"select count(*), max(nvl(moons, 1)) from {planets}", **name),
        sql.SQLValueCheckOperator(sql=f"select sum(moons) from {planets}", pass_value=3, **name),
        sql.SQLThresholdCheckOperator(
            sql=f"select count(*) from {planets}",
            min_threshold=1,
            max_threshold="select datediff(day, '2013-01-01', getdate())",
            **name,
        ),
    ]
    for check in passing:
        check.execute({})
    failing = [
        sql.SQLColumnCheckOperator(table=planets, column_mapping={"moons": {"null_check": {"equal_to": 0}}}, **name),
        sql.SQLTableCheckOperator(table=planets, checks={"rows": {"check_statement": "count(*) > 3"}}, **name),
        sql.SQLCheckOperator(sql=f"select decode(moons, 1, 0, 1) from {planets} where id = 1", **name),
        sql.SQLValueCheckOperator(sql=f"select sum(moons) from {planets}", pass_value=4, **name),
    ]
    for check in failing:
        with pytest.raises(Exception, match=r"(?i)fail|did not pass"):
            check.execute({})


def test_statements_are_split_and_run_in_order(planets: str, connection: Any) -> None:
    from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

    script = """
        create table #staging (like planets);
        insert into #staging select top 2 * from planets order by id;
        delete from planets using #staging where planets.id = #staging.id;
    """
    SQLExecuteQueryOperator(
        task_id="run", conn_id="redshift_default", sql=script, split_statements=True, autocommit=True
    ).execute({})
    assert connection.execute("select id from planets").fetchall() == [(3,)]
