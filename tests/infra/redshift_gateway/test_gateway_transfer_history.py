"""What the system tables tell of COPY and UNLOAD, and by which numbers they are joined."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redshift_connector

from redshift_gateway.catalogue.history import kind

LOADS = """
select h.status, h.loaded_rows, h.error_count, q.aborted, trim(q.querytxt)
from sys_load_history h join stl_query q on q.query = h.query_id
where h.data_source = %s order by h.query_id"""


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", "SELECT"),
        (" -- a comment\n/* and * another */ With a as (select 1) table a", "SELECT"),
        ("(select 1)", "SELECT"),
        ("selector", "UTILITY"),
        ("copy t from 's3://a/b'", "COPY"),
        ("unload ('select 1') to 's3://a/b'", "UNLOAD"),
        ("create temp table a\nas\nselect 1", "CTAS"),
        ("create table a as -- c\nselect 1", "CTAS"),
        ("create table a as /* c */ select 1", "CTAS"),
        ("create table a (b int)", "DDL"),
        ("merge into t using s on true", "OTHER"),
        ("/* never closed select 1", "UTILITY"),
        ("begin", "UTILITY"),
    ],
)
def test_the_kind_of_a_statement(sql: str, expected: str) -> None:
    assert kind(sql) == expected


def test_each_run_of_a_prepared_copy_has_a_number_of_its_own(
    redshift: Any, s3: Any, put: Callable[[str, bytes], str], credentials: str
) -> None:
    uri = put("history/prepared.csv", b"1\n2\n")
    copy = f"copy prepared from '{uri}' {credentials} csv"
    with redshift.connect(autocommit=True) as client:
        client.execute("create table prepared (id int)")
        numbers = []
        for _ in range(2):
            client.execute(copy, prepare=True)
            numbers.append(client.execute("select pg_last_copy_id()").fetchone()[0])
        assert numbers[0] < numbers[1]
        told = client.execute(LOADS, (uri,)).fetchall()
        assert [row[:4] for row in told] == [("completed", 2, 0, 0)] * 2
        assert all(row[4].startswith("copy prepared from") and "***" in row[4] for row in told)
        assert s3.secret_key not in str(told)
        lines = client.execute(
            "select query, lines_scanned from stl_load_commits where trim(filename) = %s order by query", (uri,)
        ).fetchall()
        assert lines == [(number, 2) for number in numbers]


def test_the_statements_of_one_string_have_numbers_of_their_own(
    redshift: Any, put: Callable[[str, bytes], str], credentials: str
) -> None:
    uris = [put(f"history/both-{name}.csv", b"1\n") for name in "ab"]
    copies = [f"copy both_of_them from '{uri}' {credentials} csv" for uri in uris]
    with redshift.connect(autocommit=True) as client:
        client.execute(f"create table both_of_them (id int); {'; '.join(copies)}")
        told = [client.execute(LOADS, (uri,)).fetchall() for uri in uris]
        assert [[row[:4] for row in rows] for rows in told] == [[("completed", 1, 0, 0)]] * 2
        assert ["a.csv" in told[0][0][4], "b.csv" in told[0][0][4]] == [True, False]


def test_a_load_that_fails_is_aborted_and_has_no_files(
    redshift: Any, put: Callable[[str, bytes], str], credentials: str
) -> None:
    uri = put("history/bad.csv", b"1\nx\n")
    with redshift.connect(autocommit=True) as client:
        client.execute("create table failing (id int)")
        with pytest.raises(psycopg.Error, match="stl_load_errors"):
            client.execute(f"copy failing from '{uri}' {credentials} csv")
        assert [row[:4] for row in client.execute(LOADS, (uri,)).fetchall()] == [("aborted", 0, 1, 1)]
        files = client.execute("select count(*) from stl_load_commits where query = pg_last_copy_id()").fetchone()
        errors = client.execute("select count(*) from stl_load_errors where query = pg_last_copy_id()").fetchone()
        assert (files, errors) == ((0,), (1,))


def test_lines_that_were_rejected_are_scanned_too(
    redshift: Any, put: Callable[[str, bytes], str], credentials: str
) -> None:
    uri = put("history/all-bad.csv", b"head\nx\ny\nz")
    with redshift.connect(autocommit=True) as client:
        client.execute("create table rejecting (id int)")
        client.execute(f"copy rejecting from '{uri}' {credentials} csv ignoreheader 1 maxerror 10")
        lines = client.execute("select lines_scanned from stl_load_commits where query = pg_last_copy_id()").fetchall()
        assert lines == [(3,)]


def test_an_unload_that_fails_is_aborted(redshift: Any, s3: Any, credentials: str) -> None:
    target = f"s3://{s3.bucket}/history/failing_"
    with redshift.connect(autocommit=True) as client:
        with pytest.raises(psycopg.errors.DivisionByZero):
            client.execute(f"unload ('select 1 / (n - 2) from generate_series(1, 3) as n') to '{target}' {credentials}")
        told = client.execute(
            "select status, unloaded_rows, unloaded_files_count from sys_unload_history where unloaded_location = %s",
            (target,),
        ).fetchall()
        assert told == [("aborted", 0, 0)]
        assert client.execute("select pg_last_unload_id()").fetchone() == (-1,)


def test_another_driver_joins_an_unload_with_its_files(redshift: Any, s3: Any, credentials: str) -> None:
    told = (
        "select count(*), sum(l.line_count), max(h.unloaded_rows), sum(l.transfer_size) - max(h.unloaded_files_size) "
        "from stl_unload_log l join sys_unload_history h on h.query_id = l.query where l.query = pg_last_query_id()"
    )
    with (
        redshift_connector.connect(**redshift.arguments, database=redshift.database, ssl=False) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("create table parted (p int, v int)")
        cursor.execute("insert into parted values (1, 10), (1, 11), (2, 20)")
        cursor.execute(
            f"unload ('select * from parted') to 's3://{s3.bucket}/history/parted/' {credentials} "
            "format parquet partition by (p) parallel off"
        )
        cursor.execute(told)
        assert [int(value) for value in cursor.fetchone()] == [2, 3, 3, 0]
