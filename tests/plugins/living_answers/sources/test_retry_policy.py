import json
from datetime import UTC, datetime

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.definitions.retry_policy import RetryAction, RetryDecision
from airflow.serialization.serialized_objects import DagSerialization
from hypothesis import given
from hypothesis import strategies as st

from living_answers.sources.errors import (
    BadRequest,
    CircuitOpen,
    ConnectionLost,
    Forbidden,
    OutOfOrder,
    RateLimited,
    ServerFault,
    Unauthorised,
    UnreadablePage,
)
from living_answers.sources.retry import SourceRetryPolicy

POLICY = SourceRetryPolicy(base_seconds=2, cap_seconds=60, seed=1)


@pytest.mark.parametrize("error", [RateLimited, ServerFault, ConnectionLost, OutOfOrder, CircuitOpen])
def test_a_transient_error_is_tried_again_and_says_why(error):
    decision = POLICY.evaluate(error("it passed"), 1, 5)
    assert (decision.action, decision.reason) == (RetryAction.RETRY, f"{error.__name__}: it passed")
    assert 0 <= decision.retry_delay.total_seconds() <= 2


def test_an_unreadable_page_that_nobody_caught_is_tried_again():
    assert POLICY.evaluate(UnreadablePage("/v1/flights", 2, b"{", "cut", None), 1, 5).action is RetryAction.RETRY


@pytest.mark.parametrize("error", [Unauthorised, Forbidden, BadRequest])
def test_a_permanent_error_fails_at_once_with_its_reason(error):
    assert POLICY.evaluate(error("put it right"), 1, 5) == RetryDecision.fail(f"{error.__name__}: put it right")


def test_other_errors_follow_the_task_a_few_times():
    assert POLICY.evaluate(ValueError("x"), 3, 12) == RetryDecision.default()
    assert POLICY.evaluate(ValueError("x"), 4, 12) == RetryDecision.fail("ValueError: x")


@given(st.integers(1, 10_000), st.integers(0, 1000))
def test_the_wait_grows_to_the_cap_and_no_further(try_number: int, seed: int):
    ceiling = min(60, 2 * 2 ** min(try_number - 1, 40))
    assert 0 <= SourceRetryPolicy(2, 60, seed=seed).delay_seconds(try_number) <= ceiling


@given(st.floats(0, 10_000), st.integers(1, 50))
def test_what_the_source_asks_for_is_waited_for_up_to_the_longest_wait(asked: float, try_number: int):
    waited = SourceRetryPolicy(2, 60, longest_wait_seconds=900).delay_seconds(try_number, asked)
    assert min(asked, 900) <= waited <= min(asked, 900) + 2


def test_the_jitter_is_full_and_differs_without_a_seed():
    waits = [SourceRetryPolicy(2, 60).delay_seconds(5) for _ in range(200)]
    assert min(waits) < 8
    assert max(waits) > 24
    assert len(set(waits)) > 190
    assert POLICY.delay_seconds(5) == POLICY.delay_seconds(5)


def test_a_reason_fits_the_metadata_database():
    assert len(POLICY.evaluate(ServerFault("x" * 10_000), 1, 5).reason) == 500


def test_the_policy_comes_back_from_json():
    again = SourceRetryPolicy.deserialize(json.loads(json.dumps(POLICY.serialize())))
    assert vars(again) == vars(POLICY)


@pytest.mark.parametrize(("base", "cap"), [(0, 1), (-1, 1), (2, 1)])
def test_waits_that_make_no_sense_are_refused(base, cap):
    with pytest.raises(ValueError, match="base_seconds"):
        SourceRetryPolicy(base, cap)


def test_a_dag_that_uses_it_is_serialised_and_keeps_the_flag():
    with DAG("pulls", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:

        @task(retries=5, retry_policy=POLICY)
        def pull(day: str) -> None: ...

        pull("2013-01-01")
        pull.override(task_id="mapped").expand(day=["2013-01-01", "2013-01-02"])

    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    restored = DagSerialization.from_dict(stored)
    assert [restored.get_task(name).has_retry_policy for name in ("pull", "mapped")] == [True, True]
    assert dag.get_task("pull").retry_policy is POLICY
