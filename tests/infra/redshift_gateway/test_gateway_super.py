"""SUPER: what is translated and what must stay as it is, through the translation alone and through a client."""

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshift_gateway.errors import GatewayError
from redshift_gateway.partiql.navigation import may_navigate, rewrite
from redshift_gateway.statements.lexer import join, tokenize
from redshift_gateway.translation.translate import may_differ, translate

PLAIN = [
    "select t.id, t.name as n, c.city from orders t join customers as c on c.id = t.customer_id where c.city = 'x.y.z'",
    "select orders.id from public.orders",
    'select "T".id, "T"."A b" from "T" order by "T".id desc',
    "with x as (select a.id from t a), y (id) as (select 1) select x.id, y.id from x, y where x.id = y.id",
    "select q.n from (select count(*) as n from t) q left join (values (1)) as v (a) on v.a = q.n",
    "select t.a from t where exists (select 1 from u where u.id = t.id and u.s in (select w.s from w))",
    "update s.t set a = u.b from u where u.id = t.id",
    "update t as x set a = 1 where x.id = $1",
    "delete from t using u where t.id = u.id",
    "insert into s.t (a, b) select u.a, u.b from u",
    "merge into t using s on t.k = s.k when matched then update set v = s.v when not matched then insert values (s.k)",
    "select t.a::pg_catalog.text, pg_catalog.now(), x.f(t.a) from t",
    "select t.a::s.mytype, cast(t.a as s.mytype), t.b collate s.mine, s.mytype 'x' from t",
    "select (select t.a from u where u.id = t.id) from t where t.id in (select v.id from v where v.k = t.k)",
    "select g.i from generate_series(1, 3) as g (i)",
    "select 'a.b.c', $$ t.doc.name $$, t.a -- t.doc.name\n /* t.doc.name */ from t",
    "select array[1, 2], array(select t.id from t), (array[1])[1] from t",
    "select extract(year from t.d), trim(both from t.n), t.a is distinct from t.b from t",
    "select a.id from (t a join u b on a.id = b.id) where b.id > 1",
    "select t.a from only t for update of t",
    "set search_path = a.b.c",
    "select case when t.a = 1 then t.b end from t group by t.a, t.b having count(*) > 1",
    "select sum(t.a) over (partition by t.b order by t.c) from t",
    "insert into t values (1) on conflict (id) do update set a = excluded.a",
    "select max(t.a) filter (where t.b) from t union all select u.a from u order by 1",
    "select s.t.id, s.t.a from s.t where s.t.id = 1",
    "select * from t, lateral (select u.a from u where u.id = t.id) as l where l.a = 1",
    "select at.attname from pg_class c left join pg_attribute at on (at.attrelid = c.oid) where at.attnum > 0",
    "select at.a from s.t at, u where at.b = u.b",
]


@pytest.mark.parametrize("sql", PLAIN)
def test_what_navigates_nothing_stays_as_it_is(sql: str) -> None:
    tokens = tokenize(sql)
    assert join(rewrite(tokens)) == sql


@pytest.mark.parametrize("sql", PLAIN[:5] + PLAIN[6:10])
def test_common_statements_are_not_even_tokenised(sql: str) -> None:
    assert not may_navigate(sql.encode())


_WORDS = "select from t u . a , ( ) [ ] 0 as at x = < 'x' :: int in order by and unpivot join on $1".split()  # noqa: SIM905
NAVIGATED = [
    ("select c.doc.name from t c", """select "c"."doc"['name'] AS "name" from t c"""),
    ("select doc.name as n from t", """select "doc"['name'] as n from t"""),
    ('select t.doc."Na me" from t', """select "t"."doc"['Na me'] AS "Na me" from t"""),
    ("select s.t.doc.a from s.t", """select "s"."t"."doc"['a'] AS "a" from s.t"""),
    ("select x.doc.a from s.t x", """select "x"."doc"['a'] AS "a" from s.t x"""),
    ("select 1 from t group by t.doc.a", """select 1 from t group by "t"."doc"['a']"""),
    ("select 1 from t join u on u.id = t.doc.id", None),
    ("select (select u.a from u where u.k = t.doc.k) from t", None),
    ("with x as (select json_parse('{}') as doc) select doc.a from x", None),
    ("update t set a = t.doc.a::int where t.doc.b = 2", None),
    ("update t set doc = u.doc.part from u", """update t set doc = "u"."doc"['part'] from u"""),
    ("delete from t using u where t.id = u.doc.id::int", None),
    ("insert into t select u.doc.a::int from u", None),
    ("select 1 from t, t.a x", 'select 1 from t, lateral redshift_gateway.super_elements("t"."a") as "x" ("x")'),
    ("select 1 from s.t, t.arr as x at i", None),
    (
        "select nvl(t.d.a, '5', u.b) from t, u",
        """select coalesce("t"."d"['a'], redshift_gateway.super_of('5'), redshift_gateway.super_of(u.b)) from t, u""",
    ),
    ("select 1 from t, unpivot t.obj v at k", None),
    ("select t.doc.a from t where t.doc.b = $1", None),
    ("prepare p as select t.doc.a from t", None),
    ("explain select t.doc.a from t", None),
]  # fmt: skip


