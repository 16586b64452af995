"""The flights as loaded, against the file itself read by Python's own csv module."""

import csv
import io
import zipfile
from collections import Counter

import pytest

from flights_api.flights import SERVED, Flights
from flights_api.reference import load_reference
from flights_api.source_files import source_file


@pytest.fixture(scope="module")
def source() -> list[dict[str, str]]:
    with zipfile.ZipFile(source_file("flights.csv.zip")) as archive, archive.open("flights.csv") as member:
        return list(csv.DictReader(io.TextIOWrapper(member)))


def test_time_hour_carrier_and_flight_identify_a_flight(source):
    assert len({(row["time_hour"], row["carrier"], row["flight"]) for row in source}) == len(source) == 336_776


def test_flight_id_is_unique_and_sorted(flights: Flights):
    ids = flights.table["flight_id"].to_pylist()
    assert ids == sorted(set(ids))


def test_each_day_has_the_flights_that_the_file_has(flights: Flights, source):
    counted = Counter(f"{row['year']}-{row['month']:0>2}-{row['day']:0>2}" for row in source)
    assert {day: len(numbers) for day, numbers in flights.days.items()} == counted
    assert len(counted) == 365


def test_every_value_of_a_day_is_the_file_s(flights: Flights, source):
    served = {row["flight_id"]: row for row in flights.records(flights.days["2013-03-08"])}
    of_day = [row for row in source if (row["month"], row["day"]) == ("3", "8")]
    assert len(served) == len(of_day)
    for row in of_day:
        clock = f"{int(row['sched_dep_time']):04}"
        got = served[f"2013-03-08-{row['origin']}-{row['carrier']}{row['flight']}-{clock}"]
        same = [name for name in SERVED if name in row]
        assert {name: got[name] if got[name] is not None else "NA" for name in same} == {
            name: row[name] if not isinstance(got[name], int) else int(row[name]) for name in same
        }


def test_na_is_null_and_the_first_version_is_six_hours_after_the_day(flights: Flights):
    rows = flights.records(flights.days["2013-12-31"])
    assert {row["updated_at"] for row in rows} == {"2014-01-01T06:00:00Z"}
    assert any(row["dep_time"] is None for row in rows)
    assert "NA" not in {value for row in rows for value in row.values()}


def test_a_flight_is_found_by_its_id(flights: Flights):
    number = flights.number_of("2013-01-01-EWR-UA1545-0515")
    assert flights.records([number])[0]["dest"] == "IAH"
    for unknown in ("2013-01-01-EWR-UA9999-0515", "2014-01-01-EWR-UA1545-0515", "", "2013-01-01"):
        with pytest.raises(KeyError):
            flights.number_of(unknown)


def test_reference_lists():
    lists = load_reference()
    assert {name: len(rows) for name, rows in lists.items()} == {"carriers": 16, "airports": 1458, "planes": 3322}
    assert set(lists["airports"][0]) == {"faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone", "updated_at"}
    assert any(row["speed"] is None for row in lists["planes"])
