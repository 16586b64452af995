"""PostgreSQL 15, the oldest version that the gateway supports: its own need of names, and the table of behaviours."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from test_gateway_behaviours import CASES, schema  # noqa: F401 - a fixture
from test_gateway_behaviours import test_behaviour as check

from redshift_gateway.translation.subqueries import may_lack_names, named


@pytest.fixture(scope="module")
def redshift(oldest_postgres: Any, gateway_settings: Any, listening_gateway: Any, running: Any) -> Iterator[Any]:
    """The gateway in front of it, for all that this file runs."""
    settings = replace(gateway_settings, postgres_host="127.0.0.1", postgres_port=oldest_postgres.port)
    with listening_gateway(settings) as (gateway, port):
        yield running(gateway, port, oldest_postgres, "postgres")


@pytest.mark.parametrize("behaviour", [c for c in CASES if not str(c.id).startswith(("copy-", "unload-"))])
def test_behaviour_on_15(
    connection: Any,
    schema: str,  # noqa: F811
    put: Any,
    s3: Any,
    credentials: str,
    behaviour: Any,
) -> None:
    """COPY and UNLOAD, which are the gateway's own work for the most part, are left out to save time."""
    check(connection, schema, put, s3, credentials, behaviour)


def test_it_is_that_version(oldest_postgres: Any) -> None:
    with psycopg.connect(oldest_postgres.url) as connection:
        assert connection.info.server_version // 10_000 == 15


def test_a_subquery_without_a_name(connection: psycopg.Connection) -> None:
    sql = "select * from (select * from (values (%s::int), (2))) where exists (select 1 from (select 1))"
    assert connection.execute(sql, [1]).fetchall() == [(1,), (2,)]
    assert connection.execute("select nvl(x, 0) from (select 7 as x) order by 1").fetchall() == [(7,)]


def test_a_subquery_without_a_name_is_unloaded(connection: psycopg.Connection, credentials: str, get: Any) -> None:
    query = "select nvl(a, 0) from (select 3 as a)"
    connection.execute(f"unload ('{query}') to 's3://lake/oldest/unnamed_' {credentials} csv parallel off")
    assert list(get("oldest/unnamed_").values()) == [b"3\n"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1 from (select 2)", "select 1 from (select 2) AS subquery_1"),
        ("select 1 from ( with a as (select 1) select 2 from a ) limit 1", " AS subquery_1 limit 1"),
        ("select 1 from t join (select 2) on true", "(select 2) AS subquery_1 on true"),
        ("select 1 from (select 2) union select 3", "(select 2) AS subquery_1 union select 3"),
        ("delete from t using u where a in (select 1 from (select 2))", "(select 2) AS subquery_1)"),
    ],
)
def test_names_that_are_missing(sql: str, expected: str) -> None:
    assert may_lack_names(sql.encode())
    assert expected in named(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from (select 2) as x",
        "select 1 from (select 2) x where true",
        'select 1 from (select 2) "where"',
        "select 1 from (t join u using (a)) where true",
        "select extract(year from (select now())) from t",
        "select substring('abc' from (select 1))",
        "select 1 is distinct from (select 2), 3",
        "select ' from (select 1)' /* from (select 1) */",
        "select 1 from lateral (select 2) x",
    ],
)
def test_names_that_are_there(sql: str) -> None:
    assert named(sql) == sql
