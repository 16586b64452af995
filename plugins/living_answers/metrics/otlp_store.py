"""Holds what OpenTelemetry senders report, so that Prometheus can scrape it.

Airflow reports from many processes, most of them as short-lived as a task, under the same names and labels. Each one
counts from zero. So counters and sums are kept as running totals: every report adds what it grew by since the sender's
last one, and what a finished sender had counted stays. A gauge is what the latest report said.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from living_answers.metrics import names
from living_answers.metrics.otlp import Kind, Labels, Point

_SWEEP_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Series:
    value: float = 0.0
    count: int = 0
    seen: float = 0.0
    # For each sender: its last value and count, and when it reported.
    streams: dict[tuple[Any, ...], tuple[float, int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is held, and for how long after the last report (in seconds)."""

    series: int = 5_000
    streams: int = 50_000
    gauge_seconds: float = 300
    total_seconds: float = 24 * 3600
    stream_seconds: float = 600


class OtlpStore(Collector):
    """A collector over the points that :meth:`record` was given."""

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits or Limits()
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[str, Kind] = {}
        self._series: dict[tuple[str, Labels], _Series] = {}
        self._streams = 0
        self._dropped: Counter[str] = Counter()
        self._next_sweep = 0.0

    def record(self, points: Iterable[Point]) -> int:
        """Take the points in and return how many were refused: too many series, or a name already of another kind."""
        with self._lock:
            self._sweep()
            refused = [reason for reason in map(self._take, points) if reason]
            self._dropped.update(refused)
        return len(refused)

    def _take(self, point: Point) -> str | None:
        if point.name.startswith("living_answers_"):
            return "reserved_name"
        if self._kinds.setdefault(point.name, point.kind) != point.kind:
            return "kind_changed"
        key = (point.name, point.labels)
        if key not in self._series and len(self._series) >= self._limits.series:
            return "too_many_series"
        series = self._series.setdefault(key, _Series())
        series.seen = self._clock()
        if point.kind == "gauge":
            series.value = point.value
            return None
        return self._add(series, point)

    def _add(self, series: _Series, point: Point) -> str | None:
        if point.delta:
            series.value += point.value
            series.count += point.count
            return None
        known = series.streams.get(point.stream)
        if known is None and self._streams >= self._limits.streams:
            return "too_many_streams"
        value, count, _ = known or (0.0, 0, 0.0)
        # A fork that still reports its parent's figures is behind them: what has been counted is not counted again.
        series.value += max(point.value - value, 0.0)
        series.count += max(point.count - count, 0)
        series.streams[point.stream] = (max(point.value, value), max(point.count, count), series.seen)
        self._streams += known is None
        return None

    def _sweep(self) -> None:
        """Forget what nobody reports any more; at most every ten seconds, as it walks over all of it."""
        now = self._clock()
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_SECONDS
        for key, series in list(self._series.items()):
            self._forget_streams(series, now - self._limits.stream_seconds)
            gauge = self._kinds[key[0]] == "gauge"
            if now - series.seen > (self._limits.gauge_seconds if gauge else self._limits.total_seconds):
                self._streams -= len(series.streams)
                del self._series[key]
        alive = {name for name, _ in self._series}
        self._kinds = {name: kind for name, kind in self._kinds.items() if name in alive}

    def _forget_streams(self, series: _Series, before: float) -> None:
        old = [stream for stream, (_, _, seen) in series.streams.items() if seen < before]
        for stream in old:
            del series.streams[stream]
        self._streams -= len(old)

    def describe(self) -> Iterable[Metric]:
        """Name nothing: what the senders report is not known beforehand."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return a family for each name that was reported, and how the store itself is doing."""
        with self._lock:
            self._sweep()
            families = {name: Metric(name, f"{name}, from OpenTelemetry", kind) for name, kind in self._kinds.items()}
            for (name, labels), series in self._series.items():
                _add_samples(families[name], dict(labels), series)
            return [*families.values(), *self._own()]

    def _own(self) -> list[Metric]:
        held = GaugeMetricFamily(names.OTLP_SERIES.name, names.OTLP_SERIES.help, value=len(self._series))
        dropped = CounterMetricFamily(
            names.OTLP_DROPPED.name, names.OTLP_DROPPED.help, labels=names.OTLP_DROPPED.labels
        )
        for reason, points in self._dropped.items():
            dropped.add_metric((reason,), points)
        return [held, dropped]


def _add_samples(family: Metric, labels: dict[str, str], series: _Series) -> None:
    if family.type == "summary":
        family.add_sample(f"{family.name}_count", labels, series.count)
        family.add_sample(f"{family.name}_sum", labels, series.value)
    else:
        family.add_sample(family.name + ("_total" if family.type == "counter" else ""), labels, series.value)