@pytest.mark.parametrize(("redshift", "postgres"), NAVIGATED)
def test_what_navigates_is_noticed_and_translated(redshift: str, postgres: str | None) -> None:
    assert may_differ(redshift.encode())
    (translated,) = translate(redshift).statements
    assert translated != redshift
    assert postgres in (None, translated)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select 1 from t where t.doc.a between 1 and 2", "BETWEEN of a SUPER"),
        ("select t.doc.a || 'x' from t", "|| of a SUPER"),
        ("select t.doc.a is distinct from 'x' from t", "IS DISTINCT FROM"),
        ("select 1 from t where t.doc.a = any($1)", "ANY"),
        ("select 1 from t where a + 1 = t.doc.a", "expression"),
        ("update t set doc.a = 1", "attribute a"),
        ("select case t.doc.a when '5' then 1 end from t", "CASE of a SUPER"),
        ("select greatest(t.doc.a, 5) from t", "GREATEST of a SUPER"),
        ("select doc[-1] from t", "from the end"),
        ("set navigate_super_null_on_error = off", "navigate_super_null_on_error"),
        ("select 1 from t c, c.arr", "alias"),
        ("select is_float(t.doc.a) from t", "IS_FLOAT"),
    ],
)
def test_what_is_refused_is_refused_by_name(sql: str, says: str) -> None:
    with pytest.raises(GatewayError) as refused:
        translate(sql)
    assert says in refused.value.message


@given(st.lists(st.sampled_from(_WORDS), max_size=25))  # fmt: skip
def test_no_statement_breaks_the_reading(words: list[str]) -> None:
    tokens = tokenize(" ".join(["select", *words]))
    try:
        rewrite(tokens)
    except GatewayError as error:
        assert error.sqlstate in ("0A000", "42601")  # noqa: PT017


def test_a_very_long_statement_is_read_in_time() -> None:
    deep = "select t.a.b from t where t.a.b in (" * 2000 + ")" * 2000
    assert rewrite(tokenize(deep))
    signs = f"select 1 from t where t.a.b = {'- ' * 5000} 1 and t.a.b in ({', '.join(['1'] * 5000)})"
    assert "super_of" in join(rewrite(tokenize(signs)))


@given(st.sampled_from(["t", "u", "c"]), st.sampled_from(["id", "name", '"Q x"']), st.sampled_from(["", "s."]))
def test_a_column_of_a_table_of_the_query_is_never_an_attribute(alias: str, column: str, schema: str) -> None:
    sql = f"select {alias}.{column} from {schema}orders {alias} where {alias}.{column} = '5' order by {alias}.{column}"
    assert join(rewrite(tokenize(sql))) == sql


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select x.y from (select 1 as a) t", "SUPER"),
        ("select nosuch.a.b.c.d", "SUPER"),
        ("select t.a.b from (select 1 as a) t", "SUPER"),
        ("select upper(t.d.x) from (select json_parse('{}') as d) t", "SUPER"),
        ("select i from (select 1 as a) t, doc.items as i", "SUPER"),
        ("select 1 as one, one + 1 as two", "lateral column alias"),
    ],
)
def test_what_cannot_be_resolved_is_an_error_that_names_it(connection: psycopg.Connection, sql: str, says: str) -> None:
    with pytest.raises(psycopg.Error) as failed:
        connection.execute(sql)
    assert says in (failed.value.diag.message_hint or "")


def test_a_parameter_is_compared_with_a_path(connection: psycopg.Connection) -> None:
    sql = 'select t.d.n = %s, t.d.s = %s, t.d.n < %s from (select json_parse(\'{"n": 5, "s": "5"}\') as d) t'
    for prepare in (False, True):
        assert connection.execute(sql, (5, "5", 6), prepare=prepare).fetchall() == [(True, True, True)]


def test_the_attribute_names_the_column(connection: psycopg.Connection) -> None:
    result = connection.execute(
        "select t.d.n, t.d.\"S\"::varchar, d[0], cast(t.d.n as int) from (select json_parse('{}') d) t"
    )
    assert [c.name for c in result.description or []] == ["n", "S", "d", "n"]
