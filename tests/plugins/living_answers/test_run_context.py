"""The identity under which work is recorded, inside a real Airflow task and outside of one."""

import pytest

from living_answers import run_context
from living_answers.run_context import LOCAL, RunContext


def test_outside_of_airflow_it_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAG_ID", "DAG_RUN_ID", "TASK_ID", "TRY_NUMBER"):
        monkeypatch.delenv(f"AIRFLOW_CTX_{name}", raising=False)
    assert run_context.current() == RunContext(LOCAL, LOCAL, LOCAL)


def test_inside_a_task_it_is_the_task_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from airflow.sdk.execution_time.context import set_current_context

    ti = SimpleNamespace(dag_id="flights_load", run_id="r1", task_id="merge", map_index=None, try_number=2)
    context = {"ti": ti, "dag_run": SimpleNamespace(partition_key="2013-01-01"), "params": {"break_it": "append"}}
    with set_current_context(context):  # type: ignore[arg-type]
        assert run_context.current() == RunContext("flights_load", "r1", "merge", -1, 2, "2013-01-01", "append")
    assert run_context.current().dag_id == LOCAL
