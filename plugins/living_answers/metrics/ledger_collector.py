"""Reads the ledger upon each scrape, so that what a short-lived task did is never lost."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from living_answers.ledger import LedgerNotConfiguredError, queries
from living_answers.metrics import names
from living_answers.metrics.names import MetricName

_CACHE_SECONDS: Final = 1.0
_CACHE_FACTOR: Final = 10  # A reading serves ten times as long as it took: a grown ledger is busy a tenth of the time.


class LedgerCollector(Collector):
    """A collector that never fails: without the ledger it says ``living_answers_ledger_up 0`` and nothing stale."""

    def __init__(self, ledger: Callable[[], Engine], clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._cached: list[Metric] = []
        self._expires = float("-inf")

    def describe(self) -> Iterable[Metric]:
        """Name nothing, so that registering does not read the ledger."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the ledger's figures, a second old at most while the ledger is small.

        Two scrapers at once cost one reading.
        """
        with self._lock:
            if self._clock() >= self._expires:
                started = self._clock()
                self._cached = self._read()
                ended = self._clock()
                self._expires = ended + max(_CACHE_SECONDS, _CACHE_FACTOR * (ended - started))
            return self._cached

    def _read(self) -> list[Metric]:
        started = self._clock()
        try:
            with self._ledger().connect() as connection:
                families = list(_families(connection))
        except (SQLAlchemyError, LedgerNotConfiguredError):
            families, up = [], 0
        else:
            up = 1
        seconds = self._clock() - started
        return [*families, _family(names.LEDGER_UP, [((), up)]), _family(names.LEDGER_SECONDS, [((), seconds)])]


def _families(connection: Connection) -> Iterator[Metric]:
    yield from _step_families(queries.step_totals(connection))
    proofs = queries.proof_counts(connection)
    yield _family(names.PROOFS, (((p.dag_id, p.break_it, str(p.holds).lower()), p.times) for p in proofs))
    states = queries.proof_states(connection)
    yield _family(names.PROOF_HOLDS, (((s.dag_id, s.proof), int(s.holds)) for s in states))
    letters = queries.dead_letter_counts(connection)
    yield _family(names.DEAD_LETTERS, (((x.source, x.kind, x.state), x.letters) for x in letters))
    batches = queries.batch_totals(connection)
    yield _family(names.BATCHES, (((b.dataset,), b.batches) for b in batches))
    written = (
        (b.dataset, kind, rows) for b in batches for kind, rows in (("inserted", b.inserted), ("updated", b.updated))
    )
    yield _family(names.BATCH_ROWS, (((dataset, kind), rows) for dataset, kind, rows in written))
    breakers = queries.breakers(connection)
    yield _family(names.BREAKER_OPEN, (((b.name,), int(b.state == "open")) for b in breakers))


def _step_families(totals: list[queries.StepTotal]) -> Iterator[Metric]:
    rows = CounterMetricFamily(names.STEP_ROWS.name, names.STEP_ROWS.help, labels=names.STEP_ROWS.labels)
    seconds = SummaryMetricFamily(names.STEP_SECONDS.name, names.STEP_SECONDS.help, labels=names.STEP_SECONDS.labels)
    for total in totals:
        for kind, n in (
            ("read", total.read),
            ("written", total.written),
            ("rejected", total.rejected),
            ("duplicate", total.duplicates),
        ):
            rows.add_metric((total.step, kind), n)
        seconds.add_metric((total.step,), total.executions, total.seconds)
    yield from (rows, seconds)
    yield _family(names.STEP_FAILURES, (((t.step,), t.failures) for t in totals))
    yield _family(names.LAST_SUCCESS, (((t.step,), t.last_success.timestamp()) for t in totals if t.last_success))


def _family(metric: MetricName, samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """Build a counter or a gauge out of pairs of label values and a value."""
    classes: dict[str, Any] = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
    family: Metric = classes[metric.kind](metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)  # type: ignore[attr-defined]
    return family
