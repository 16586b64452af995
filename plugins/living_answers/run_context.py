"""Who is at work: the Airflow task instance that runs this code, or a person at a prompt."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class RunContext:
    """The identity under which steps and evidence are recorded."""

    dag_id: str = LOCAL
    run_id: str = LOCAL
    task_id: str = LOCAL
    map_index: int = -1
    try_number: int = 1
    partition: str | None = None
    break_it: str | None = None


def current() -> RunContext:
    """Return the running task's identity; else what Airflow left in the environment; else ``local``.

    A subprocess of a task (an operator's hook, a Bash task) has the environment only.
    """
    context = _airflow_context()
    return _from_airflow(context) if context else _from_environment(os.environ)


def _airflow_context() -> Mapping[str, Any] | None:
    # In a task the SDK is loaded already; anywhere else its import would cost a second for nothing.
    sdk = sys.modules.get("airflow.sdk")
    if sdk is None:
        return None
    try:
        context: Mapping[str, Any] = sdk.get_current_context()
    except RuntimeError:
        return None
    return context


def _from_airflow(context: Mapping[str, Any]) -> RunContext:
    ti = context["ti"]
    break_it = (context.get("params") or {}).get("break_it")
    return RunContext(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        try_number=ti.try_number,
        partition=context.get("partition_key") or getattr(context.get("dag_run"), "partition_key", None),
        break_it=None if break_it is None else str(break_it),
    )


def _from_environment(env: Mapping[str, str]) -> RunContext:
    return RunContext(
        dag_id=env.get("AIRFLOW_CTX_DAG_ID", LOCAL),
        run_id=env.get("AIRFLOW_CTX_DAG_RUN_ID", LOCAL),
        task_id=env.get("AIRFLOW_CTX_TASK_ID", LOCAL),
        try_number=int(env.get("AIRFLOW_CTX_TRY_NUMBER", "1")),
    )
