"""What clients ask the catalogue about tables, through the gateway."""

import shutil
import subprocess
from typing import Any

import psycopg
import pytest
import redshift_connector

# What sqlalchemy-redshift's dialect asks of the catalogue, shortened to what only Redshift has in it.
RELATIONS = """
    SELECT c.relkind, n.oid as "schema_oid", n.nspname as "schema", c.oid as "rel_oid", c.relname, c.reldiststyle,
        c.relowner AS "owner_id", u.usename AS "owner_name", TRIM(TRAILING ';' FROM
            pg_catalog.pg_get_viewdef(c.oid, true)) AS "view_definition",
        pg_catalog.array_to_string(c.relacl, '\n') AS "privileges"
    FROM pg_catalog.pg_class c
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_user u ON u.usesysid = c.relowner
    WHERE c.relkind IN ('r', 'v', 'm', 'S', 'f') AND n.nspname = 'intro' ORDER BY c.relkind, n.oid, n.nspname
"""
COLUMNS = """
    SELECT att.attname, att.attisdistkey as "distkey", att.attsortkeyord as "sortkey", att.attencodingtype,
        att.attnotnull,
        pg_catalog.format_type(att.atttypid, att.atttypmod) as "format_type", ad.adsrc
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute att ON att.attrelid = c.oid
    LEFT JOIN pg_catalog.pg_attrdef ad ON (att.attrelid, att.attnum) = (ad.adrelid, ad.adnum)
    WHERE c.relname = 'seen' AND att.attnum > 0 ORDER BY att.attnum
"""


@pytest.fixture(scope="module")
def seen(redshift: Any) -> Any:
    with redshift.connect(autocommit=True) as connection:
        connection.execute("create schema intro")
        connection.execute(
            "create table intro.seen (a int not null default 7 distkey, b varchar(10) encode zstd sortkey, "
            "primary key (a))"
        )
    return redshift


def test_redshift_connectors_metadata(seen: Any) -> None:
    with redshift_connector.connect(database=seen.database, ssl=False, **seen.arguments) as driver:
        cursor = driver.cursor()
        (table,) = cursor.get_tables(schema_pattern="intro", table_name_pattern="seen")
        assert table[1:4] == ["intro", "seen", "TABLE"]
        columns = cursor.get_columns(schema_pattern="intro", tablename_pattern="seen")
        assert [(c[3], c[5], c[16]) for c in columns] == [("a", "int4", 1), ("b", "varchar", 2)]
        assert cursor.get_primary_keys(schema="intro", table="seen")[0][3] == "a"
        assert ["intro", seen.database] in [list(row) for row in cursor.get_schemas()]


def test_the_statements_of_sqlalchemys_redshift_dialect(seen: Any) -> None:
    with seen.connect() as connection:
        (relation,) = [r for r in connection.execute(RELATIONS).fetchall() if r[4] == "seen"]
        assert relation[5] == 1  # distributed by key
        found = connection.execute(COLUMNS).fetchall()
    assert [row[:3] for row in found] == [("a", True, 0), ("b", False, 1)]
    assert [row[5:] for row in found] == [("integer", "7"), ("character varying(10)", None)]


def test_psql_describes_a_table(seen: Any) -> None:
    if (program := shutil.which("psql")) is None:
        pytest.skip("psql is not on this machine")
    address = f"postgresql://{seen.user}:{seen.password}@127.0.0.1:{seen.port}/{seen.database}"
    done = subprocess.run(
        [program, address, "-XAtc", r"\d intro.seen"], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.splitlines()[:2] == ["a|integer||not null|7", "b|character varying(10)|||"]


def test_a_role_that_owns_nothing_may_not_change_what_is_kept(seen: Any) -> None:
    with seen.connect(autocommit=True) as connection:
        connection.execute("create role stranger")
        connection.execute("grant usage on schema intro to stranger")
        connection.execute("set session authorization stranger")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("alter table intro.seen alter diststyle all")
        connection.execute("reset session authorization")
        connection.execute("drop owned by stranger")
        connection.execute("drop role stranger")


def test_attributes_go_with_the_transaction_and_stay_through_renaming(seen: Any) -> None:
    with seen.connect() as connection:
        connection.execute("create table intro.kept diststyle key distkey (a) as select 1 as a")
        connection.execute("alter table intro.kept rename column a to z")
        connection.execute("alter table intro.kept rename to renamed")
        style = connection.execute("select diststyle from svv_table_info where \"table\" = 'renamed'").fetchone()
        assert style == ("KEY(z)",)
        oid = connection.execute("select 'intro.renamed'::regclass::oid").fetchone()
        connection.rollback()
        left = connection.execute("select count(*) from redshift_gateway.table_attributes where table_id = %s", oid)
        assert left.fetchone() == (0,)
