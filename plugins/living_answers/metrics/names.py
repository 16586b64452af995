"""The metrics that are made out of the ledger, as data: rules and dashboards are checked against this list."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "summary"]


@dataclass(frozen=True, slots=True)
class MetricName:
    """What Prometheus is told of a metric; the name of a counter is without ``_total``, which the format adds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which its samples appear."""
        suffixes = {"counter": ("_total",), "gauge": ("",), "summary": ("_count", "_sum")}[self.kind]
        return tuple(self.name + suffix for suffix in suffixes)


LEDGER_UP: Final = MetricName("living_answers_ledger_up", "gauge", "1 if the ledger could be read for this scrape")
LEDGER_SECONDS: Final = MetricName(
    "living_answers_ledger_read_seconds", "gauge", "How long reading the ledger took for this scrape"
)
STEP_ROWS: Final = MetricName(
    "living_answers_step_rows", "counter", "Rows that a step read, wrote, rejected or found doubled", ("step", "kind")
)
STEP_SECONDS: Final = MetricName(
    "living_answers_step_duration_seconds", "summary", "Executions of a step and their time", ("step",)
)
STEP_FAILURES: Final = MetricName(
    "living_answers_step_failures", "counter", "Executions of a step that raised", ("step",)
)
LAST_SUCCESS: Final = MetricName(
    "living_answers_last_success_timestamp_seconds", "gauge", "When a step last went well", ("step",)
)
PROOFS: Final = MetricName(
    "living_answers_proofs",
    "counter",
    "Proofs by outcome and by the way the run was broken",
    ("dag_id", "break_it", "holds"),
)
PROOF_HOLDS: Final = MetricName(
    "living_answers_proof_last_holds",
    "gauge",
    "1 if the latest outcome of the proof holds in every partition; runs broken on purpose are left out",
    ("dag_id", "proof"),
)
DEAD_LETTERS: Final = MetricName(
    "living_answers_dead_letters", "gauge", "Dead letters by state", ("source", "kind", "state")
)
BATCHES: Final = MetricName("living_answers_batches", "counter", "Batches that were claimed and loaded", ("dataset",))
BATCH_ROWS: Final = MetricName(
    "living_answers_batch_rows", "counter", "Rows that loads inserted or updated", ("dataset", "kind")
)
BREAKER_OPEN: Final = MetricName(
    "living_answers_circuit_breaker_open", "gauge", "1 while a circuit breaker lets no call through", ("name",)
)
OTLP_SERIES: Final = MetricName("living_answers_otlp_series", "gauge", "Series held for senders of OpenTelemetry")
OTLP_DROPPED: Final = MetricName(
    "living_answers_otlp_points_dropped", "counter", "Received points that were not kept", ("reason",)
)

ALL: Final = (
    LEDGER_UP,
    LEDGER_SECONDS,
    STEP_ROWS,
    STEP_SECONDS,
    STEP_FAILURES,
    LAST_SUCCESS,
    PROOFS,
    PROOF_HOLDS,
    DEAD_LETTERS,
    BATCHES,
    BATCH_ROWS,
    BREAKER_OPEN,
    OTLP_SERIES,
    OTLP_DROPPED,
)
