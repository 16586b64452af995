"""COPY from S3 through a real client, into a real PostgreSQL, of every format and of every bad file."""

import datetime as dt
import gzip
import io
import json
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

AT = dt.datetime(2013, 1, 1, 10, 30, 0, 123456, tzinfo=dt.UTC)
DDL = "(id integer, name varchar(50), amount decimal(10, 2), at timestamp, ok boolean, day date, score float8)"
ROWS = [
    (1, "a,b", Decimal("1.50"), AT.replace(tzinfo=None), True, dt.date(2013, 1, 1), 0.1),
    (2, None, None, None, None, None, None),
    (3, "", Decimal("-0.01"), AT.replace(tzinfo=None), False, dt.date(1970, 1, 1), 1e300),
    (4, 'quo"te\nné \\N', Decimal("99999999.99"), AT.replace(tzinfo=None), True, dt.date(2013, 12, 31), -2.5),
]


@pytest.fixture
def table(connection: psycopg.Connection) -> str:
    connection.execute(f"drop table if exists loaded; create table loaded {DDL}")
    return "loaded"


def parquet(**changed: Any) -> bytes:
    """The rows as a Parquet file; `changed` replaces columns."""
    columns = {
        "id": pa.array([r[0] for r in ROWS], pa.int32()),
        "name": pa.array([r[1] for r in ROWS]),
        "amount": pa.array([r[2] for r in ROWS], pa.decimal128(10, 2)),
        "at": pa.array([AT if r[3] else None for r in ROWS], pa.timestamp("us", "UTC")),
        "ok": pa.array([r[4] for r in ROWS]),
        "day": pa.array([r[5] for r in ROWS], pa.date32()),
        "score": pa.array([r[6] for r in ROWS], pa.float64()),
    }
    columns = {k: v for k, v in (columns | changed).items() if v is not None}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def rows(connection: psycopg.Connection, table: str) -> list[Any]:
    return connection.execute(f"select * from {table} order by id").fetchall()


def json_lines(records: list[Any]) -> bytes:
    names = ("id", "name", "amount", "at", "ok", "day", "score")
    dicts = [{n: v for n, v in zip(names, r, strict=True) if v is not None} for r in records]
    return "".join(json.dumps(d, default=str) + "\n" for d in dicts).encode()


@pytest.mark.parametrize("compression", ["snappy", "zstd", "none"])
def test_parquet(connection: Any, table: str, put: Any, credentials: str, compression: str) -> None:
    content = pa.table(pq.read_table(io.BytesIO(parquet())))
    sink = io.BytesIO()
    pq.write_table(content, sink, compression=compression, use_dictionary=["name"], row_group_size=2)
    url = put(f"ok-{compression}/part.parquet", sink.getvalue())
    done = connection.execute(f"copy {table} from '{url}' {credentials} format as parquet")
    assert done.rowcount == 4
    assert rows(connection, table) == ROWS


def test_json_lines_by_name_with_unknown_and_missing_keys(
    connection: Any, table: str, put: Any, credentials: str
) -> None:
    records = json_lines(ROWS).replace(b'"id": 1,', b'"extra": [1, {"x": 2}], "id": 1,')
    url = put("json/a.jsonl", records)
    connection.execute(f"copy {table} from '{url}' {credentials} format json 'auto'")
    assert rows(connection, table) == ROWS


def test_json_values_of_mixed_types_keep_every_digit(connection: Any, put: Any, credentials: str) -> None:
    connection.execute(
        "drop table if exists mixed; create table mixed (id int, n numeric(25, 23), t varchar(99), s super)"
    )
    content = b'{"id": 1, "n": 0.12345678901234567890123, "t": 5, "s": {"a": [1.5, "x"]}}\n{"id": "2", "t": true}\n'
    connection.execute(f"copy mixed from '{put('json/mixed.jsonl', content)}' {credentials} json 'auto'")
    assert rows(connection, "mixed") == [
        (1, Decimal("0.12345678901234567890123"), "5", {"a": [1.5, "x"]}),
        (2, None, "true", None),
    ]


def test_bad_json_names_file_and_line(connection: Any, table: str, put: Any, credentials: str) -> None:
    url = put("json/bad.jsonl", b'{"id": 1}\n{"id": 2\n')
    with pytest.raises(psycopg.Error, match=r"File s3://.*/json/bad.jsonl, line 2: Invalid JSON"):
        connection.execute(f"copy {table} from '{url}' {credentials} json 'auto'")
    assert rows(connection, table) == []


