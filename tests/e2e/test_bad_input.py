"""Bad input and faults of the stores: each has a clear error or a stated meaning, and loses nothing."""

import gzip
import io
import json
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import days, source
from support.pipeline import Pipeline, wait_until
from support.warehouse import Warehouse

from embedded.home import Home
from embedded.platform import Platform
from embedded.process import PidFile
from living_answers import flights
from living_answers.airflow_api import AirflowApiError
from living_answers.demo.faults import FaultControl
from living_answers.lake import Lake, LakeError
from living_answers.sources.errors import Unauthorised
from living_answers.sources.flights import FlightsSource
from living_answers.sources.retry import SourceRetryPolicy


def test_a_day_without_flights_is_a_day(
    pipeline: Pipeline, warehouse: Warehouse, faults: FaultControl, s3: Any
) -> None:
    faults.set([{"kind": "empty", "dates": [days.EMPTY]}])
    pipeline.run([days.EMPTY])
    assert warehouse.ids(days.EMPTY) == []
    assert warehouse.letters(days.EMPTY) == []
    report = json.loads(s3.get_object(Bucket="lake", Key=flights.report_key(days.EMPTY))["Body"].read())
    assert (report["empty"], report["rows_in"], report["rows_out"]) == (True, 0, 0)


def test_a_date_that_is_none_is_refused_by_the_trigger(pipeline: Pipeline) -> None:
    with pytest.raises(AirflowApiError, match=r"400 .*day is out of range for month"):
        pipeline.api.trigger("flights_ingest", partition_key="2013-02-30")


@pytest.mark.parametrize(
    ("dag_id", "task_id", "day", "told"),
    [
        (
            "flights_ingest",
            "pull_flights",
            "2014-01-01",
            "the source has no flights on 2014-01-01, only from",
        ),
        (
            "flights_load",
            "make_staging",
            "2013-02-30",
            "'2013-02-30' is not a calendar day: give a partition key",
        ),
    ],
)
def test_a_date_that_the_source_does_not_have_fails_at_the_first_try(
    pipeline: Pipeline, warehouse: Warehouse, dag_id: str, task_id: str, day: str, told: str
) -> None:
    run_id = pipeline.api.trigger(dag_id, partition_key=day)
    assert pipeline.end_of(dag_id, run_id) == "failed"
    task = pipeline.task(dag_id, run_id, task_id)
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert told in pipeline.explain(task)
    assert warehouse.letters(day) == [], "what can never be replayed does not wait in the queue"


def test_an_unknown_token_is_refused_and_not_tried_again(variables: dict[str, str]) -> None:
    with FlightsSource(variables["FLIGHTS_API_URL"], "no-such-token") as api:
        with pytest.raises(Unauthorised, match="Put the source's token into the connection's password") as refused:
            api.page("2013-01-01")
    assert "no-such-token" not in str(refused.value)
    assert SourceRetryPolicy().evaluate(refused.value, try_number=1, max_tries=12).action.value == "fail"


def test_a_bucket_that_is_gone_is_named(airflow_connections: None, s3: Any, tmp_path: Path) -> None:
    lake = Lake("a-bucket-that-is-gone")
    s3.create_bucket(Bucket=lake.bucket)
    lake.put("a", b"x")
    s3.delete_object(Bucket=lake.bucket, Key="a")
    s3.delete_bucket(Bucket=lake.bucket)
    reads = (lambda: lake.get("a"), lambda: lake.keys("a"), lambda: lake.download(["a"], tmp_path))
    for read in reads:
        with pytest.raises(LakeError, match=r"s3://a-bucket-that-is-gone/a: .*(the bucket is gone|not there).*rerun"):
            read()
    with pytest.raises(LakeError, match="a-bucket-that-is-gone"):
        lake.content_id("a")
    # A write would make the bucket anew: SeaweedFS does that for a key with Admin rights, as ours is. AWS refuses.


# Files that cannot be loaded.

DAY = days.NOT_LOADABLE
TABLE = "flights_of_the_test"


def a_file(**columns: Any) -> bytes:
    """A day's refined flights as the job would write them, some columns replaced, or taken out by None."""
    rows = list(source.rows_of(DAY).values())
    table = {name: pa.array(list(values)) for name, values in zip(source.COLUMNS, zip(*rows, strict=True), strict=True)}
    integers = {name: array.cast(pa.int32()) for name, array in table.items() if pa.types.is_integer(array.type)}
    whole = table | integers | {"updated_at": table["sched_dep_at"], "row_hash": pa.array(["0" * 32] * len(rows))}
    sink = io.BytesIO()
    pq.write_table(pa.table({name: array for name, array in (whole | columns).items() if array is not None}), sink)
    return sink.getvalue()


