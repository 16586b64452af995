"""COPY of binary, compressed and otherwise encoded files, and of text in every shape, against what Python reads."""

import bz2
import csv
import datetime as dt
import gzip
import io
import random
import zlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import fastavro
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from pydantic import SecretStr

AT = dt.datetime(2013, 1, 1, 10, 30, 0, 123456, tzinfo=dt.UTC)
COLUMNS = "(id integer, name varchar(50), amount decimal(10, 2), at timestamp, ok boolean, day date, score float8)"
ROWS = [
    (1, 'a,"b"', Decimal("1.50"), AT.replace(tzinfo=None), True, dt.date(2013, 1, 1), 0.5),
    (2, None, None, None, None, None, None),
    (3, "é\n", Decimal("-0.01"), AT.replace(tzinfo=None), False, dt.date(1970, 1, 1), 1e300),
]
FIELDS = [
    {"name": "id", "type": "int"},
    {"name": "name", "type": ["null", "string"]},
    {"name": "amount", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}]},
    {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
    {"name": "ok", "type": ["null", "boolean"]},
    {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
    {"name": "score", "type": ["null", "double"]},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
]
SCHEMA = {"type": "record", "name": "row", "fields": FIELDS}


@pytest.fixture
def table(connection: psycopg.Connection) -> str:
    connection.execute(f"drop table if exists shaped; create table shaped {COLUMNS}")
    return "shaped"


def loaded(connection: psycopg.Connection, table: str) -> list[Any]:
    return connection.execute(f"select * from {table} order by id").fetchall()


def snappy_block(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="snappy", asbytes=True))


def avro(codec: str, rows: list[Any] = ROWS) -> bytes:
    names = [f["name"] for f in FIELDS]
    records = [dict(zip(names, [*row, ["x"]], strict=True)) for row in rows]
    for record in records:
        record["at"] = record["at"] and record["at"].replace(tzinfo=dt.UTC)
    sink = io.BytesIO()
    fastavro.writer(sink, SCHEMA, records, codec=codec)
    return sink.getvalue()


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_avro(connection: Any, table: str, put: Any, credentials: str, codec: str) -> None:
    url = put(f"avro-{codec}", avro(codec))
    connection.execute(f"copy {table} from '{url}' {credentials} format as avro 'auto'")
    assert loaded(connection, table) == ROWS


def test_avro_with_snappy(connection: Any, put: Any, credentials: str) -> None:
    header = io.BytesIO()
    fastavro.writer(header, SCHEMA | {"fields": FIELDS[:1]}, [], sync_marker=b"s" * 16)
    body = b"\x00\x02\x04"  # 0, 1 and 2 as Avro writes them
    packed = snappy_block(body) + zlib.crc32(body).to_bytes(4, "big")
    start = header.getvalue().replace(b"\x08null", b"\x0csnappy")
    content = start + bytes([6, len(packed) * 2]) + packed + b"s" * 16
    connection.execute("drop table if exists packed; create table packed (id int)")
    connection.execute(f"copy packed from '{put('avro-snappy', content)}' {credentials} avro")
    assert connection.execute("select id from packed order by id").fetchall() == [(0,), (1,), (2,)]


def test_avro_by_paths_and_nested_values(connection: Any, put: Any, credentials: str) -> None:
    paths = put("avro-paths", b'{"jsonpaths": ["$.tags", "$.tags[0]", "$.id"]}')
    url = put("avro-nested", avro("null", ROWS[:1]))
    connection.execute("drop table if exists nested; create table nested (a super, b varchar(9), c int)")
    connection.execute(f"copy nested from '{url}' {credentials} avro '{paths}'")
    assert loaded_text(connection, "nested") == [('["x"]', "x", 1)]


def loaded_text(connection: psycopg.Connection, table: str) -> list[Any]:
    return connection.execute(f"select a::text, b, c from {table}").fetchall()