CSV = b'id,name\r\n1,"a,b"\r\n2,\r\n3,""\r\n"4","x""y"\r\n'


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), ("gzip", gzip.compress)])
def test_csv_with_header(connection: Any, table: str, put: Any, credentials: str, suffix: str, pack: Any) -> None:
    url = put(f"csv{suffix}/a", pack(CSV))
    put(f"csv{suffix}/b", pack(CSV[:-2].replace(b"id", b"xx")))
    connection.execute(f"copy {table} (id, name) from '{url[:-1]}' {credentials} csv ignoreheader 1 {suffix}")
    names = [(r[0], r[1]) for r in rows(connection, table)]
    assert names == sorted([(1, "a,b"), (2, ""), (3, ""), (4, 'x"y')] * 2)


def test_empty_fields_are_null_where_the_column_is_no_text(
    connection: Any, table: str, put: Any, credentials: str
) -> None:
    url = put("csv-empty/a", b'1,"","",,\n')
    connection.execute(f"copy {table} (id, name, amount, at, ok) from '{url}' {credentials} csv")
    connection.execute(f"copy {table} (id, name, amount, at, ok) from '{url}' {credentials} csv emptyasnull")
    assert [r[1:5] for r in rows(connection, table)] == [("", None, None, None), (None, None, None, None)]


def test_null_as_names_the_text_that_means_null(connection: Any, table: str, put: Any, credentials: str) -> None:
    url = put("na.csv", b'1,NA,NA\n2,,2.50\n3,"NA",3.50\n')
    connection.execute(f"copy {table} (id, name, amount) from '{url}' {credentials} csv null as 'NA'")
    rows = connection.execute(f"select id, name, amount from {table} order by id").fetchall()
    assert [(row[0], row[1], None if row[2] is None else float(row[2])) for row in rows] == [
        (1, None, None),
        (2, "", 2.5),
        (3, None, 3.5),
    ]


def test_a_manifest_names_the_files(connection: Any, table: str, put: Any, credentials: str, s3: Any) -> None:
    one = put("manifested/one.parquet", parquet())
    put("manifested/two.parquet", parquet())
    meta = {"content_length": len(parquet())}
    entries = [
        {"url": one, "mandatory": True, "meta": meta},
        {"url": f"s3://{s3.bucket}/manifested/none", "mandatory": False, "meta": meta},
    ]
    url = put("manifest.json", json.dumps({"entries": entries}).encode())
    connection.execute(f"copy {table} from '{url}' {credentials} parquet manifest")
    assert len(rows(connection, table)) == 4
    del entries[1]["meta"]
    url = put("manifest.json", json.dumps({"entries": entries}).encode())
    with pytest.raises(psycopg.Error, match=r"without meta\.content_length"):
        connection.execute(f"copy {table} from '{url}' {credentials} parquet manifest")


def test_a_prefix_is_no_folder(connection: Any, table: str, put: Any, credentials: str) -> None:
    url = put("day=1/a.parquet", parquet())
    put("day=10/a.parquet", parquet())
    put("day=1/_SUCCESS", b"")
    connection.execute(f"copy {table} from '{url.removesuffix('a.parquet')}' {credentials} parquet")
    assert len(rows(connection, table)) == 4
    connection.execute(f"copy {table} from '{url.removesuffix('/a.parquet')}' {credentials} parquet")
    assert len(rows(connection, table)) == 12


def test_an_empty_parquet_file_loads_nothing(connection: Any, table: str, put: Any, credentials: str) -> None:
    sink = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(parquet())).slice(0, 0), sink)
    url = put("none/a.parquet", sink.getvalue())
    assert connection.execute(f"copy {table} from '{url}' {credentials} parquet").rowcount == 0


BAD_PARQUET = [
    ({"score": None}, "Unmatched number of columns.*Table columns: 7, Data columns: 6, File name: s3://.*/bad"),
    ({"id": pa.array([1] * 4, pa.int64())}, "column 'id'. Column type: INTEGER, Parquet type: int64"),
    ({"amount": pa.array([1.5] * 4)}, r"column 'amount'. Column type: DECIMAL\(10,2\), Parquet type: double"),
    ({"day": pa.array(["x"] * 4)}, "column 'day'. Column type: DATE, Parquet type: string"),
]


