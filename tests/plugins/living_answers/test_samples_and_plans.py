"""Sample tables and execution plans, on a real PostgreSQL."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text

from living_answers import plans, samples


@pytest.fixture(scope="module")
def database(postgres: Any) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database) as opened:
        samples.ensure(opened)
        plans.steady(opened)
        yield opened


def test_two_who_ask_at_once_load_once(database: str) -> None:
    def ask() -> None:
        with psycopg.connect(database) as opened:
            samples.ensure(opened)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with psycopg.connect(database) as opened:
        counts = opened.execute(
            "select (select count(*) from sample.flights), (select count(*) from sample.orders),"
            " (select count(*) from sample.flights where dep_time is null), (select count(*) from sample.nation)"
        ).fetchone()
    assert counts == (336_776, 75_000, 8_255, 25)


def test_what_is_loaded_is_left_alone(connection: psycopg.Connection) -> None:
    before = connection.execute("select 'sample.flights'::regclass::oid").fetchone()
    samples.ensure(connection)
    assert connection.execute("select 'sample.flights'::regclass::oid").fetchone() == before


def test_another_version_is_loaded_anew(connection: psycopg.Connection) -> None:
    connection.execute("comment on schema sample is 'older'")
    connection.execute("delete from sample.airlines")
    samples.ensure(connection)
    assert connection.execute("select count(*) from sample.airlines").fetchone() == (16,)


def test_a_plan_tells_rows_and_buffers_of_each_node(connection: psycopg.Connection) -> None:
    plan = plans.explain(connection, "select * from sample.orders where o_custkey = %s", [37])
    scan = plan.node("Scan")
    pages = connection.execute("select relpages from pg_class where oid = 'sample.orders'::regclass").fetchone()
    count = connection.execute("select count(*) from sample.orders where o_custkey = 37").fetchone()
    assert (scan.type, scan.relation, scan.index) == ("Seq Scan", "orders", None)
    assert (scan.buffers,) == pages
    assert (scan.rows,) == count
    assert scan.rows + scan.removed == 75_000
    assert scan.condition.startswith("Filter: (o_custkey = ")


def test_loops_are_multiplied(connection: psycopg.Connection) -> None:
    connection.execute("set enable_hashjoin = off; set enable_mergejoin = off; set enable_memoize = off")
    plan = plans.explain(
        connection, "select * from sample.nation join sample.region on n_regionkey = r_regionkey where r_regionkey < 3"
    )
    inner = next(node for node in plan.nodes if node.loops > 1)
    assert inner.rows + inner.removed >= inner.loops
    assert plan.buffers == sum(node.own_buffers for node in plan.nodes)
    assert plan.tree().splitlines()[0].startswith("Nested Loop")
    assert plan.types[0] == "Nested Loop"


def test_a_node_that_is_not_there_is_named(connection: psycopg.Connection) -> None:
    plan = plans.explain(connection, "select 1")
    with pytest.raises(LookupError, match="no Index Scan; it has Result"):
        plan.node("Index Scan")


def test_a_plan_is_kept_with_its_run(connection: psycopg.Connection, fresh_ledger: Engine) -> None:
    plan = plans.explain(connection, "select count(*) from sample.nation")
    plans.show("the count", plan)
    with fresh_ledger.connect() as ledger:
        kept = ledger.execute(text("select dag_id, title, plan, sql from ledger.plans")).one()
    assert kept == ("local", "the count", plan.root.details, "select count(*) from sample.nation")