def columnar() -> Any:
    return pa.table(
        {
            "id": pa.array([r[0] for r in ROWS], pa.int32()),
            "name": pa.array([r[1] for r in ROWS]),
            "amount": pa.array([r[2] for r in ROWS], pa.decimal128(10, 2)),
            "at": pa.array([r[3] for r in ROWS], pa.timestamp("us")),
            "ok": pa.array([r[4] for r in ROWS]),
            "day": pa.array([r[5] for r in ROWS], pa.date32()),
            "score": pa.array([r[6] for r in ROWS], pa.float64()),
        }
    )


@pytest.mark.parametrize("compression", ["uncompressed", "zlib", "snappy"])
def test_orc(connection: Any, table: str, put: Any, credentials: str, compression: str) -> None:
    sink = io.BytesIO()
    orc.write_table(columnar(), sink, compression=compression)
    url = put(f"orc-{compression}/part.orc", sink.getvalue())
    put(f"orc-{compression}/_SUCCESS", b"")
    connection.execute(f"copy {table} from '{url.removesuffix('part.orc')}' {credentials} orc")
    assert loaded(connection, table) == ROWS


def test_orc_that_does_not_fit(connection: Any, table: str, put: Any, credentials: str) -> None:
    sink = io.BytesIO()
    orc.write_table(columnar().set_column(0, "id", pa.array([1, 2, 3], pa.int64())), sink)
    url = put("orc-bad", sink.getvalue())
    with pytest.raises(psycopg.Error, match="incompatible ORC schema for column 'id'"):
        connection.execute(f"copy {table} from '{url}' {credentials} orc")


@pytest.mark.parametrize("form", ["parquet", "orc"])
def test_fillrecord_of_a_columnar_file(connection: Any, table: str, put: Any, credentials: str, form: str) -> None:
    sink = io.BytesIO()
    few = columnar().select(["id"])
    pq.write_table(few, sink) if form == "parquet" else orc.write_table(few, sink)
    url = put(f"few.{form}", sink.getvalue())
    connection.execute(f"copy {table} from '{url}' {credentials} {form} fillrecord")
    assert [row[:3] for row in loaded(connection, table)] == [(1, None, None), (2, None, None), (3, None, None)]


@pytest.mark.parametrize("form", ["parquet", "orc"])
def test_a_columnar_file_s_texts_are_counted_in_bytes(connection: Any, put: Any, credentials: str, form: str) -> None:
    sink = io.BytesIO()
    texts = pa.table({"v": ["ééé", None], "c": ["ab   ", None]})
    pq.write_table(texts, sink) if form == "parquet" else orc.write_table(texts, sink)
    url = put(f"wide.{form}", sink.getvalue())
    connection.execute("drop table if exists wide; create table wide (v varchar(6), c char(2))")
    assert connection.execute(f"copy wide from '{url}' {credentials} {form}").rowcount == 2
    connection.execute("drop table if exists wide; create table wide (v varchar(5), c char(2))")
    with pytest.raises(psycopg.Error, match=r"data column v is longer .* Table: 5, Data: 6"):
        connection.execute(f"copy wide from '{url}' {credentials} {form}")
    assert connection.execute("select count(*) from wide").fetchone() == (0,)


PACKED = {
    "gzip": lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:]),  # two members, as some writers make
    "bzip2": bz2.compress,
    "zstd": lambda data: bytes(pa.compress(data, codec="zstd", asbytes=True)),
}


