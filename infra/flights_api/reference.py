"""Reference data: carriers, airports and planes."""

from datetime import date
from typing import Any

from flights_api.flights import first_version_at
from flights_api.source_files import read_csv, source_file

FILES = {"carriers": "airlines.csv", "airports": "airports.csv", "planes": "planes.csv"}
# The files carry no date of their own: the lists are those of the day before the first flight.
PUBLISHED = first_version_at(date(2012, 12, 31))

Record = dict[str, Any]


def load_reference() -> dict[str, list[Record]]:
    """The three lists by name, in the order of their files, each record with `updated_at`."""
    return {
        name: [row | {"updated_at": PUBLISHED} for row in read_csv(source_file(file)).to_pylist()]
        for name, file in FILES.items()
    }
