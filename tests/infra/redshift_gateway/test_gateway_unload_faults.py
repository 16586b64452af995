"""An UNLOAD that does not end well leaves nothing in S3, and its session as any error does."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import boto3
import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

BIG = "select i, repeat(md5(i::text), 4) from generate_series(1, 300000) i"  # about 40 MB
SLOW = "case when i > 100000 then pg_sleep(0.05) end"  # 13 MB at once, then nearly nothing
ENDLESS = f"select i, repeat(md5(i::text), 4), {SLOW} from generate_series(1, 100400) i"


@pytest.fixture
def slow(gateway_settings: Any, listening_gateway: Any, cut_proxy: Any, redshift: Any) -> Iterator[Any]:
    """A gateway whose S3 is behind the proxy, and the proxy."""
    s3 = replace(gateway_settings.s3, endpoint=f"http://127.0.0.1:{cut_proxy.port}")
    with listening_gateway(replace(gateway_settings, s3=s3)) as (gateway, port):
        yield replace(redshift, gateway=gateway, port=port), cut_proxy


@pytest.fixture(scope="module")
def bucket(s3: Any) -> Any:
    keys = {"aws_access_key_id": s3.access_key, "aws_secret_access_key": s3.secret_key}
    return boto3.session.Session().client("s3", endpoint_url=s3.endpoint, region_name=s3.region, **keys)


@pytest.fixture
def left(s3: Any, bucket: Any) -> Callable[[str], list[str]]:
    """What is under a prefix: objects, and uploads that are neither completed nor aborted."""

    def look(prefix: str) -> list[str]:
        objects = bucket.list_objects_v2(Bucket=s3.bucket, Prefix=prefix).get("Contents", [])
        uploads = bucket.list_multipart_uploads(Bucket=s3.bucket, Prefix=prefix).get("Uploads", [])
        return [o["Key"] for o in [*objects, *uploads]]

    return look


def wait_until(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def copying(connection: psycopg.Connection) -> bool:
    row = connection.execute("select count(*) from pg_stat_progress_copy where tuples_processed >= 100000").fetchone()
    return bool(row[0])


@pytest.mark.parametrize("prepare", [False, True])
@pytest.mark.parametrize("budget", [0, 1300])
def test_s3_is_cut(slow: Any, s3: Any, credentials: str, bucket: Any, budget: int, prepare: bool) -> None:
    gateway, proxy = slow
    place = f"cut/{budget}{prepare}/"
    with gateway.connect() as client:
        proxy.budget = budget
        with pytest.raises(psycopg.Error, match="S3ServiceException: writing s3://"):
            client.execute(f"unload ($${BIG}$$) to 's3://{s3.bucket}/{place}' {credentials} csv", prepare=prepare)
        proxy.budget = 1 << 60
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            client.execute("select 1")
        client.rollback()
        assert client.execute("select 1").fetchone() == (1,)
    assert not bucket.list_objects_v2(Bucket=s3.bucket, Prefix=place).get("Contents")


@pytest.mark.parametrize("prepare", [False, True])
def test_the_query_fails_late(redshift: Any, s3: Any, credentials: str, left: Any, prepare: bool) -> None:
    place = f"late/{prepare}/"
    late = BIG.replace("select i,", "select 1 / (300000 - i),")
    with redshift.connect() as client:
        with pytest.raises(psycopg.errors.DivisionByZero):
            client.execute(f"unload ($${late}$$) to 's3://{s3.bucket}/{place}' {credentials}", prepare=prepare)
    assert left(place) == []


def test_a_cancelled_unload_ends_at_once(redshift: Any, connection: Any, s3: Any, credentials: str, left: Any) -> None:
    sql = f"unload ($${ENDLESS}$$) to 's3://{s3.bucket}/cancelled/' {credentials}"
    with ThreadPoolExecutor(1) as pool, redshift.connect(autocommit=True) as client:
        unload = pool.submit(client.execute, sql)
        wait_until(lambda: copying(connection), 30)
        client.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            unload.result(10)
        assert client.execute("select 1").fetchone() == (1,)
    wait_until(lambda: left("cancelled/") == [])


CLIENT = "import psycopg, sys; psycopg.connect(sys.argv[1], autocommit=True).execute(sys.argv[2])"


def test_a_client_killed_in_the_middle(redshift: Any, connection: Any, s3: Any, credentials: str, left: Any) -> None:
    sql = f"unload ($${ENDLESS}$$) to 's3://{s3.bucket}/killed/' {credentials}"
    address = make_conninfo(dbname=redshift.database, **redshift.arguments)
    client = subprocess.Popen([sys.executable, "-c", CLIENT, address, sql], stderr=subprocess.DEVNULL)
    wait_until(lambda: copying(connection), 30)
    client.kill()
    client.wait(10)
    wait_until(lambda: left("killed/") == [])
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    wait_until(lambda: connection.execute(others).fetchone() == (0,))


def test_postgresql_loses_the_session(redshift: Any, connection: Any, s3: Any, credentials: str, left: Any) -> None:
    sql = f"unload ($${ENDLESS}$$) to 's3://{s3.bucket}/lost/' {credentials}"
    with ThreadPoolExecutor(1) as pool:
        unload = pool.submit(lambda: redshift.connect(autocommit=True).execute(sql))
        wait_until(lambda: copying(connection), 30)
        connection.execute("select pg_terminate_backend(pid) from pg_stat_progress_copy")
        with pytest.raises(psycopg.OperationalError):
            unload.result(10)
    wait_until(lambda: left("lost/") == [])


def test_memory_does_not_grow_with_the_result(redshift: Any, s3: Any, credentials: str) -> None:
    process = psutil.Process()  # the gateway runs in a thread of it
    with redshift.connect(autocommit=True) as client:
        for rows in (1_000, 400_000):
            before, peak = process.memory_info().rss, 0
            with ThreadPoolExecutor(1) as pool:
                query = f"select i, repeat(md5(i::text), 4) from generate_series(1, {rows}) i"
                place = f"s3://{s3.bucket}/memory/{rows}"
                unload = pool.submit(client.execute, f"unload ($${query}$$) to '{place}' {credentials} csv")
                while not unload.done():
                    peak = max(peak, process.memory_info().rss)
                    time.sleep(0.01)
                unload.result()
    assert peak - before < 100 << 20


def test_the_last_count_is_none_after_a_failure_and_stays_after_a_refusal(
    connection: psycopg.Connection, s3: Any, credentials: str
) -> None:
    def count() -> Any:
        return connection.execute("select pg_last_unload_count()").fetchone()[0]

    to = f"s3://{s3.bucket}/last_count"
    assert count() == 0
    connection.execute(f"unload ('select 1 union all select 2') to '{to}/a_' {credentials}")
    assert count() == 2
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute(f"unload ('select * from nowhere') to '{to}/b_' {credentials}")
    assert count() == 2
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute(f"unload ('select 1 / (3 - i) from generate_series(1, 5) i') to '{to}/c_' {credentials}")
    assert count() == 0
