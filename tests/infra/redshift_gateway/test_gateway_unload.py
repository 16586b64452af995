"""UNLOAD through real clients: what is in S3 afterwards."""

import bz2
import gzip
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from redshift_gateway.errors import GatewayError
from redshift_gateway.s3 import uploads
from redshift_gateway.s3.objects import S3Settings
from redshift_gateway.statements.copy import Credentials
from redshift_gateway.statements.unload import UnloadStatement

Get = Callable[[str], dict[str, bytes]]
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC).replace(tzinfo=None)
VENUE = """
create table venue (venueid int, venuename varchar(30), venuecity varchar(30), venuestate char(2), venueseats int);
insert into venue values (1, 'Pinewood Race|track', 'Akron', 'OH', 0),
  (2, 'Columbus "Crew" Stadium', 'Columbus', 'OH', 0), (4, 'Community, Park, Arena', 'Kansas City', 'KS', null)"""


@pytest.fixture(scope="module")
def venue(redshift: Any) -> Iterator[psycopg.Connection]:
    with redshift.connect(autocommit=True) as opened:
        opened.execute(VENUE)
        yield opened


@pytest.fixture
def unload(venue: psycopg.Connection, s3: Any, credentials: str, get: Get, request: pytest.FixtureRequest) -> Any:
    """Unloads under a prefix of the test's own; the objects by what follows that prefix."""
    prefix = f"unload/{abs(hash(request.node.name))}/"

    def run(query: str, options: str = "", name: str = "") -> dict[str, bytes]:
        venue.execute(f"unload ($${query}$$) to 's3://{s3.bucket}/{prefix}{name}' {credentials} {options}")
        return {key.removeprefix(prefix): content for key, content in get(prefix).items()}

    return run


ALL = "select * from venue order by venueid"
PLAIN = b'1|Pinewood Race|track|Akron|OH|0\n2|Columbus "Crew" Stadium|Columbus|OH|0\n'


LINES = {
    "": PLAIN + b"4|Community, Park, Arena|Kansas City|KS|\n",
    "null as 'fred'": PLAIN + b"4|Community, Park, Arena|Kansas City|KS|fred\n",
    "escape": PLAIN.replace(b"e|t", b"e\\|t") + b"4|Community, Park, Arena|Kansas City|KS|\n",
    "csv delimiter as '|'": (
        b'1|"Pinewood Race|track"|Akron|OH|0\n2|"Columbus ""Crew"" Stadium"|Columbus|OH|0\n'
        b"4|Community, Park, Arena|Kansas City|KS|\n"
    ),
    "format as csv header": (
        b"venueid,venuename,venuecity,venuestate,venueseats\n1,Pinewood Race|track,Akron,OH,0\n"
        b'2,"Columbus ""Crew"" Stadium",Columbus,OH,0\n4,"Community, Park, Arena",Kansas City,KS,\n'
    ),
    "json": (
        b'{"venueid":1,"venuename":"Pinewood Race|track","venuecity":"Akron","venuestate":"OH","venueseats":0}\n'
        b'{"venueid":2,"venuename":"Columbus \\"Crew\\" Stadium","venuecity":"Columbus","venuestate":"OH",'
        b'"venueseats":0}\n{"venueid":4,"venuename":"Community, Park, Arena","venuecity":"Kansas City",'
        b'"venuestate":"KS","venueseats":null}\n'
    ),
    "delimiter ',' addquotes escape header": (
        b'"venueid","venuename","venuecity","venuestate","venueseats"\n"1","Pinewood Race|track","Akron","OH","0"\n'
        b'"2","Columbus \\"Crew\\" Stadium","Columbus","OH","0"\n'
        b'"4","Community\\, Park\\, Arena","Kansas City","KS",""\n'
    ),
}


@pytest.mark.parametrize(("options", "lines"), LINES.items())
def test_lines(unload: Any, options: str, lines: bytes) -> None:
    assert unload(ALL, options) == {"0000_part_00": lines}


