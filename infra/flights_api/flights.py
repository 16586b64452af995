"""Every flight that left New York in 2013, held in columns and served as records."""

import zipfile
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc

from flights_api.source_files import read_csv, source_file

CODED_TEXT = pa.dictionary(pa.int32(), pa.string())
IDENTITY = ("flight_id", "date", "carrier", "flight", "tailnum", "origin", "dest")
DEPARTURE = ("sched_dep_time", "dep_time", "dep_delay")
ARRIVAL = ("sched_arr_time", "arr_time", "arr_delay", "air_time", "distance")
SERVED = (*IDENTITY, *DEPARTURE, *ARRIVAL, "time_hour", "minute", "updated_at")
CODED = ("carrier", "tailnum", "origin", "dest", "time_hour")
DERIVED = ("flight_id", "date", "updated_at")
SMALL_INTEGERS = ("year", "month", "day", *(name for name in SERVED if name not in CODED + DERIVED))
TYPES = dict.fromkeys(SMALL_INTEGERS, pa.int16()) | dict.fromkeys(CODED, CODED_TEXT)

Record = dict[str, Any]


@dataclass(frozen=True)
class Flights:
    """The flights in order of date, then flight_id; `days` maps a date to its row numbers."""

    table: pa.Table
    days: dict[str, range]

    def records(self, numbers: Sequence[int]) -> list[Record]:
        """The rows of these numbers, as they are served when nobody has corrected them."""
        rows: list[Record] = self.table.take(pa.array(numbers, pa.int32())).to_pylist()
        return rows

    def number_of(self, flight_id: str) -> int:
        """The row number of a flight. Raises KeyError when there is none of that id."""
        rows = self.days.get(flight_id[:10], range(0))
        ids = self.table["flight_id"]
        at = bisect_left(rows, flight_id, key=lambda number: ids[number].as_py())
        if at == len(rows) or ids[rows[at]].as_py() != flight_id:
            raise KeyError(flight_id)
        return rows[at]


def load_flights() -> Flights:
    """Read the package's flights: about half a second, about 50 MB once loaded."""
    with zipfile.ZipFile(source_file("flights.csv.zip")) as archive, archive.open("flights.csv") as member:
        table = read_csv(member, TYPES)
    # In one chunk: joining strings over several took a hundred times as long (0.87 s, pyarrow 26).
    table = _with_identity(table.combine_chunks())
    table = table.take(pc.sort_indices(table["flight_id"])).combine_chunks()
    loaded = Flights(table.select(list(SERVED)), _days(table["date"]))
    del table
    pa.default_memory_pool().release_unused()
    return loaded


def first_version_at(day: date) -> str:
    """When the first version of that day's flights was published: six hours after the day's end."""
    return f"{day + timedelta(days=1)}T06:00:00Z"


def _with_identity(table: pa.Table) -> pa.Table:
    """Add date, flight_id and updated_at."""
    two_digits = [pc.utf8_lpad(table[part].cast(pa.string()), 2, "0") for part in ("month", "day")]
    dates = pc.binary_join_element_wise(table["year"].cast(pa.string()), *two_digits, "-")
    ids = pc.binary_join_element_wise(
        dates,
        table["origin"].cast(pa.string()),
        pc.binary_join_element_wise(table["carrier"].cast(pa.string()), table["flight"].cast(pa.string()), ""),
        pc.utf8_lpad(table["sched_dep_time"].cast(pa.string()), 4, "0"),
        "-",
    )
    coded = dates.combine_chunks().dictionary_encode()
    published = [first_version_at(date.fromisoformat(day)) for day in coded.dictionary.to_pylist()]
    updated_at = pa.DictionaryArray.from_arrays(coded.indices, pa.array(published))
    return table.append_column("date", coded).append_column("flight_id", ids).append_column("updated_at", updated_at)


def _days(dates: pa.ChunkedArray) -> dict[str, range]:
    """The row numbers of each date of a sorted column."""
    coded = dates.combine_chunks()
    codes = coded.indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    names = coded.dictionary.take(pa.array(codes[starts])).to_pylist()
    return {
        name: range(start, stop) for name, start, stop in zip(names, starts, [*starts[1:], len(codes)], strict=True)
    }
