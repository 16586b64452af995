"""Execution plans on the page: real ones of PostgreSQL, huge ones, hostile ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, insert

from living_answers import plans as library
from living_answers.ledger.tables import plans
from living_answers.plans import Node, Plan
from living_answers.ui import plan_pictures, shelf
from living_answers.ui.plan_pictures import MOST_DEPTH, MOST_PLANS, MOST_STEPS, Step, picture

SCRIPT = "<script>alert(1)</script>"
ORDERS = """
    create table customers as select i as id, 'customer ' || i as name from generate_series(1, 500) as i;
    create table orders as
    select i as id, i % 500 as customer_id, i % 7 as state, repeat('x', 100) as note
    from generate_series(1, 20000) as i;
    analyze customers, orders;
"""
JOIN = """
    select c.name, count(*) from orders as o join customers as c on c.id = o.customer_id
    where o.state = 3 group by c.name order by count(*) desc limit 5
"""


@pytest.fixture
def orders(fresh_ledger: Engine) -> Any:
    """A session in the test's own database, with orders of customers in it."""
    with psycopg.connect(fresh_ledger.url.set(drivername="postgresql").render_as_string(hide_password=False)) as opened:
        library.steady(opened)
        opened.execute(ORDERS)
        yield opened


@pytest.fixture
def keep(fresh_ledger: Engine) -> Callable[..., None]:
    """Put a plan into the ledger, as a task of a run does."""

    def put(title: str, plan: Any, run_id: str = "run", **more: Any) -> None:
        row = {
            "dag_id": "load",
            "run_id": run_id,
            "task_id": "write_once",
            "title": title,
            "plan": plan,
            "sql": "select",
        }
        with fresh_ledger.begin() as connection:
            connection.execute(insert(plans).values({**row, **more}))

    return put


def node(type_: str = "Seq Scan", *below: dict[str, Any], **details: Any) -> dict[str, Any]:
    """One node as EXPLAIN's JSON has it."""
    ran = {"Actual Rows": 10, "Plan Rows": 10, "Actual Loops": 1, "Actual Total Time": 1.0, "Shared Hit Blocks": 5}
    return {"Node Type": type_, **ran, **details, **({"Plans": list(below)} if below else {})}


def drawn(root: dict[str, Any]) -> Step:
    return picture("a plan", Plan("select 1", Node(root))).step


def steps(root: Step) -> list[Step]:
    return [root, *(found for below in root.steps for found in steps(below))]


def test_a_real_plan_is_drawn_with_what_each_step_took(orders: Any) -> None:
    plan = library.explain(orders, JOIN)
    shown = picture("the join", plan, "look", greatest=2 * plan.buffers)
    types = [step.type for step in steps(shown.step)]
    scan = next(step for step in steps(shown.step) if step.where == "on orders o")
    assert types[0] == "Limit"
    assert "Hash Join" in types
    assert scan.conditions == ("Filter: (state = 3)",)
    assert scan.rows == "2,857\xa0rows"
    assert scan.notes == ("17,143 removed by filter",)
    assert scan.buffer_share > 0.9  # nearly all pages are those of the orders
    assert sum(step.time_share for step in steps(shown.step)) == pytest.approx(1, abs=0.02)
    assert sum(step.buffer_share for step in steps(shown.step)) == pytest.approx(1)
    assert shown.buffer_share == pytest.approx(0.5)
    assert "Seq Scan on orders o: 2,857 rows (expected " in shown.text


def test_an_estimate_more_than_ten_times_off_is_marked() -> None:
    assert drawn(node(**{"Actual Rows": 100, "Plan Rows": 10})).off == ""
    assert drawn(node(**{"Actual Rows": 5000, "Plan Rows": 10})).off == "500 times more than expected"
    assert drawn(node(**{"Actual Rows": 0, "Plan Rows": 300})).off == "300 times fewer than expected"
    assert drawn(node(**{"Actual Rows": 11, "Plan Rows": 1, "Actual Loops": 1000})).off == "11 times more than expected"


def test_what_a_limit_cuts_short_is_no_error_of_the_planner() -> None:
    few = {"Actual Rows": 5, "Plan Rows": 20000}
    assert drawn(node("Limit", node(**few))).steps[0].off == ""
    assert drawn(node("Limit", node("Sort", node(**few)))).steps[0].steps[0].off == "4,000 times fewer than expected"