def test_parquet_has_the_types_of_the_query(unload: Any) -> None:
    query = """
        select 1::smallint a, 2::int b, 3::bigint c, 1.5::real d, 2.5::float8 e, true f, 12.30::numeric(10,2) g,
          date '2024-02-29' h, timestamp '2024-02-29 12:00:00.123456' i, timestamptz '2024-02-29 12:00:00+02' j,
          time '01:02:03' k, 'päivä'::varchar(10) l, '{"x": [1]}'::jsonb m, sum(1.25) n
        union all select null, null, null, null, null, null, null::numeric(10, 2), null, null, null,
          null, '', null, null"""
    files = unload(query, "format parquet parallel off")
    table = pq.read_table(io.BytesIO(files["000.parquet"]))
    assert [str(f.type) for f in table.schema] == [
        "int16", "int32", "int64", "float", "double", "bool", "decimal128(10, 2)", "date32[day]", "timestamp[us]",
        "timestamp[us]", "time64[us]", "string", "string", "decimal128(38, 18)",
    ]  # fmt: skip
    first, second = table.to_pylist()
    assert list(first.values()) == [
        1, 2, 3, 1.5, 2.5, True, Decimal("12.30"), date(2024, 2, 29), NOON.replace(microsecond=123456),
        NOON.replace(hour=10), time(1, 2, 3), "päivä", '{"x": [1]}', Decimal("1.25"),
    ]  # fmt: skip
    assert [v for v in second.values() if v is not None] == [""]
    assert pq.ParquetFile(io.BytesIO(files["000.parquet"])).metadata.row_group(0).column(0).compression == "SNAPPY"


def test_the_session_s_settings_do_not_reach_parquet(unload: Any, venue: psycopg.Connection) -> None:
    with venue.transaction():
        venue.execute("set local datestyle = 'German'; set local timezone = 'Asia/Tokyo'")
        files = unload("select date '2024-02-29' d, timestamptz '2024-02-29 12:00+00' t", "parquet")
    assert pq.read_table(io.BytesIO(files["0000_part_00.parquet"])).to_pylist() == [{"d": date(2024, 2, 29), "t": NOON}]


def test_partitions(unload: Any) -> None:
    query = "select venueid, venuestate, nullif(venuecity, 'Akron') venuecity from venue order by venueid desc"
    assert unload(query, "csv partition by (venuestate, venuecity)", "p") == {
        "p/venuestate=KS/venuecity=Kansas City/0000_part_00": b"4\n",
        "p/venuestate=OH/venuecity=Columbus/0000_part_00": b"2\n",
        "p/venuestate=OH/venuecity=__HIVE_DEFAULT_PARTITION__/0000_part_00": b"1\n",
    }


def test_a_partition_s_name_is_escaped_as_hive_does(unload: Any) -> None:
    assert list(unload("select 1 a, 'x/y=%z'::varchar b", "csv partition by (b)")) == ["b=x%2Fy%3D%25z/0000_part_00"]
    plain = list(unload("select 1 a, 'é }[1]'::varchar b", "csv partition by (b)", "x"))
    assert plain[-1] == "x/b=é }%5B1%5D/0000_part_00"


def test_what_escape_and_null_as_do_not_touch(unload: Any) -> None:
    query = "select date '2024-02-29' d, '-a-'::varchar t, null::super s, null::int n, '{\"a\": 1}'::super u"
    text = unload(query, "delimiter '-' escape null as 'x'", "t")["t0000_part_00"]
    assert text == b'2024-02-29-\\-a\\--null-x-{"a": 1}\n'
    assert unload(query, "csv null as 'x'", "c")["c0000_part_00"] == b'2024-02-29,-a-,null,x,"{""a"": 1}"\n'


def test_partitions_of_parquet_in_the_query_s_order(unload: Any) -> None:
    query = "select i, i % 3 g, 'x' || i s from generate_series(1, 3000) i order by i desc"
    files = unload(query, "parquet partition by (g) include parallel off")
    assert list(files) == ["g=0/000.parquet", "g=1/000.parquet", "g=2/000.parquet"]
    tables = [pq.ParquetFile(io.BytesIO(f)).read() for f in files.values()]
    assert [t.column_names for t in tables] == [["i", "g", "s"]] * 3
    assert [t["i"].to_pylist() for t in tables] == [list(range(3000 - r, 0, -3)) for r in (0, 2, 1)]


@pytest.mark.parametrize(
    ("option", "extension", "decompress"),
    [
        ("gzip", "gz", gzip.decompress),
        ("bzip2", "bz2", bz2.decompress),
        ("zstd", "zst", lambda b: pa.CompressedInputStream(io.BytesIO(b), "zstd").read()),
    ],
)
def test_compression(unload: Any, option: str, extension: str, decompress: Callable[[bytes], bytes]) -> None:
    files = unload("select generate_series(1, 3)", f"{option} parallel off")
    assert {name: decompress(content) for name, content in files.items()} == {f"000.{extension}": b"1\n2\n3\n"}


def test_an_extension(unload: Any) -> None:
    assert list(unload("select 1", "extension 'txt.gz' gzip", "x_")) == ["x_0000_part_00.txt.gz"]


BIG = "select i, repeat('x', 90) from generate_series(1, 110000) i"


