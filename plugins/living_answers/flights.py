"""What the DAGs of the main job share: the assets that join them, the day they work on, and the lake's layout.

Imported while DAG files are parsed, so it imports nothing but ``airflow.sdk``.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowFailException

RAW = Asset("raw_flights", group="flights")
REFINED = Asset("refined_flights", group="flights")
VALIDATED = Asset("validated_flights", group="flights")
WAREHOUSE = Asset("warehouse_flights", group="flights")
MARTS = Asset("flight_marts", group="flights")
#: Carriers, airports and planes: whole snapshots, not partitioned. Its state store keeps their ETags.
REFERENCE = Asset("reference_data", group="flights")

REFERENCE_DATASETS = ("carriers", "airports", "planes")

OWNER = "data-platform"
#: The days that the source has.
FIRST_DAY, LAST_DAY = "2013-01-01", "2013-12-31"


class NoSuchDay(AirflowFailException, ValueError):
    """The run names no day that the source has. It fails at the first try: its key stays what it is."""


def raw_prefix(dataset: str, day: str) -> str:
    """Return where a day's raw files of a data set lie."""
    return f"raw/{dataset}/day={day}/"


def refined_key(day: str) -> str:
    """Return the key of the day's typed Parquet file."""
    return f"refined/flights/day={day}/flights.parquet"


def quarantine_key(day: str) -> str:
    """Return the key of the rows that broke a rule, as JSON Lines."""
    return f"quarantine/flights/day={day}/rows.jsonl"


def report_key(day: str) -> str:
    """Return the key of the refine job's report."""
    return f"reports/refine/day={day}.json"


def weather_key(day: str) -> str:
    """Return the key of the day's weather file among the raw files."""
    return f"{raw_prefix('weather', day)}weather.csv"


def dead_letter_key(day: str, page: int) -> str:
    """Return where the bytes of a page that cannot be read are kept."""
    return f"dead-letters/flights/day={day}/page-{page:05d}.bin"


def snapshot_key(dataset: str) -> str:
    """Return the key of a reference data set, whole, as JSON Lines."""
    return f"raw/{dataset}/snapshot.jsonl"


def day_of_run() -> str:
    """Return the day this run works on, as ``YYYY-MM-DD``.

    The day is the run's partition key; a run started by hand may name it in the param ``day`` instead.

    Raises:
        NoSuchDay: the run has neither, or it is no day that the source has. The message says how to give one.
    """
    context = get_current_context()
    return parse_day(context.get("partition_key") or context["params"].get("day"))


def parse_day(value: Any) -> str:
    """Return ``value`` as ``YYYY-MM-DD``.

    Raises:
        NoSuchDay: it is missing, no calendar day, or outside the source's year.
    """
    remedy = "give a partition key such as 2013-01-01, or the param 'day': answers run flights --day 2013-01-01"
    if not value:
        raise NoSuchDay(f"this run has no day to work on: {remedy}")
    try:
        day = date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise NoSuchDay(f"{value!r} is not a calendar day: {remedy}") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise NoSuchDay(f"the source has no flights on {day}, only from {FIRST_DAY} to {LAST_DAY}: {remedy}")
    return day
