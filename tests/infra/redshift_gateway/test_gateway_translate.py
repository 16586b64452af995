import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshift_gateway.errors import GatewayError
from redshift_gateway.lexer import join, tokenize
from redshift_gateway.translate import may_differ, translate

KEYS = "credentials 'aws_access_key_id=AK;aws_secret_access_key=SK'"


@given(st.text(alphabet=st.sampled_from("ab'\"$#;-/*\\e \n(),.1é"), max_size=60))
def test_tokens_give_the_statement_back(sql: str) -> None:
    assert join(tokenize(sql)) == sql


@pytest.mark.parametrize(
    ("redshift", "postgres"),
    [
        ("create table #t (like s.t including defaults)", 'create TEMP table "#t" (like s.t including defaults)'),
        ("select * into #T from x", 'select * into TEMP "#t" from x'),
        ("delete from s.t using #t where t.k = #t.k", 'delete from s.t using "#t" where t.k = "#t".k'),
        ("insert into #t select '#x' -- #y", "insert into \"#t\" select '#x' -- #y"),
        (
            "create temp table t (a int encode az64 distkey, b varchar(max))",
            "create temp table t (a int  , b varchar(65535))",
        ),
        ("create temp table t (super super, sortkey int sortkey)", "create temp table t (super jsonb, sortkey int )"),
        ("alter table t add super super", "alter table t add super jsonb"),
        ("create temp table t diststyle all compound sortkey (a, b) as select 1", "create temp table t    as select 1"),
        (
            "create table t (i bigint identity(1, 1))",
            "create table t (i bigint GENERATED ALWAYS AS IDENTITY (START WITH 1 INCREMENT BY 1 MINVALUE 1))",
        ),
        ("select nvl(a, 0), getdate()", "select coalesce(a, 0), redshift_gateway.getdate()"),
        ("select datediff(day, a, b)", "select redshift_gateway.datediff('day', a, b)"),
        ("select sysdate", "select redshift_gateway.sysdate()"),
        ("select pg_catalog.version()", "select redshift_gateway.version()"),
        ("select 1 from pg_catalog.svv_all_tables", "select 1 from redshift_gateway.svv_all_tables"),
        ("select top 3 a from t", "select  a from t LIMIT 3"),
        ("select pg_last_copy_count()", "select 7"),
    ],
)  # fmt: skip
def test_redshift_sql_becomes_postgresql(redshift: str, postgres: str) -> None:
    assert may_differ(redshift.encode())
    assert translate(redshift, 7).statements == [postgres]


@pytest.mark.parametrize(
    "sql",
    [
        "select max(a), version from t",
        "merge into t using s on t.k = s.k when matched then update set v = 1 when not matched then insert values (1)",
        "lock t",
        "select $$ #t $$, '#', a # b, j #>> '{a}' from t",
        "copy t from stdin with (format csv)",
    ],
)
def test_what_both_understand_is_left_as_it_is(sql: str) -> None:
    assert translate(sql).statements == [sql]


def test_most_statements_are_not_even_tokenised() -> None:
    assert not may_differ(b"merge into f using s on f.k = s.k when matched then update set v = max(1, s.v)")


def test_the_operators_copy_is_read() -> None:
    sql = f"""
        COPY PUBLIC.orders (a, "B")
        FROM 's3://lake/x/y' {KEYS} region 'eu-west-1'
        FORMAT AS CSV IGNOREHEADER 1 GZIP DELIMITER ';' TIMEFORMAT 'auto' STATUPDATE ON EMPTYASNULL;
    """
    copy = translate(sql).copies[0]
    assert (copy.table, copy.columns, copy.uri) == (("public", "orders"), ("a", "B"), "s3://lake/x/y")
    assert (copy.format.value, copy.compression, copy.ignore_header, copy.delimiter) == ("csv", "gzip", 1, ";")
    assert copy.region == "eu-west-1"
    assert copy.credentials.access_key.get_secret_value() == "AK"


@pytest.mark.parametrize(
    "clause",
    [
        "iam_role 'arn:aws:iam::1:role/r'",
        "access_key_id 'SECRET' secret_access_key 'SECRET' session_token 'SECRET'",
        "with credentials as 'aws_access_key_id=SECRET;aws_secret_access_key=SECRET;token=SECRET'",
    ],
)
def test_no_form_of_credentials_shows_in_the_statement(clause: str) -> None:
    copy = translate(f"copy t from 's3://lake/x' {clause} parquet").copies[0]
    assert "SECRET" not in repr(copy)
    assert "SECRET" not in repr(copy.credentials)


@pytest.mark.parametrize(
    ("sql", "sqlstate", "says"),
    [
        ("unload ('select 1') to 's3://lake/x' kms_key_id 'k'", "0A000", "KMS_KEY_ID"),
        (f"copy t from 's3://lake/x' {KEYS} csv json 'auto'", "42601", "one format"),
        (f"copy t from 'dynamodb://t' {KEYS} csv", "0A000", "dynamodb"),
        ("copy t from '/etc/passwd' csv", "0A000", "a file"),
        ("copy t from 's3://lake/x' credentials 'secret=SECRET' csv", "22023", "not valid"),
        (f"copy t from 's3://lake/x' {KEYS} csv ignoreheader", "42601", "too early"),
    ],
)
def test_what_is_refused_is_refused_by_name(sql: str, sqlstate: str, says: str) -> None:
    with pytest.raises(GatewayError, match=says) as caught:
        translate(sql)
    assert caught.value.sqlstate == sqlstate
    assert "SECRET" not in str(vars(caught.value))


def test_what_a_table_attribute_says_is_kept_by_the_statement_that_creates_the_table() -> None:
    (statement,) = translate(
        "create table s.t (a int distkey, b text encode zstd) interleaved sortkey (a, b)"
    ).statements
    assert "execute" in statement
    assert '{"diststyle": "key", "distkey": "a", "sortkey": ["a", "b"], "sortstyle": "interleaved",' in statement
    assert "s.t (a int , b text ) " in statement


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("create table t distkey (a) as select $1 as a", "parameter"),
        ("create external schema s from data catalog database 'd'", "EXTERNAL SCHEMA"),
        ("create or replace external function f () returns int", "EXTERNAL FUNCTION"),
        ("create datashare d", "DATASHARE"),
        ("analyze compression t", "ANALYZE COMPRESSION"),
        ("select top 1 1 union select 2", "TOP"),
        ("merge into t using s on t.i = s.i when matched then delete remove duplicates", "WHEN"),
        ("create materialized view v auto refresh yes as select 1", "AUTO REFRESH YES"),
    ],
)
def test_what_of_a_definition_is_refused(sql: str, says: str) -> None:
    with pytest.raises(GatewayError, match=says):
        translate(sql)