@pytest.mark.parametrize(
    ("parallel", "names"), [("on", ["0000_part_00", "0000_part_01", "0000_part_02"]), ("off", ["000", "001", "002"])]
)
def test_the_largest_size_of_a_file(unload: Any, parallel: str, names: list[str]) -> None:
    files = unload(BIG, f"header maxfilesize 5 mb parallel {parallel} manifest verbose")
    told = json.loads(files.pop("manifest"))
    assert list(files) == names
    contents = list(files.values())
    assert all(len(c) <= 5_000_000 and c.startswith(b"i|repeat\n") for c in contents)
    assert len(contents[0]) > 4_999_800
    rows = b"".join(c.partition(b"\n")[2] for c in contents).splitlines()
    assert [int(r.partition(b"|")[0]) for r in rows] == list(range(1, 110001))
    assert [e["meta"]["record_count"] for e in told["entries"]] == [c.count(b"\n") for c in contents]
    assert told["meta"] == {"content_length": sum(map(len, contents)), "record_count": 110003}


def test_a_manifest_that_copy_reads(unload: Any, venue: Any, s3: Any, credentials: str) -> None:
    files = unload(ALL, "csv manifest verbose", "m_")
    told = json.loads(files["m_manifest"])
    assert told["schema"]["elements"][0] == {"name": "venueid", "type": {"base": "integer"}}
    assert told["schema"]["elements"][3] == {"name": "venuestate", "type": {"base": "character", "max_length": 2}}
    assert told["author"]["name"] == "Amazon Redshift"
    place = told["entries"][0]["url"].removesuffix("0000_part_00") + "manifest"
    venue.execute("create table again (like venue)")
    venue.execute(f"copy again from '{place}' {credentials} csv manifest")
    assert venue.execute("select * from again except select * from venue").fetchall() == []
    assert venue.execute("select count(*) from again").fetchone() == (3,)


def test_a_place_that_is_not_empty(unload: Any, venue: Any) -> None:
    first = unload("select 1", "manifest")
    with pytest.raises(psycopg.Error, match="not empty"):
        unload("select 2")
    assert unload("select 1", "manifest allowoverwrite") == first
    assert unload("select 3", "allowoverwrite")["0000_part_00"] == b"3\n"
    assert list(unload("select 4", "cleanpath parallel off")) == ["000"]


def test_cleanpath_of_partitions_leaves_others(unload: Any) -> None:
    unload("select i, i p from generate_series(1, 2) i", "csv partition by (p)")
    files = unload("select i + 10, i p from generate_series(2, 3) i", "csv partition by (p) cleanpath parallel off")
    assert files == {"p=1/0000_part_00": b"1\n", "p=2/000": b"12\n", "p=3/000": b"13\n"}


def test_nothing_to_unload(unload: Any) -> None:
    nothing = "select venueid from venue where false"
    assert unload(nothing, "csv header", "a") == {"a0000_part_00": b"venueid\n"}
    assert unload(nothing, "", "b")["b0000_part_00"] == b""
    assert "z0000_part_00" not in unload(nothing, "json", "z")
    assert pq.read_table(io.BytesIO(unload(nothing, "parquet", "c")["c0000_part_00.parquet"])).num_rows == 0
    assert (
        list(unload(nothing + " and venuename > ''", "csv partition by (venueid) include", "d"))
        == list(unload("select 1", "csv", "e"))[:-1]
    )


def test_quotes_in_the_query(venue: Any, s3: Any, credentials: str, get: Get) -> None:
    for number, query in enumerate((r"select venueid from venue where venuestate=\'KS\'", "select ''it''''s''")):
        venue.execute(f"unload ('{query}') to 's3://{s3.bucket}/quotes/{number}' {credentials}")
    assert list(get("quotes/").values()) == [b"4\n", b"it's\n"]


def test_redshift_s_sql_in_the_query(unload: Any) -> None:
    assert unload("select nvl(null, 1), datediff(day, '2024-02-28', '2024-03-01')", "csv")["0000_part_00"] == b"1,2\n"


@pytest.mark.parametrize("binary", [False, True])
def test_the_extended_protocol(redshift: Any, s3: Any, credentials: str, get: Get, binary: bool) -> None:
    notices = []
    sql = f"unload ('select 1 a union all select 2') to 's3://{s3.bucket}/extended/{binary}' {credentials} csv"
    with redshift.connect() as client:
        client.add_notice_handler(lambda n: notices.append(n.message_primary))
        client.execute("create temp table mine as select 1 a")
        done = client.execute(sql, prepare=True, binary=binary)
        assert (done.statusmessage, notices) == ("UNLOAD", ["UNLOAD completed, 2 record(s) unloaded successfully."])
        with pytest.raises(psycopg.Error, match="not empty"):
            client.execute(sql, prepare=True)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            client.execute("select 1")
        client.rollback()
        assert client.execute("select 1").fetchone() == (1,)
    assert list(get(f"extended/{binary}").values()) == [b"1\n2\n"]