def a_gzip() -> bytes:
    text = "".join(f"{row[0]},{row[1]}\n" for row in source.rows_of(DAY).values())
    return gzip.compress(text.encode())


@pytest.fixture
def copy(airflow_connections: None, warehouse: Warehouse, s3: Any) -> Iterator[Any]:
    """Put a file where the job would, and copy it by the DAG's operator into a staging table like the DAG's."""
    from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator

    def run(body: bytes | None, *options: str, columns: list[str] | None = None) -> None:
        key = f"refined/test/day={DAY}/flights"
        if body is None:
            s3.delete_object(Bucket="lake", Key=key)
        else:
            s3.put_object(Bucket="lake", Key=key, Body=body)
        S3ToRedshiftOperator(
            task_id="copy_flights",
            schema="staging",
            table=TABLE,
            s3_bucket="lake",
            s3_key=key,
            copy_options=list(options),
            column_list=columns,
            method="REPLACE",
            aws_conn_id="redshift_copy",
        ).execute({})

    with warehouse.connect() as connection:
        connection.execute(f"CREATE TABLE staging.{TABLE} (LIKE staging.flights)")
    yield run
    with warehouse.connect() as connection:
        connection.execute(f"DROP TABLE staging.{TABLE}")


def rows_in_staging(warehouse: Warehouse) -> int:
    return int(warehouse.rows(f"SELECT COUNT(*) FROM staging.{TABLE}")[0][0])


PARQUET = "FORMAT AS PARQUET"


@pytest.mark.parametrize(
    ("body", "options", "told"),
    [
        (lambda: a_file(tailnum=None), PARQUET, "Table columns: 19, Data columns: 18.*flights"),
        (
            lambda: a_file(dep_delay=pa.array(["late"] * len(source.rows_of(DAY)))),
            PARQUET,
            "incompatible Parquet schema for column 'dep_delay'. Column type: INTEGER, Parquet type: string",
        ),
        (lambda: a_file()[:-100], PARQUET, "flights"),
        (lambda: a_gzip()[:-200], "CSV GZIP", "flights is truncated"),
        (lambda: None, PARQUET, "The specified S3 prefix '.*flights' does not exist"),
    ],
    ids=["a column is missing", "a column has another type", "Parquet cut off", "gzip cut off", "no file"],
)
def test_a_file_that_cannot_be_loaded_is_named_and_loads_nothing(
    copy: Any, warehouse: Warehouse, body: Any, options: str, told: str
) -> None:
    from redshift_connector.error import ProgrammingError

    copy(a_file(), PARQUET)
    before = rows_in_staging(warehouse)
    assert before == len(source.rows_of(DAY))
    columns = ["flight_id", "flight_date"] if "CSV" in options else None
    with pytest.raises(ProgrammingError, match=told):
        copy(body(), options, columns=columns)
    assert rows_in_staging(warehouse) == before, "the DELETE that precedes the COPY is rolled back with it"


# A full disk. A quota, or a file system of a test's own, takes root. What any user can do is to forbid the S3 server's
# process to let its files grow: its writes then fail as they do on a full disk (EFBIG in place of ENOSPC).


def test_a_full_disk_under_the_raw_files_loses_nothing(
    platform: Platform, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    day = days.DISK_FULL
    server = process_of(platform.home, "s3")
    fill_up(platform.home, server)
    try:
        follower = pipeline.follow([day])
        run_id = pipeline.api.trigger("flights_ingest", partition_key=day)
        pull = wait_until(lambda: retried(pipeline, run_id), 200, "the full disk has not failed the task")
        assert "the S3 server failed: is its disk full?" in pipeline.log(pull, attempt=1)
    finally:
        resource.prlimit(server, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    pipeline.arrive(follower, 300)
    assert warehouse.flights(day) == Counter(source.rows_of(day).values())
    assert warehouse.wrong_dimensions() == []


def retried(pipeline: Pipeline, run_id: str) -> dict[str, Any] | None:
    pull = pipeline.task("flights_ingest", run_id, "pull_flights")
    return pull if pull["try_number"] >= 2 else None


def process_of(home: Home, service: str) -> int:
    entry = PidFile.read(home.pid_file(service))
    assert entry, f"{service} has no pid file"
    return entry.pid


def fill_up(home: Home, server: int) -> None:
    """From now on no file of the server grows beyond the smallest volume of the lake; its small files still may."""
    sizes = [path.stat().st_size for path in home.data("s3").rglob("lake_*.dat")]
    _, hard = resource.prlimit(server, resource.RLIMIT_FSIZE)
    resource.prlimit(server, resource.RLIMIT_FSIZE, (min(sizes), hard))
