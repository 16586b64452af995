"""Decodes OpenTelemetry's metrics and gives them Prometheus names, by the rules of OpenTelemetry's own specification.

https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, NumberDataPoint

Kind = Literal["counter", "gauge", "summary"]
Labels = tuple[tuple[str, str], ...]

_UNITS: Final = {"ms": ("_seconds", 0.001), "s": ("_seconds", 1.0), "By": ("_bytes", 1.0)}
# A label that is new for each run or process would make a series that is never seen twice.
_UNBOUNDED_LABELS: Final = frozenset({"job_id", "run_id", "pid", "try_number"})


@dataclass(frozen=True, slots=True)
class Point:
    """One observation of one sender. ``count`` is the number of observations behind a summary's sum, else 0."""

    name: str
    kind: Kind
    labels: Labels
    stream: tuple[Any, ...]
    value: float
    count: int = 0
    delta: bool = False


class UnreadableMetricsError(ValueError):
    """The body is no ExportMetricsServiceRequest."""


def decode(body: bytes) -> Iterator[Point]:
    """Yield the points of a request's body. Raises UnreadableMetricsError before the first one."""
    try:
        request = ExportMetricsServiceRequest.FromString(body)
    except Exception as error:
        # protobuf's DecodeError moves between its implementations, so it cannot be named
        raise UnreadableMetricsError("the body is no OTLP ExportMetricsServiceRequest in protobuf") from error
    return (
        point
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in _points(metric, sender=_attributes(resource.resource.attributes))
    )


def _points(metric: Any, sender: Labels) -> Iterator[Point]:
    data = metric.WhichOneof("data")
    if data is None:
        return
    body = getattr(metric, data)
    kind = _kind(data, body)
    suffix, factor = _UNITS.get(metric.unit, ("", 1.0))
    name = prometheus_name(metric.name, kind, suffix)
    delta = getattr(body, "aggregation_temporality", 0) == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    for point in body.data_points:
        attributes = _attributes(point.attributes)
        labels = tuple(pair for pair in attributes if pair[0] not in _UNBOUNDED_LABELS)
        stream = (sender, attributes, point.start_time_unix_nano)
        value, count = _reading(point)
        yield Point(name, kind, labels, stream, value * factor, count, delta)


def _kind(data: str, body: Any) -> Kind:
    if data == "sum":
        return "counter" if body.is_monotonic else "gauge"
    return "gauge" if data == "gauge" else "summary"


def _reading(point: Any) -> tuple[float, int]:
    if isinstance(point, NumberDataPoint):
        return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double), 0
    return float(point.sum), int(point.count)


def prometheus_name(name: str, kind: Kind, suffix: str = "") -> str:
    """Return the family's name: ``airflow.ti.finish`` becomes ``airflow_ti_finish``; the unit stands at the end."""
    plain = re.sub(r"[^a-zA-Z0-9_]+", "_", name)
    plain = f"_{plain}" if plain[:1].isdigit() else plain
    if kind == "counter":
        plain = plain.removesuffix("_total")
    return plain if plain.endswith(suffix) else plain + suffix


def _attributes(attributes: Any) -> Labels:
    return tuple(sorted((_label_name(a.key), _label_value(a.value)) for a in attributes))


def _label_name(key: str) -> str:
    plain = re.sub(r"[^a-zA-Z0-9_]+", "_", key)
    return f"key_{plain}" if plain[:1].isdigit() or plain.startswith("__") else plain


def _label_value(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    return str(value.bool_value).lower() if kind == "bool_value" else str(getattr(value, kind))
