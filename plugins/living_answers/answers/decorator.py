"""``@answer``: declares which questions a DAG answers and how it may be broken on purpose.

Imported while DAG files are parsed, so it imports nothing but ``airflow.sdk`` and what that has imported already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, ExceptionRetryPolicy, Param, RetryAction, RetryRule, task
from airflow.sdk import dag as airflow_dag

from living_answers.proof import ProofFailed

OWNER = "living-answers"
#: A proof that fails has failed: trying again would only hide it. Everything else is tried again as usual.
POLICY = ExceptionRetryPolicy(
    rules=[RetryRule(exception=ProofFailed, action=RetryAction.FAIL, reason="a proof failed: that is its answer")]
)


def answer(
    *,
    questions: Sequence[str],
    breaks: Mapping[str, Mapping[str, Any]],
    claims: Mapping[str, Mapping[str, str]] | None = None,
    scratch: Sequence[str] = (),
    engines: Sequence[str] = (),
    stand_ins: Mapping[str, str] | None = None,
    minutes: int = 5,
) -> Callable[[Callable[[], Any]], DAG]:
    """Make the decorated function, in which the tasks stand, the DAG that answers ``questions``.

    The file's docstring becomes the DAG's page, its name the DAG's id, its folder the area. All arguments are literals,
    so that the page and the command line read them from the file without running it (see ``declaration``):

    - ``breaks``: way -> ``{"what": in words, "fails": [names of the proofs that must then fail]}``; one at the least.
    - ``claims``: claim id -> ``{"verdict": ..., "proof": the proof that backs it, "truth": the right statement}``.
    - ``scratch``: what the answer needs for itself alone: ``"schema"`` in the warehouse, ``"prefix"`` in the lake. It
      is made by a setup task and dropped by a teardown task that always runs.
    - ``engines``: engines on demand; ``stand_ins``: system id -> what stands in for it here.
    """
    del claims, engines, stand_ins  # declarations: read from the file, not needed to run it

    def decorate(function: Callable[[], Any]) -> DAG:
        file = Path(function.__globals__["__file__"])
        made = airflow_dag(
            dag_id=file.stem,
            schedule=None,
            start_date=datetime(2013, 1, 1),  # noqa: DTZ001 - Airflow reads it as UTC
            catchup=False,
            max_active_runs=4,
            tags=["answer", file.parent.name, *questions],
            params={"break_it": _break_it(breaks)},
            default_args={
                "owner": OWNER,
                "retries": 1,
                "retry_delay": timedelta(seconds=2),
                "retry_policy": POLICY,
                "execution_timeout": timedelta(minutes=minutes),
            },
            dagrun_timeout=timedelta(minutes=3 * minutes),
            doc_md=function.__globals__["__doc__"],
        )(_with_scratch(function, scratch))
        return made()

    return decorate


def _break_it(breaks: Mapping[str, Mapping[str, Any]]) -> Param:
    ways = "\n".join(f"- `{way}`: {told['what']}" for way, told in breaks.items())
    return Param(
        None,
        type=["null", "string"],
        enum=[None, *breaks],
        title="Break it",
        description="Run the naive twin, or let a fault strike, and see the named proof fail.",
        description_md=ways,
    )


def _with_scratch(function: Callable[[], Any], kinds: Sequence[str]) -> Callable[[], Any]:
    """The function, with a setup task before all of its tasks and a teardown task behind them."""
    if not kinds:
        return function

    def build() -> None:
        function()
        dag = _current_dag()
        roots, leaves = list(dag.roots), list(dag.leaves)
        prepared, cleaned = _prepare(list(kinds)), _clean_up(list(kinds))
        prepared.as_setup() >> roots
        leaves >> cleaned.as_teardown(setups=prepared)

    build.__name__ = function.__name__
    build.__globals__.setdefault("__doc__", None)
    return build


def _current_dag() -> DAG:
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    current: DAG = DagContext.get_current_dag()
    return current


@task(task_id="prepare")
def _prepare(kinds: list[str]) -> None:
    from living_answers.answers import scratch

    scratch.make(kinds)


@task(task_id="clean_up", trigger_rule="all_done", retries=3)
def _clean_up(kinds: list[str]) -> None:
    from living_answers.answers import scratch

    scratch.drop(kinds)