@pytest.mark.parametrize("compression", list(PACKED))
@pytest.mark.parametrize(
    ("form", "line"), [("csv", b"%d,a\n"), ("", b"%d|a\n"), ("json 'auto'", b'{"id": %d, "name": "a"}\n')]
)
def test_compressed(
    connection: Any, table: str, put: Any, credentials: str, compression: str, form: str, line: bytes
) -> None:
    content = PACKED[compression](b"".join(line % n for n in range(3000)))
    url = put(f"packed/{compression}-{form[:4]}.file", content)
    done = connection.execute(f"copy {table} (id, name) from '{url}' {credentials} {form} {compression}")
    assert done.rowcount == 3000


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [("utf16", "utf-16"), ("utf16le", "utf-16-le"), ("utf16be", "utf-16-be"), ("iso88591", "latin-1")],
)
def test_encodings(connection: Any, table: str, put: Any, credentials: str, encoding: str, codec: str) -> None:
    url = put(f"encoded-{encoding}", "1,é\n".encode(codec))
    connection.execute(f"copy {table} (id, name) from '{url}' {credentials} csv encoding as {encoding}")
    assert loaded(connection, table)[0][:2] == (1, "é")


def test_a_file_in_another_encoding(connection: Any, table: str, put: Any, credentials: str) -> None:
    url = put("not-utf16", b"1,a\n")
    with pytest.raises(psycopg.Error, match="not encoded in UTF16"):
        connection.execute(f"copy {table} (id, name) from '{url}' {credentials} csv encoding utf16")


def test_invalid_utf8_is_replaced_byte_by_byte_or_refused(
    connection: Any, table: str, put: Any, credentials: str
) -> None:
    url = put("invalid", b"1,a\xe1\x80b\n2,c\n")
    with pytest.raises(psycopg.Error, match=r"Bad UTF8 hex sequence.*\(1220\)"):
        connection.execute(f"copy {table} (id, name) from '{url}' {credentials} csv")
    connection.execute(f"copy {table} (id, name) from '{url}' {credentials} csv acceptinvchars '^'")
    assert [r[:2] for r in loaded(connection, table)] == [(1, "a^^b"), (2, "c")]


@pytest.mark.parametrize("text", [rb"x\u0000y", rb"x\ud800y", rb"\ud800\u0000" * 9])
@pytest.mark.parametrize("record", [b'{"name": "%s"}\n{"id": 7}\n', b'{"name":\n"%s"}\n{"id": 7}\n'])
def test_json_may_write_what_postgresql_cannot_hold(
    connection: Any, table: str, put: Any, credentials: str, record: bytes, text: bytes
) -> None:
    url = put("unholdable", record % text)
    with pytest.raises(psycopg.Error, match=r"\((1220|1204)\)"):
        connection.execute(f"copy {table} (id, name) from '{url}' {credentials} json 'auto'")
    connection.execute(f"copy {table} (id, name) from '{url}' {credentials} json 'auto' maxerror 2")
    assert loaded(connection, table)[0][:2] == (7, None)
    found = connection.execute(f"select count(*) from stl_load_errors where filename = '{url}'").fetchone()
    assert found[0] >= 2


def test_files_of_many_pieces_keep_every_row(connection: Any, put: Any, credentials: str) -> None:
    """Quotes, newlines in values, empty fields and backslashes, over the borders of pieces."""
    chance = random.Random(5)
    texts = ["", "plain", "with, comma", 'a "quote"', "two\nlines", "x" * 3000, r"back\slash", "é", " padded "]
    rows = [(n, chance.choice(texts), chance.choice(["", "7"])) for n in range(4000)]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    connection.execute("drop table if exists pieces; create table pieces (id int, t varchar(4000), n int)")
    connection.execute(f"copy pieces from '{put('pieces.csv', out.getvalue().encode())}' {credentials} csv")
    wanted = [(n, t, int(number) if number else None) for n, t, number in rows]
    assert connection.execute("select * from pieces order by id").fetchall() == wanted
    escaped = "".join(
        f"{n}|{t.replace(chr(92), chr(92) * 2).replace(chr(10), chr(92) + chr(10))}|{m}\n" for n, t, m in rows
    )
    connection.execute("truncate pieces")
    connection.execute(f"copy pieces from '{put('pieces.txt', escaped.encode())}' {credentials} escape")
    assert connection.execute("select * from pieces order by id").fetchall() == wanted


