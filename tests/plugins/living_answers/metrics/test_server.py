"""The endpoint as Prometheus and Airflow's OpenTelemetry exporter see it, over real sockets."""

import gzip
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from opentelemetry import metrics as otel
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from sqlalchemy import Engine, text

from living_answers import ledger
from living_answers.ledger import dead_letters
from living_answers.metrics import names
from living_answers.proof import ProofFailed, prove


def _provider(url: str) -> MeterProvider:
    """Build a sender as Airflow's otel_logger does."""
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics"), export_interval_millis=60_000)
    view = View(instrument_type=otel.Histogram, aggregation=ExponentialBucketHistogramAggregation())
    assert issubclass(Histogram, otel.Histogram)
    return MeterProvider(metric_readers=[reader], views=[view], shutdown_on_exit=False)


def _report(url: str) -> None:
    provider = _provider(url)
    meter = provider.get_meter("airflow")
    meter.create_counter("airflow.ti.finish").add(3, {"dag_id": "d", "state": "success"})
    meter.create_gauge("airflow.pool.open_slots").set(2, {"pool_name": "flights_api"})
    histogram = meter.create_histogram("airflow.task.duration", unit="ms")
    histogram.record(1500.0, {"dag_id": "d"})
    histogram.record(500.0, {"dag_id": "d"})
    assert provider.force_flush()
    provider.shutdown()


def test_metrics_of_opentelemetry_arrive_with_prometheus_names(metrics_server: Any) -> None:
    for _ in range(2):  # two processes under the same names
        _report(metrics_server.url)
    assert metrics_server.value("airflow_ti_finish_total", dag_id="d", state="success") == 6
    assert metrics_server.value("airflow_pool_open_slots", pool_name="flights_api") == 2
    assert metrics_server.value("airflow_task_duration_seconds_sum", dag_id="d") == 4.0
    assert metrics_server.value("airflow_task_duration_seconds_count", dag_id="d") == 4


def test_the_ledger_is_read_upon_each_scrape(metrics_server: Any, fresh_ledger: Engine) -> None:
    with ledger.step("refine", "2013-01-01") as record:
        record.read, record.wrote, record.rejected, record.duplicates = 10, 7, 2, 1
    with pytest.raises(ProofFailed), ledger.step("load", "2013-01-01"):
        prove("nothing lost", observed=9, expected=10)
    dead_letters.bury("page", "flights", "2013-01-01", "page-00003", "not JSON")
    with fresh_ledger.begin() as connection:
        connection.execute(text("INSERT INTO ledger.circuit_breakers (name, state) VALUES ('flights_api', 'open')"))
        connection.execute(
            text(
                "INSERT INTO ledger.batches (dataset, partition, content_hash, inserted, updated, run_id)"
                " VALUES ('flights', '2013-01-01', 'x', 7, 1, 'r')"
            )
        )
    value = metrics_server.value
    assert value("living_answers_ledger_up") == 1
    assert value("living_answers_step_rows_total", step="refine", kind="written") == 7
    assert value("living_answers_step_duration_seconds_count", step="refine") == 1
    assert value("living_answers_step_failures_total", step="load") == 1
    assert value("living_answers_last_success_timestamp_seconds", step="refine") > 1e9
    assert value("living_answers_last_success_timestamp_seconds", step="load") is None
    assert value("living_answers_proofs_total", dag_id="local", break_it="", holds="false") == 1
    assert value("living_answers_proof_last_holds", dag_id="local", proof="nothing lost") == 0
    assert value("living_answers_dead_letters", source="flights", kind="page", state="open") == 1
    assert value("living_answers_circuit_breaker_open", name="flights_api") == 1
    assert value("living_answers_batches_total", dataset="flights") == 1
    assert value("living_answers_batch_rows_total", dataset="flights", kind="inserted") == 7


def test_a_proof_holds_when_it_does_in_the_latest_run_of_each_partition(
    metrics_server: Any, fresh_ledger: Engine
) -> None:
    for partition, observed in (("a", 2), ("b", 1), ("a", 1)):
        if observed == 2:
            with pytest.raises(ProofFailed):
                prove("one", observed=observed, expected=1, partition=partition)
        else:
            prove("one", observed=observed, expected=1, partition=partition)
    with fresh_ledger.begin() as connection:  # broken on purpose: no reason for an alert
        connection.execute(
            text(
                "INSERT INTO ledger.evidence (dag_id, run_id, task_id, partition, proof, how, holds, break_it)"
                " VALUES ('local', 'r', 't', 'a', 'one', 'equal', false, 'append')"
            )
        )
    assert metrics_server.value("living_answers_proof_last_holds", dag_id="local", proof="one") == 1
    assert metrics_server.value("living_answers_proofs_total", dag_id="local", break_it="append", holds="false") == 1


def test_every_declared_metric_is_served_under_its_name(metrics_server: Any) -> None:
    described = {line.split()[2] for line in metrics_server.text().splitlines() if line.startswith("# TYPE")}
    declared = {name.name + ("_total" if name.kind == "counter" else "") for name in names.ALL}
    assert declared <= described


def test_a_scrape_does_not_fail_without_the_ledger(metrics_server_without_ledger: Any) -> None:
    body = metrics_server_without_ledger.text()
    assert "living_answers_ledger_up 0.0" in body
    assert "living_answers_step_rows" not in body
    assert "canary-99" not in body


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/metrics", b"\xff\xff", {"Content-Type": "application/x-protobuf"}, 400),
        ("/v1/metrics", b"{}", {"Content-Type": "application/json"}, 415),
        ("/v1/metrics", b"x", {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}, 400),
        (
            "/v1/metrics",
            gzip.compress(bytes(9 * 1024 * 1024), mtime=0),
            {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"},
            413,
        ),
        (
            "/v1/metrics",
            gzip.compress(b"cut", mtime=0)[:-4],
            {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"},
            400,
        ),
        ("/v1/traces", b"", {}, 404),
    ],
)
def test_what_is_no_metrics_is_refused_with_a_reason(
    metrics_server_without_ledger: Any, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    request = Request(metrics_server_without_ledger.url + path, data=body, headers=headers)
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=10)
    assert refused.value.code == status
    assert refused.value.read()


def test_it_listens_on_loopback_only(metrics_server_without_ledger: Any) -> None:
    listening = psutil.Process(metrics_server_without_ledger.pid).net_connections()
    assert {c.laddr.ip for c in listening if c.status == "LISTEN"} == {"127.0.0.1"}
