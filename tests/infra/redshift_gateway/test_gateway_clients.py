import shutil
import subprocess
from typing import Any

import psycopg
import psycopg2
import pytest
import redshift_connector
import sqlalchemy as sa


@pytest.fixture
def driver(redshift: Any) -> Any:
    with redshift_connector.connect(database=redshift.database, ssl=False, **redshift.arguments) as opened:
        yield opened


def test_redshift_connector_sees_redshift(driver: Any) -> None:
    cursor = driver.cursor()
    version, count = cursor.execute("select version(), pg_last_copy_count()").fetchone()
    assert "Redshift" in version
    assert count == 0


def test_redshift_connectors_transactions(driver: Any) -> None:
    cursor = driver.cursor()
    cursor.execute("create table tx (i int)")
    driver.commit()
    cursor.executemany("insert into tx values (%s)", [(i,) for i in range(50)])
    driver.rollback()
    cursor.executemany("insert into tx values (%s)", [(i,) for i in range(7)])
    driver.commit()
    assert cursor.execute("select count(*) from tx").fetchone() == [7]
    driver.rollback()
    driver.autocommit = True
    cursor.execute("insert into tx values (8)")
    driver.autocommit = False
    driver.rollback()
    assert cursor.execute("select count(*) from tx").fetchone() == [8]


def test_redshift_connectors_data_frames(driver: Any) -> None:
    import pandas as pd

    cursor = driver.cursor()
    cursor.execute("create table frames (a int, b varchar(max), c float8)")
    cursor.write_dataframe(pd.DataFrame({"a": [1, 2], "b": ["x", "é"], "c": [1.5, -2.5]}), "frames")
    frame = cursor.execute("select a, b, c from frames order by a").fetch_dataframe()
    assert frame.to_numpy().tolist() == [[1, "x", 1.5], [2, "é", -2.5]]


def test_psycopg_in_all_its_ways(redshift: Any) -> None:
    with redshift.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create table modern (i int, t text)")
        with cursor.copy("copy modern from stdin") as copy:
            for i in range(1000):
                copy.write_row((i, f"row {i}"))
        cursor.executemany("insert into modern values (%s, %s)", [(i, "x") for i in range(1000, 1010)])
        cursor.execute("select count(*), max(i) from modern", prepare=True, binary=True)
        assert cursor.fetchone() == (1010, 1009)
        with cursor.copy("copy modern to stdout") as copy:
            assert sum(bytes(block).count(b"\n") for block in copy) == 1010
        with connection.pipeline():
            first, second = connection.execute("select 1"), connection.execute("select nvl(null, 2)")
            assert (first.fetchone(), second.fetchone()) == ((1,), (2,))


def test_psycopg2_and_a_server_side_cursor(redshift: Any) -> None:
    connection = psycopg2.connect(dbname=redshift.database, **redshift.arguments)
    with connection, connection.cursor("named") as cursor:
        cursor.execute("select generate_series(1, 10000)")
        assert len(cursor.fetchall()) == 10_000
    assert connection.server_version == 80002
    connection.close()


@pytest.mark.parametrize("driver_name", ["psycopg", "psycopg2"])
def test_sqlalchemy(redshift: Any, driver_name: str) -> None:
    address = sa.URL.create(
        f"postgresql+{driver_name}", redshift.user, redshift.password, "127.0.0.1", redshift.port, redshift.database
    )
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        assert connection.execute(sa.text("select getdate() <= sysdate + interval '1 s'")).scalar()
    engine.dispose()


def test_psql(redshift: Any) -> None:
    if (program := shutil.which("psql")) is None:
        pytest.skip("psql is not on this machine")
    address = f"postgresql://{redshift.user}:{redshift.password}@127.0.0.1:{redshift.port}/{redshift.database}"
    done = subprocess.run(
        [program, address, "-XAtc", "select top 1 'yes'", "-c", r"\dt", "-c", "select 1; select 2"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.splitlines()[0] == "yes"
    assert done.stdout.splitlines()[-2:] == ["1", "2"]


def test_a_wrong_password_is_postgresqls_to_refuse(redshift: Any) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dbname=redshift.database, **(redshift.arguments | {"password": "wrong"}))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("datediff(day, '2013-01-31 23:59', '2013-02-01 00:01')", 1),
        ("datediff(month, '2013-01-31'::date, '2013-02-01'::date)", 1),
        ("datediff(hours, '2013-01-01 10:59', '2013-01-01 09:01')", -1),
        ("datediff(week, '2024-01-06', '2024-01-07')", 1),
        ("datediff(qtr, '2013-03-31', '2014-01-01')", 4),
        ("dateadd(month, 1, '2013-01-31')::text", "2013-02-28 00:00:00"),
        ("dateadd(qtr, -1, '2013-01-31')::text", "2012-10-31 00:00:00"),
        ("add_months('2013-02-28', 1)::text", "2013-03-31 00:00:00"),
        ("last_day('2012-02-03')::text", "2012-02-29"),
        ("nvl(null, null, 3)", 3),
        ("nvl2(null::int, 'full', 'empty')", "empty"),
        ("len('abc')", 3),
        ("charindex('c', 'abc')", 3),
        ("convert_timezone('America/New_York', '2013-07-01 12:00')::text", "2013-07-01 08:00:00"),
        ("json_extract_path_text('{\"a\": {\"b\": 5}}', 'a', 'b')", "5"),
        ("pg_typeof(getdate())::text", "timestamp without time zone"),
    ],
)
def test_redshifts_functions(connection: Any, expression: str, value: Any) -> None:
    assert connection.execute(f"select {expression}").fetchone() == (value,)


def test_an_unknown_date_part_is_an_error(connection: Any) -> None:
    with pytest.raises(psycopg.Error, match="unknown date part lustrum"):
        connection.execute("select datediff(lustrum, '2013-01-01', '2014-01-01')")


def test_identity_columns_and_table_attributes(connection: Any) -> None:
    connection.execute(
        """create table keyed (id bigint identity(10, 5), v varchar(20) encode zstd not null, primary key (id))
        diststyle key distkey (id) interleaved sortkey (id, v)"""
    )
    connection.execute("insert into keyed (v) values ('a'), ('b')")
    assert connection.execute("select id, v from keyed order by id").fetchall() == [(10, "a"), (15, "b")]


def test_qualify(connection: Any) -> None:
    rows = connection.execute(
        "select g, v from (values (1, 2), (1, 3), (2, 1)) t(g, v) "
        "qualify row_number() over (partition by g order by v desc) = 1"
    ).fetchall()
    assert sorted(rows) == [(1, 3), (2, 1)]