@pytest.mark.parametrize(("changed", "says"), BAD_PARQUET)
def test_a_parquet_file_that_does_not_fit(
    connection: Any, table: str, put: Any, credentials: str, changed: dict[str, Any], says: str
) -> None:
    url = put("bad/a.parquet", parquet(**changed))
    with pytest.raises(psycopg.errors.InternalError_, match=says):
        connection.execute(f"copy {table} from '{url}' {credentials} parquet")
    assert rows(connection, table) == []


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (gzip.compress(b"1,2\n" * 5000, mtime=0)[:-30], "csv gzip", "compressed file s3://.*/broken is truncated"),
        (b"not gzip at all", "csv gzip", "broken"),
        (parquet()[:-40], "parquet", "broken"),
        (b"1,two\n", "csv", r"line 1, column b: Invalid digit, Value 't', Pos 0, Type: Integer \(1207\)"),
        (b"1\n", "csv", r"line 1: Delimiter not found \(1214\)"),
    ],
)
def test_a_broken_file_loads_nothing(
    connection: Any, put: Any, credentials: str, content: bytes, options: str, says: str
) -> None:
    connection.execute("drop table if exists broken; create table broken (a int, b int)")
    url = put("broken", content)
    with pytest.raises(psycopg.Error, match=says):
        connection.execute(f"copy broken from '{url}' {credentials} {options}")
    assert connection.execute("select count(*) from broken").fetchone() == (0,)


def test_a_bad_row_names_its_file_and_line(connection: Any, put: Any, credentials: str) -> None:
    connection.execute("drop table if exists placed; create table placed (a int)")
    put("placed/1", b"head\n1\n2\n")
    url = put("placed/2", b"head\n3\nfour\n")
    with pytest.raises(psycopg.errors.InternalError_, match="Check 'stl_load_errors'") as caught:
        connection.execute(f"copy placed from '{url[:-1]}' {credentials} csv ignoreheader 1")
    assert str(caught.value.diag.message_detail).startswith(f"File {url}, line 3, column a: Invalid digit")


@pytest.mark.parametrize(
    ("location", "keys", "says"),
    [
        ("s3://{bucket}/nothing/", "{ok}", "The specified S3 prefix 'nothing/' does not exist"),
        ("s3://no-such-bucket/x", "{ok}", "bucket does not exist"),
        ("s3://{bucket}/bad", "access_key_id 'AKIAWRONG' secret_access_key 'WRONGSECRET'", "S3ServiceException"),
        ("s3://{bucket}/bad", "iam_role 'arn:aws:iam::1:role/r'", "no S3 keys"),
        ("s3://{bucket}/bad", "", "needs CREDENTIALS"),
    ],
)
def test_s3_that_cannot_be_read(
    connection: Any, table: str, s3: Any, credentials: str, location: str, keys: str, says: str
) -> None:
    sql = f"copy {table} from '{location.format(bucket=s3.bucket)}' {keys.format(ok=credentials)} parquet"
    with pytest.raises(psycopg.Error, match=says) as caught:
        connection.execute(sql)
    assert "WRONGSECRET" not in str(caught.value)
    assert connection.execute("select 1").fetchone() == (1,)


def test_the_load_is_part_of_the_clients_transaction(redshift: Any, put: Any, credentials: str) -> None:
    url = put("tx/a.parquet", parquet())
    with redshift.connect() as connection:
        connection.execute(f"create table in_tx {DDL}")
        connection.execute(f"copy in_tx from '{url}' {credentials} parquet")
        connection.rollback()
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("select * from in_tx")


def test_a_query_string_of_several_statements_is_one_transaction(redshift: Any, put: Any, credentials: str) -> None:
    url = put("several/a.parquet", parquet())
    copy = f"copy several from '{url}' {credentials} parquet"
    with redshift.connect(autocommit=True) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute(f"create table several {DDL}; {copy}; select 1/0; {copy}")
        cursor = connection.execute(f"create table several {DDL}; {copy}; {copy}; select count(*) from several")
        while cursor.nextset():
            pass
        assert cursor.fetchone() == (8,)
        connection.execute(f"begin; delete from several; {copy}; commit")
        assert connection.execute("select count(*) from several").fetchone() == (4,)


@pytest.mark.parametrize("prepare", [True, False])
def test_in_a_pipeline_the_order_is_kept(redshift: Any, put: Any, credentials: str, prepare: bool) -> None:
    url = put("pipeline/a.parquet", parquet())
    copy = f"copy piped from '{url}' {credentials} parquet"
    with redshift.connect(autocommit=True) as connection:
        connection.execute(f"drop table if exists piped; create table piped {DDL}")
        with connection.pipeline():
            before = connection.execute("select count(*) from piped")
            connection.execute(copy, prepare=prepare)
            after = connection.execute("select count(*), pg_last_copy_count() from piped")
            assert (before.fetchone(), after.fetchone()) == ((0,), (4, 4))
        with pytest.raises(psycopg.errors.DivisionByZero), connection.pipeline():
            [connection.execute(sql, prepare=prepare) for sql in ("select 1/0", copy)]
        assert connection.execute("select count(*) from piped").fetchone() == (4,)