def test_many_objects_at_once_load_every_row_and_name_the_bad_one(connection: Any, put: Any, credentials: str) -> None:
    connection.execute("drop table if exists many; create table many (id int)")
    for number in range(9):
        lines = "".join(f"{number * 1000 + n}\n" for n in range(1000))
        put(f"many/{number}", lines.encode())
    connection.execute(f"copy many from 's3://lake/many/' {credentials} csv")
    assert connection.execute("select count(distinct id), sum(id) from many").fetchone() == (9000, sum(range(9000)))
    bad = put("many/5", b"1\n" * 700 + b"oops\n")
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(f"copy many from 's3://lake/many/' {credentials} csv")
    assert f"File {bad}, line 701, column id" in str(caught.value.diag.message_detail)
    assert connection.execute("select count(*) from many").fetchone() == (9000,)
    line = connection.execute(f"select line_number, raw_line from stl_load_errors where filename = '{bad}'").fetchone()
    assert line == (701, "oops")


def test_rejected_rows_are_told_and_kept(redshift: Any, put: Any, credentials: str) -> None:
    url = put("told", b"1\nx\n2\ny\n")
    told: list[str] = []
    with redshift.connect(autocommit=True) as client:
        client.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
        client.execute("create table told (id int)")
        assert client.execute(f"copy told from '{url}' {credentials} csv maxerror 9").rowcount == 2
        for _ in range(7):  # from the sixth time on, psycopg prepares the statement
            found = client.execute(f"select line_number from stl_load_errors where filename = '{url}'").fetchall()
            assert sorted(found) == [(2,), (4,)]
        assert client.execute("select pg_last_copy_count()").fetchone() == (2,)
    assert any("2 record(s) could not be loaded" in text for text in told)


def test_a_prepared_look_at_the_errors_sees_new_ones(redshift: Any, put: Any, credentials: str) -> None:
    url = put("again", b"x\n")
    with redshift.connect(autocommit=True) as client:
        client.execute("create table again (id int)")
        look = f"select count(*) from stl_load_errors where filename = '{url}'"
        for wanted in range(3):
            assert client.execute(look, prepare=True).fetchone() == (wanted,)
            client.execute(f"copy again from '{url}' {credentials} csv ignoreallerrors")


def test_other_users_do_not_see_the_rows(redshift: Any, postgres: Any, put: Any, credentials: str) -> None:
    url = put("private", b"x\n")
    with redshift.connect(autocommit=True) as client:
        client.execute("drop role if exists nosy; create role nosy login password 'pw'")
        client.execute("create table private (id int)")
        client.execute(f"copy private from '{url}' {credentials} csv ignoreallerrors")
        with replace(redshift, user="nosy", password="pw").connect(autocommit=True) as other:
            assert other.execute("select count(*) from stl_load_errors").fetchone() == (0,)
        client.execute("drop role nosy")


@pytest.mark.parametrize(
    "clause", ["iam_role 'arn:aws:iam::1:role/r'", "iam_role default", "credentials 'aws_iam_role=r'"]
)
def test_a_role_stands_for_the_gateways_own_keys(
    redshift: Any, gateway_settings: Any, listening_gateway: Any, s3: Any, put: Any, clause: str
) -> None:
    keys = {"role_access_key": SecretStr(s3.access_key), "role_secret_key": SecretStr(s3.secret_key)}
    settings = replace(gateway_settings, s3=replace(gateway_settings.s3, **keys))
    with listening_gateway(settings) as (_, port), replace(redshift, port=port).connect() as client:
        client.execute("create table by_role (id int)")
        assert client.execute(f"copy by_role from '{put('role', b'1')}' {clause} csv").rowcount == 1
        assert client.execute(f"copy by_role from 's3://lake/role' {keys_clause(s3)} csv").rowcount == 1
        client.rollback()


def keys_clause(s3: Any) -> str:
    return f"access_key_id '{s3.access_key}' secret_access_key '{s3.secret_key}'"