def test_types_are_named_as_explain_names_them() -> None:
    assert drawn(node("Hash Join", **{"Join Type": "Left"})).type == "Hash Left Join"
    assert drawn(node("Nested Loop", **{"Join Type": "Anti"})).type == "Nested Loop Anti Join"
    assert drawn(node("Merge Join", **{"Join Type": "Inner"})).type == "Merge Join"
    assert drawn(node("Aggregate", Strategy="Hashed", **{"Partial Mode": "Finalize"})).type == "Finalize HashAggregate"
    assert drawn(node(**{"Parallel Aware": True})).type == "Parallel Seq Scan"


def test_a_step_that_never_ran_says_so() -> None:
    step = drawn(node(**{"Actual Loops": 0, "Plan Rows": 5000}))
    assert step.notes == ("never run",)
    assert step.off == ""


def test_a_plan_that_was_not_run_has_no_times() -> None:
    shown = picture("estimates", Plan("", Node({"Node Type": "Seq Scan", "Plan Rows": 1000})))
    assert (shown.time, shown.step.rows, shown.step.time, shown.step.expected) == ("", "", "", "1,000")


def test_a_huge_plan_is_cut_and_says_by_how_much() -> None:
    wide = picture("wide", Plan("", Node(node("Append", *[node() for _ in range(1000)]))))
    deep = node()
    for _ in range(400):
        deep = node("Subquery Scan", deep)
    assert len(steps(wide.step)) == MOST_STEPS
    assert wide.left_out == 1001 - MOST_STEPS
    assert f"and {wide.left_out} more steps" in wide.text
    shown = picture("deep", Plan("", Node(deep)))
    assert len(steps(shown.step)) == MOST_DEPTH + 1
    assert shown.left_out == 401 - MOST_DEPTH - 1
    long = drawn(node(Filter="x" * 100_000))
    assert len(long.conditions[0]) < 500


def test_an_answer_shows_the_plans_of_its_last_run(page: TestClient, answers: Any, keep: Any, orders: Any) -> None:
    answers.write("load")
    for run_id in ("older", "newer"):
        answers.prove("load", run_id)
        answers.judge("load", run_id)
        keep(f"the join, {run_id}", library.explain(orders, JOIN).root.details, run_id, sql=JOIN)
    html = page.get("/answer/load").text
    assert "the join, newer" in html
    assert "the join, older" not in html
    assert "17,143 removed by filter" in html
    assert "where o.state = 3" in html


def test_a_try_that_was_repeated_shows_its_last_plans_only(answers: Any, keep: Any) -> None:
    keep("first try", node(), try_number=1)
    keep("second try", node(), try_number=2)
    keep("another task", node(), task_id="other")
    for at in range(MOST_PLANS + 5):
        keep(f"many {at}", node(), run_id="many")
    with answers.engine.connect() as connection:
        found = plan_pictures.kept(connection, "load", ["run", "many"])
    assert [one.title for one in found["run"]] == ["second try", "another task"]
    assert len(found["many"]) == MOST_PLANS


def test_plans_are_text_whatever_they_hold(page: TestClient, answers: Any, keep: Any) -> None:
    answers.write("load")
    answers.prove("load")
    hostile = dict.fromkeys(("Relation Name", "Alias", "Index Name", "Filter", "Subplan Name", "Join Type"), SCRIPT)
    keep(SCRIPT, node(SCRIPT, **hostile), sql=SCRIPT, task_id=SCRIPT)
    html = page.get("/answer/load").text
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") > 8


def test_a_run_without_plans_shows_none(page: TestClient, answers: Any) -> None:
    answers.write("load")
    answers.prove("load")
    assert "Execution plan" not in page.get("/answer/load").text


def test_the_site_shows_them_too(answers: Any, keep: Any, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from living_answers.ui.site import export

    answers.write("load")
    answers.prove("load")
    answers.judge("load")
    keep("the scan", node(**{"Relation Name": "orders"}))
    with answers.engine.connect() as connection:
        export(shelf.look(connection, answers.folder), connection, tmp_path / "site", datetime.now(UTC))
    html = (tmp_path / "site/answer/load.html").read_text()
    assert "the scan" in html
    assert "on orders" in html
