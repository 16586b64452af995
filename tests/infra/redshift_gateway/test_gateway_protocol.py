"""What passes through unchanged: ways to authenticate, formats, pipelines, prepared statements, notices."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

METHODS = ("trust", "password", "md5", "scram-sha-256")
VALUES = """
    select 1::smallint, -2::int, 3::bigint, 1.5::float4, 2.5::float8, 12.340::numeric(10, 3), true, 'né'::varchar,
        date '2013-02-28', timestamp '2013-02-28 23:59:59.123456', timestamptz '2013-02-28 23:59:59+02', null::int,
        nvl(null, 7), datediff(day, '2013-01-31'::timestamp, '2013-02-01'::timestamp)
"""


@pytest.fixture(scope="module")
def roles(postgres: Any) -> Iterator[None]:
    """A role for each way to authenticate, with PostgreSQL's own list of rules changed for them."""
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        file, rules = admin.execute(
            "select setting, pg_read_file(setting) from pg_settings where name = 'hba_file'"
        ).fetchone()
        own = "".join(f"host all {_role(m)} 127.0.0.1/32 {m}\n" for m in METHODS)
        for method in METHODS:
            admin.execute(f"set password_encryption = '{'md5' if method == 'md5' else 'scram-sha-256'}'")
            admin.execute(f"create role {_role(method)} login password 'its own'")
        _write(admin, file, own + rules)
        yield
        _write(admin, file, rules)
        for method in METHODS:
            admin.execute(f"drop role {_role(method)}")


def _role(method: str) -> str:
    return "by_" + method.replace("-", "_")


def _write(admin: psycopg.Connection, file: str, rules: str) -> None:
    lines = psycopg.sql.Literal([line for line in rules.splitlines() if line.strip()])
    copy = psycopg.sql.SQL("copy (select unnest({}::text[])) to {}")
    admin.execute(copy.format(lines, psycopg.sql.Literal(file)))
    assert admin.execute("select error from pg_hba_file_rules where error is not null").fetchall() == []
    admin.execute("select pg_reload_conf()")
    admin.execute("select pg_sleep(0.5)")  # the server reads them a moment later


@pytest.mark.parametrize("method", METHODS)
def test_postgresql_authenticates(roles: None, redshift: Any, method: str) -> None:
    arguments = {"host": "127.0.0.1", "port": redshift.port, "dbname": "postgres", "user": _role(method)}
    with psycopg.connect(**arguments, password="its own") as connection:
        assert connection.execute("select current_user").fetchone() == (_role(method),)
    if method == "trust":
        psycopg.connect(**arguments).close()
    else:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(**arguments, password="another")


def test_text_and_binary_are_the_same_values(connection: psycopg.Connection) -> None:
    rows = [connection.cursor(binary=binary).execute(VALUES).fetchone() for binary in (False, True)]
    assert rows[0] == rows[1]
    assert rows[0][-2:] == (7, 1)


def test_binary_parameters(connection: psycopg.Connection) -> None:
    row = connection.execute("select nvl(%b::int, 0), %b::bytea, %t::text", [41, b"\x00\xff", "x"]).fetchone()
    assert row == (41, b"\x00\xff", "x")


def test_an_error_in_a_pipeline_ends_its_part_only(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedColumn):
        _three_parts(connection)
    assert connection.execute("select 4").fetchone() == (4,)


def _three_parts(connection: psycopg.Connection) -> None:
    """The middle one fails; psycopg raises its error, when it is asked for and again at the end."""
    with connection.pipeline() as pipeline:
        before = connection.execute("select nvl(null, 1)")
        pipeline.sync()
        wrong = connection.execute("select nvl(no_such_column, 1)")
        skipped = connection.execute("insert into never_there values (1)")
        pipeline.sync()
        after = connection.execute("select nvl(null, 3)")
        pipeline.sync()
        assert (before.fetchone(), after.fetchone()) == ((1,), (3,))
        with pytest.raises(psycopg.errors.PipelineAborted):
            skipped.fetchone()
        wrong.fetchone()


def test_a_prepared_statement_is_translated_once_and_run_often(connection: psycopg.Connection) -> None:
    found = [connection.execute("select nvl(%s::int, -1)", [value], prepare=True).fetchone() for value in (0, 1, 2)]
    assert found == [(0,), (1,), (2,)]
    names = connection.execute(
        "select count(*) from pg_prepared_statements where statement like '%coalesce%'"
    ).fetchone()
    assert names == (1,)


def test_notices_and_errors_keep_their_fields(connection: psycopg.Connection) -> None:
    notices: list[Any] = []
    connection.add_notice_handler(lambda n: notices.append((n.severity, n.message_primary, n.message_hint)))
    connection.execute("do $$ begin raise notice 'half %', 'way' using hint = 'go on'; end $$")
    assert notices == [("NOTICE", "half way", "go on")]
    with pytest.raises(psycopg.errors.DivisionByZero) as failed:
        connection.execute("select 1 / 0")
    assert failed.value.diag.message_primary == "division by zero"
