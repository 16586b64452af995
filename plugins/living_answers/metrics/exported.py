"""Which series can exist at all, so that rules and dashboards can be checked against the code."""

import re
from importlib.metadata import files
from pathlib import Path
from typing import Any, Final

import yaml

from living_answers.metrics import names
from living_answers.metrics.otlp import Kind, prometheus_name

_KINDS: Final[dict[str, Kind]] = {"counter": "counter", "gauge": "gauge", "timer": "summary"}
_LABELS_AND_TEXT: Final = re.compile(r"\{[^}]*\}|\"[^\"]*\"|\b(?:by|without|on|ignoring)\s*\([^)]*\)")
_METRIC: Final = re.compile(
    r"\b(?:[a-z_]+:)?(?:living_answers|airflow|redshift_gateway)_[a-z0-9_]+(?::[a-z0-9_]+)?\b|\bup\b"
)


def ledger_series() -> set[str]:
    """Return the names of all series made from the ledger."""
    return {series for metric in names.ALL for series in metric.series}


def airflow_series() -> set[str]:
    """Return the names under which Airflow's own metrics arrive, by the registry that Airflow ships."""
    # Found by its path: importing the SDK takes a second, and is not needed to read a file of it.
    sdk = files("apache-airflow-task-sdk") or []
    (registry,) = (Path(str(file.locate())) for file in sdk if file.name == "metrics_template.yaml")
    metrics = yaml.safe_load(registry.read_text())["metrics"]
    return {series for metric in metrics if "{" not in metric["name"] for series in _series(metric)}


def metrics_of(expression: str) -> set[str]:
    """Return the metrics that a PromQL expression names."""
    return set(_METRIC.findall(_LABELS_AND_TEXT.sub(" ", expression)))


def _series(metric: dict[str, Any]) -> tuple[str, ...]:
    kind = _KINDS[metric["type"]]
    suffix = "_seconds" if kind == "summary" else ""
    name = prometheus_name(f"airflow.{metric['name']}", kind, suffix)
    return names.MetricName(name, kind, "").series