def test_what_a_transaction_has_written_is_unloaded(redshift: Any, s3: Any, credentials: str, get: Get) -> None:
    with redshift.connect() as client:
        client.execute("create table #t (a int); insert into #t values (7)")
        client.execute(f"unload ('select * from #t') to 's3://{s3.bucket}/own/a' {credentials}; select 5")
        client.rollback()
    assert get("own/") == {"own/a0000_part_00": b"7\n"}


def test_redshift_connector(redshift: Any, s3: Any, credentials: str, get: Get) -> None:
    arguments = redshift.arguments | {"database": redshift.database, "ssl": False}
    with redshift_connector.connect(**arguments) as client, client.cursor() as cursor:
        cursor.execute(f"unload ('select 1') to 's3://{s3.bucket}/connector/' {credentials} parquet")
        cursor.execute("select 2")
        assert cursor.fetchone() == [2]
    assert len(get("connector/")) == 1


@pytest.fixture
def place(s3: Any, credentials: str, get: Get) -> Callable[[str, str], Any]:
    """An UNLOAD to a place of its own, and what is there."""
    return lambda query, options: (
        f"unload ($${query}$$) to 's3://{s3.bucket}/fails/' {credentials} {options}",
        lambda: get("fails/"),
    )


@pytest.mark.parametrize("prepare", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        ("select 1/0", "", "22012", "division by zero"),
        ("select * from venue limit 1", "", "0A000", "Limit clause"),
        ("select nonsense from venue", "", "42703", "nonsense"),
        ("select 1; select 2", "", "42601", "one SELECT"),
        ("delete from venue", "", "42601", "one SELECT"),
        ("select 1 a, 2 a", "json", "42701", "unique"),
        ("select 1 a", "partition by (a)", "42601", "not in PARTITION BY"),
        ("select 1 a", "partition by (b)", "42703", "'b'"),
        ("select 1 a", "csv parquet", "42601", "one format"),
        ("select 1 a", "parquet gzip", "42601", "GZIP"),
        ("select 1 a", "csv addquotes", "42601", "ADDQUOTES"),
        ("select 1 a", "rowgroupsize 64", "42601", "ROWGROUPSIZE"),
        ("select 1 a", "maxfilesize 1 mb", "22023", "between 5 MB"),
        ("select 1 a", "cleanpath allowoverwrite", "42601", "together"),
        ("select 1 a", "kms_key_id 'x'", "0A000", "KMS_KEY_ID"),
        ("select 'infinity'::date a", "parquet", "22", "infin"),
        ("select ''::bytea a", "parquet", "0A000", "VARBYTE"),
        ("select 1e30 a", "parquet", "22000", "cannot be unloaded"),
    ],
)  # fmt: skip
def test_what_fails_leaves_nothing(redshift: Any, place: Any, case: tuple[str, str, str, str], prepare: bool) -> None:
    query, options, state, says = case
    sql, written = place(query, options)
    with redshift.connect() as client:
        with pytest.raises(psycopg.Error, match=says) as caught:
            client.execute(sql, prepare=prepare)
        assert caught.value.sqlstate.startswith(state)
        client.rollback()
        assert client.execute("select 1").fetchone() == (1,)
    assert written() == {}


def _keys(access: str, secret: str) -> Credentials:
    return Credentials(SecretStr(access), SecretStr(secret))


@pytest.mark.parametrize("rows", [1, 3_000_000])
def test_encrypted_objects_are_so_in_s3(unload: Any, s3: Any, get: Get, rows: int) -> None:
    (name,) = unload(f"select n from generate_series(1, {rows}) n", "encrypted parallel off", name=f"of-{rows}-")
    (key,) = (key for key in get("unload/") if key.endswith(f"/{name}"))
    client = uploads.client(
        S3Settings(s3.endpoint), UnloadStatement("", s3.bucket, "", _keys(s3.access_key, s3.secret_key))
    )
    assert client.head_object(Bucket=s3.bucket, Key=key)["ServerSideEncryption"] == "AES256"


def test_an_s3_that_does_not_encrypt_is_an_error(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/bucket/key").respond_with_data("", headers={"ETag": '"1"'})
    statement = UnloadStatement("select 1", "bucket", "key", _keys("key", "secret"))
    s3 = uploads.client(S3Settings(httpserver.url_for("")), statement)
    encrypted = uploads.Uploads(s3, "bucket", encrypted=True)
    encrypted.open("key").write(b"1")
    with pytest.raises(GatewayError, match="does not encrypt"):
        encrypted.commit()
