"""What PostgreSQL says of its own SQL stays: cases that its regression tests showed to differ, and what is refused."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from redshift_gateway.errors import GatewayError
from redshift_gateway.translation.translate import may_differ, translate


@pytest.fixture
def direct(redshift: Any, postgres: Any) -> Iterator[psycopg.Connection]:
    """A session with the same database that goes round the gateway."""
    to = {"host": postgres.host, "port": postgres.port, "user": postgres.user, "password": postgres.password}
    with psycopg.connect(dbname=redshift.database, autocommit=True, **to) as opened:
        yield opened


SETUP = """
create table if not exists parent (a int, b text);
create table if not exists child () inherits (parent);
do $$ begin create type pair as (first int, second int); exception when duplicate_object then null; end $$;
create table if not exists pairs (id int, p pair);
insert into child values (1, 'x');
insert into pairs values (1, (2, 3));
"""
SAME = (
    "select p.b, p.a from parent* p where p.a = 1",
    "select p.b from parent* as p order by p.a",
    "select id, (q.p).first, (p).second from pairs q",
    "select concat(variadic array[1, 2, 3])",
    "select date_part('hour', timestamptz '2001-02-16 20:38:40+00'), date_part('epoch', timestamptz '2001-02-16')",
    "select date_part('timezone_hour', timestamptz '2001-02-16 20:38:40+00')",
    "select date_part('second', time '13:30:25.575401'), date_part('hour', timetz '13:30:25-04')",
    "select date_part('day', interval '5 days 3 hours')",
    "select date_trunc('day', timestamptz '2001-02-16 20:38:40+00', 'Australia/Sydney')",
    "select trunc(macaddr '12:34:56:78:90:ab'), trunc(macaddr8 '12:34:56:78:90:ab:cd:ef')",
    "select json_typeof(json '{\"a\": 1}'), json_typeof(jsonb '[1]')",
)


@pytest.mark.parametrize("sql", SAME)
def test_the_rows_and_types_are_postgresqls(
    connection: psycopg.Connection, direct: psycopg.Connection, sql: str
) -> None:
    direct.execute(SETUP)
    ours, theirs = connection.execute(sql), direct.execute(sql.replace("json_typeof(jsonb", "jsonb_typeof(jsonb"))
    assert ours.fetchall() == theirs.fetchall()
    assert [c.type_code for c in ours.description or ()] == [c.type_code for c in theirs.description or ()]


@pytest.mark.parametrize(
    "sql",
    [
        "create rule r as on update to s do instead update t as x set tag = 'u' where x.f1 = new.f1",
        "create rule r as on update to s do also update t x set c = y.a from (select a from t) y where x.a = y.a",
        "create function concat(text, variadic anyarray) returns text language sql as 'select $1'",
        "drop function concat(text, anyarray)",
        "create aggregate median(float8) (sfunc = f, stype = float8)",
        "alter table t alter column i drop identity, alter column i drop not null",
        "alter user u createdb valid until '2038-01-01' connection limit 3",
        "alter role r rename to alter",
        "grant select, insert on all tables in schema s to u with grant option",
        "grant alter system on parameter work_mem to u",
        "revoke admin option for r from u",
        "alter default privileges for role u grant select on tables to r",
        "alter default privileges in schema s revoke execute on functions from public",
        "create user disable password 'x'",
        "drop role a, b",
        "refresh materialized view concurrently m with no data",
        "delete from t where a = 1",
        "create schema s authorization u",
        "alter database d set work_mem = '1MB'",
    ],
)
def test_the_text_stays(sql: str) -> None:
    assert translate(sql).statements == [sql]


def test_like_takes_identities_along() -> None:
    (written,) = translate("create table t (like s including identity excluding indexes)").statements
    assert "(like s including identity excluding indexes)" in written


@pytest.mark.parametrize(
    ("redshift", "postgres"),
    [
        ("create user u createuser password disable", "create user u superuser password null"),
        ("alter user createuser nocreateuser", "alter user createuser nosuperuser"),
        ("alter user u connection limit unlimited", "alter user u connection limit -1"),
        ("create user u password 'x' syslog access restricted", "create user u password 'x'"),
        ("create database d connection limit unlimited", "create database d connection limit -1"),
        ("refresh materialized view m restrict", "refresh materialized view m"),
        ("drop role if exists r restrict", "drop role if exists r"),
        ("delete t where a = 1", "delete from t where a = 1"),
        ("grant select on t to u, group g, role r, public", "grant select on t to u, group g, r, public"),
        ("grant role a, role b to role c", "grant a, b to c"),
        ("revoke admin option for role a from role b", "revoke admin option for a from b"),
        ("alter default privileges grant select on tables to role r",
         "alter default privileges grant select on tables to r"),
    ],
)  # fmt: skip
def test_what_postgresql_writes_otherwise(redshift: str, postgres: str) -> None:
    assert may_differ(redshift.encode())
    (written,) = translate(redshift).statements
    assert " ".join(written.split()).replace(" ,", ",") == postgres


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("alter database d collate case_insensitive", "COLLATE"),
        ("create database d isolation level snapshot", "ISOLATION LEVEL"),
        ("create database d from datashare s of namespace 'n'", "CREATE DATABASE ... FROM"),
        ("alter database d integration refresh all tables", "INTEGRATION"),
        ("drop database d force", "DROP DATABASE ... FORCE"),
        ("drop schema s drop external database cascade", "EXTERNAL DATABASE"),
        ("create schema if not exists s authorization u quota 50 gb", "QUOTA"),
        ("alter system set metadata_security = true", "METADATA_SECURITY"),
        ("alter table s.t add if not exists partition (d = '2008-01-01') location 's3://b'", "external table"),
        ("alter table s.t set table properties ('numRows' = '1')", "external table"),
        ("alter table t masking on for datashares", "MASKING"),
        ("alter materialized view m row level security on", "ROW LEVEL SECURITY"),
        ("alter materialized view m auto refresh yes", "AUTO REFRESH"),
        ("alter materialized view m alter distkey a", "keys"),
        ("refresh materialized view m cascade", "CASCADE"),
        ("create procedure p() nonatomic as $$ begin end $$ language plpgsql", "NONATOMIC"),
        ("alter role r owner to u", "OWNER TO"),
        ("create role r externalid 'x'", "EXTERNALID"),
        ("drop role r force", "DROP ROLE ... FORCE"),
        ("alter user u syslog access unrestricted", "SYSLOG ACCESS"),
        ("create user u password 'x' session timeout 120", "SESSION TIMEOUT"),
        ("create user u password 'sha256|abc'", "SHA-256"),
        ("attach rls policy p on t to role r", "ATTACH RLS POLICY"),
        ("detach masking policy p on t (a) from public", "DETACH MASKING POLICY"),
        ("desc datashare s", "DESC DATASHARE"),
        ("desc identity provider p", "DESC IDENTITY PROVIDER"),
        ("use dev", "USE"),
        ("show datashares like 'x'", "SHOW DATASHARES"),
        ("show policies", "SHOW POLICIES"),
        ("show use", "SHOW USE"),
        ("grant assumerole on all to public for copy", "ASSUMEROLE"),
        ("grant usage on datashare s to namespace 'n'", "GRANT ON DATASHARE"),
        ("revoke execute on model m from u", "REVOKE ON MODEL"),
        ("grant select for tables in schema s to u", "FOR TABLES IN"),
        ("grant role sys:monitor to u", "sys:"),
        ("grant create user, drop user to role r", "CREATE USER"),
        ("grant access system table to role r", "ACCESS SYSTEM"),
        ("grant select, drop on t to u", "DROP"),
        ("alter default privileges grant drop on tables to u", "DROP"),
        ("alter default privileges grant execute on procedures to u", "PROCEDURES"),
    ],
)
def test_redshifts_commands_are_refused_by_name_and_with_a_remedy(sql: str, named: str) -> None:
    assert may_differ(sql.encode())
    with pytest.raises(GatewayError) as refused:
        translate(sql)
    assert refused.value.sqlstate == "0A000"
    assert named in refused.value.message
    assert refused.value.hint
