"""Totals survive their senders, forks are not counted twice, and nothing grows without bound."""

from dataclasses import replace
from typing import Any

import pytest

from living_answers.metrics.otlp import Point, UnreadableMetricsError, decode, prometheus_name
from living_answers.metrics.otlp_store import Limits, OtlpStore

POINT = Point("airflow_ti_finish", "counter", (("dag_id", "d"),), ("a", 1), 2.0)


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _samples(store: OtlpStore) -> dict[str, float]:
    return {
        sample.name + "".join(f"|{v}" for v in sample.labels.values()): sample.value
        for family in store.collect()
        for sample in family.samples
    }


def _value(store: OtlpStore, name: str = "airflow_ti_finish_total|d") -> Any:
    return _samples(store).get(name)


def test_senders_are_added_up_and_a_repeated_report_counts_once() -> None:
    store = OtlpStore()
    store.record([POINT, POINT, replace(POINT, value=5.0), replace(POINT, stream=("a", 2), value=1.0)])
    assert _value(store) == 6.0


def test_a_fork_that_reports_its_parents_old_figure_adds_nothing() -> None:
    store = OtlpStore()
    store.record([replace(POINT, value=9.0), replace(POINT, value=4.0), replace(POINT, value=10.0)])
    assert _value(store) == 10.0


def test_deltas_are_added_and_gauges_replaced() -> None:
    store = OtlpStore()
    store.record([replace(POINT, delta=True), replace(POINT, delta=True)])
    gauge = replace(POINT, name="airflow_pool_open_slots", kind="gauge")
    store.record([gauge, replace(gauge, value=1.0)])
    assert _value(store) == 4.0
    assert _value(store, "airflow_pool_open_slots|d") == 1.0


def test_a_summary_has_count_and_sum() -> None:
    store = OtlpStore()
    summary = replace(POINT, name="airflow_task_duration_seconds", kind="summary", value=3.0, count=2)
    store.record([summary, replace(summary, value=3.5, count=3)])
    assert _value(store, "airflow_task_duration_seconds_sum|d") == 3.5
    assert _value(store, "airflow_task_duration_seconds_count|d") == 3


def test_what_is_stale_goes_and_a_total_outlives_its_sender() -> None:
    clock = _Clock()
    store = OtlpStore(Limits(stream_seconds=600, gauge_seconds=300, total_seconds=3600), clock)
    store.record([POINT, replace(POINT, name="g", kind="gauge")])
    clock.now = 700
    assert _value(store) == 2.0
    assert _value(store, "g|d") is None
    store.record([replace(POINT, stream=("b", 9), value=1.0)])
    assert _value(store) == 3.0
    clock.now = 4400
    assert _value(store) is None
    store.record([replace(POINT, kind="gauge")])  # the name is free again
    assert _value(store, "airflow_ti_finish|d") == 2.0


def test_series_and_streams_are_bounded() -> None:
    store = OtlpStore(Limits(series=2, streams=3))
    assert store.record(replace(POINT, labels=(("n", str(n)),)) for n in range(5)) == 3
    assert store.record(replace(POINT, labels=(("n", "0"),), stream=("s", n)) for n in range(5)) == 4
    samples = _samples(store)
    assert samples["living_answers_otlp_series"] == 2
    assert samples["living_answers_otlp_points_dropped_total|too_many_series"] == 3
    assert samples["living_answers_otlp_points_dropped_total|too_many_streams"] == 4


def test_a_name_keeps_its_kind_and_ours_are_reserved() -> None:
    store = OtlpStore()
    assert store.record([POINT, replace(POINT, kind="gauge"), replace(POINT, name="living_answers_x")]) == 2
    assert _value(store) == 2.0


@pytest.mark.parametrize(
    ("name", "kind", "suffix", "expected"),
    [
        ("airflow.ti.finish", "counter", "", "airflow_ti_finish"),
        ("airflow.x_total", "counter", "", "airflow_x"),
        ("airflow.scheduler.loop-time", "summary", "_seconds", "airflow_scheduler_loop_time_seconds"),
        ("a.seconds", "gauge", "_seconds", "a_seconds"),
        ("9lives", "gauge", "", "_9lives"),
    ],
)
def test_names(name: str, kind: Any, suffix: str, expected: str) -> None:
    assert prometheus_name(name, kind, suffix) == expected


def test_a_body_that_is_no_protobuf_is_refused() -> None:
    with pytest.raises(UnreadableMetricsError):
        decode(b"\xff\xff\xff")
