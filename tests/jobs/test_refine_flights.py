"""The refine job on a real Spark Connect server: what it keeps, what it refuses and why, and that it counts right."""

import datetime as dt
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

import refine_flights as job
from flight_contract import RULES

DAY = "2013-01-01"
Row = dict[str, Any]
Served = Callable[[str], list[Row]]


@dataclass(frozen=True)
class Result:
    report: job.Report
    rows: list[Row]
    quarantined: list[Row]

    def rules(self, key: str) -> list[str]:
        return [rule for row in self.quarantined if row["key"] == key for rule in row["rules"]]


@dataclass(frozen=True)
class Runner:
    """Runs the job on one folder; a second run finds the files of the first."""

    spark: SparkSession
    folder: Path

    def request(self, day: str = DAY) -> job.Request:
        paths = (str(self.folder / name) for name in ("raw", "out", "quarantine"))
        return job.Request(*paths, dt.date.fromisoformat(day))

    def put(self, *pages: str | bytes) -> None:
        raw = self.folder / "raw"
        raw.mkdir(exist_ok=True)
        for number, page in enumerate(pages, start=1):
            (raw / f"page-{number:05d}.jsonl").write_bytes(page if isinstance(page, bytes) else page.encode())

    def run(self, *pages: str | bytes, day: str = DAY) -> Result:
        self.put(*pages)
        report = job.refine(self.spark, self.request(day))
        refused = next((self.folder / "quarantine").glob("*.json")).read_text(errors="replace")
        quarantined = [json.loads(line) for line in refused.split("\n") if line]
        return Result(report, pq.read_table(self.folder / "out").to_pylist(), quarantined)


@pytest.fixture
def runner(spark: SparkSession, tmp_path: Path) -> Runner:
    return Runner(spark, tmp_path)


@pytest.fixture
def day(served: Served) -> list[Row]:
    return served(DAY)


def lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def expected(row: Row) -> Row:
    """What the contract makes of a served flight, written again without Spark."""
    hour = dt.datetime.fromisoformat(row["time_hour"])
    business = {
        "flight_id": row["flight_id"],
        "flight_date": dt.date.fromisoformat(row["date"]),
        "carrier": row["carrier"],
        "flight_number": row["flight"],
        **{name: row[name] for name in ("tailnum", "origin", "dest", "sched_dep_time", "dep_time", "dep_delay")},
        **{name: row[name] for name in ("sched_arr_time", "arr_time", "arr_delay", "air_time", "distance")},
        "sched_dep_at": hour + dt.timedelta(minutes=row["minute"]),
        "cancelled": row["dep_time"] is None,
    }
    encoded = ",".join(
        "~" if value is None else f"{len(as_text(value))}:{as_text(value)}" for value in business.values()
    )
    return {
        **business,
        "updated_at": dt.datetime.fromisoformat(row["updated_at"]),
        "row_hash": md5(encoded.encode(), usedforsecurity=False).hexdigest(),
    }


def as_text(value: object) -> str:
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def content_hash(rows: list[Row]) -> str:
    halves = [sum(int(row["row_hash"][at : at + 16], 16) for row in rows) for at in (0, 16)]
    return md5(f"{len(rows)}:{halves[0]}:{halves[1]}".encode(), usedforsecurity=False).hexdigest()


def test_a_real_day_comes_out_whole_typed_and_sorted(runner: Runner, day: list[Row]) -> None:
    result = runner.run(lines(day[:500]), lines(day[500:]))
    want = sorted((expected(row) for row in day), key=lambda row: row["flight_id"])
    assert len(want) == 842
    assert result.rows == want
    assert list(result.rows[0]) == [*job.BUSINESS_COLUMNS, "updated_at", "row_hash"]
    assert result.report == job.Report(DAY, 842, 842, 0, 0, {}, [], content_hash(want), empty=False)


def test_one_parquet_file_with_timestamps_that_redshift_reads(runner: Runner, day: list[Row]) -> None:
    runner.run(lines(day[:3]))
    (file,) = (runner.folder / "out").glob("*.parquet")
    schema = pq.read_schema(file)
    assert {str(schema.field(name).type) for name in ("sched_dep_at", "updated_at")} == {"timestamp[us, tz=UTC]"}
    assert str(schema.field("flight_date").type) == "date32[day]"
    assert str(schema.field("distance").type) == "int32"


BAD_ROWS = {
    "distance": (-1, "positive_distance"),
    "dep_time": (2561, "valid_clock_time"),
    "sched_arr_time": (None, "valid_clock_time"),
    "carrier": (None, "known_carrier_shape"),
    "dest": ("", "three_letter_airports"),
    "origin": ("ewr", "three_letter_airports"),
    "time_hour": ("yesterday", "parsable_timestamp"),
    "updated_at": ("2013", "parsable_timestamp"),
    "minute": (60, "parsable_timestamp"),
    "date": ("2013-01-02", "day_matches"),
    "flight": (None, "positive_flight_number"),
    "air_time": (0, "positive_air_time"),
    "dep_delay": ("soon", "castable_fields"),
    "arr_delay": (2.5, "castable_fields"),
    "tailnum": ({"letters": "N1"}, "castable_fields"),
    "arr_time": (99_999_999_999_999_999_999, "castable_fields"),
}


def test_each_rule_is_named_for_the_row_that_breaks_it(runner: Runner, day: list[Row]) -> None:
    bad = [{**row, field: value} for row, (field, (value, _)) in zip(day, BAD_ROWS.items(), strict=False)]
    no_id = {**day[100], "flight_id": ""}
    result = runner.run(lines([*bad, no_id, *day[200:210]]))
    got = [result.rules(row["flight_id"]) for row in bad]
    assert got == [[rule] for _, rule in BAD_ROWS.values()]
    assert result.rules(md5(json.dumps(no_id).encode(), usedforsecurity=False).hexdigest()) == ["flight_id_present"]
    assert {rule for _, rule in BAD_ROWS.values()} | {"flight_id_present"} == set(RULES)
    assert sum(result.report.by_rule.values()) == result.report.quarantined == 17
    assert result.report.rows_out == 10


def test_a_row_that_breaks_two_rules_is_one_row_with_two_names(runner: Runner, day: list[Row]) -> None:
    result = runner.run(lines([{**day[0], "distance": 0, "carrier": "TOO LONG"}]))
    assert result.rules(day[0]["flight_id"]) == ["known_carrier_shape", "positive_distance"]
    assert (result.report.rows_in, result.report.quarantined) == (1, 1)
    assert json.loads(result.quarantined[0]["raw"])["distance"] == 0


def test_unreadable_lines_are_kept_as_they_came(runner: Runner, day: list[Row]) -> None:
    good = json.dumps(day[0])
    unreadable = [good[:60], "[1, 2]", '"text"', "null", "42", '{"a": 1, "a": 2}', "\x00", "<html>"]
    unreadable += [good + rest for rest in (" trash", good, f",{good}", f"]{good}", f"}}{good}", ",", ',"a":1', "]")]
    page = "\r\n".join([*unreadable, "", "   ", good]).encode()  # blank lines are no records; the last has no line end
    result = runner.run(page, b'{"flight_id": "\xff\xfe"}\n')
    assert result.report.rows_in == len(unreadable) + 2
    assert result.report.rows_out == 1
    raws = {row["raw"].removesuffix("\r") for row in result.quarantined if row["rules"] == ["unreadable_record"]}
    assert set(unreadable) <= raws


def test_the_latest_version_wins_in_whatever_order_the_pages_come(runner: Runner, day: list[Row]) -> None:
    corrected = {**day[0], "arr_delay": 99, "updated_at": "2013-01-02T12:00:00Z"}
    same_time = {**day[1], "arr_delay": 77}
    rows = [corrected, *day, day[5], same_time]
    first = runner.run(lines(rows))
    random.Random(7).shuffle(rows)
    second = runner.run(lines(rows))
    assert first == second
    assert (first.report.rows_in, first.report.rows_out, first.report.duplicates) == (845, 842, 3)
    assert next(row for row in first.rows if row["flight_id"] == day[0]["flight_id"])["arr_delay"] == 99


def test_the_content_hash_ignores_updated_at_and_sees_values(runner: Runner, day: list[Row]) -> None:
    plain = runner.run(lines(day[:9])).report.content_hash
    touched = runner.run(lines([{**row, "updated_at": "2013-02-01T00:00:00Z"} for row in day[:9]])).report.content_hash
    changed = runner.run(lines([{**day[0], "arr_delay": None}, *day[1:9]])).report.content_hash
    assert plain == touched != changed


def test_a_null_and_an_empty_text_differ(runner: Runner, day: list[Row]) -> None:
    null = runner.run(lines([{**day[0], "tailnum": None}])).report.content_hash
    empty = runner.run(lines([{**day[0], "tailnum": ""}])).report.content_hash
    assert null != empty


def test_drifted_fields_are_mapped_and_reported(runner: Runner, day: list[Row]) -> None:
    drifted = [drift(row) for row in day]
    result = runner.run(lines(drifted))
    want = runner.run(lines(day))
    assert result.rows == want.rows
    delays = sum(row["dep_delay"] is not None for row in day)
    assert [(each.field, each.kind, each.rows, each.mapped_to) for each in result.report.drift] == [
        ("dep_delay", "retyped", delays, "int"),
        ("gate", "added", 842, None),
        ("tail_number", "renamed", 842, "tailnum"),
    ]
    assert result.report.content_hash == want.report.content_hash


def drift(row: Row) -> Row:
    new = {name: value for name, value in row.items() if name != "tailnum"}
    delay = row["dep_delay"]
    return {**new, "tail_number": row["tailnum"], "gate": "B12", "dep_delay": None if delay is None else str(delay)}


def test_a_missing_field_is_reported_and_a_required_one_quarantines(runner: Runner, day: list[Row]) -> None:
    without = [{name: value for name, value in row.items() if name not in ("air_time", "distance")} for row in day[:4]]
    result = runner.run(lines([*without, *day[4:6]]))
    assert [(each.field, each.kind, each.rows) for each in result.report.drift] == [
        ("air_time", "missing", 4),
        ("distance", "missing", 4),
    ]
    assert result.report.by_rule == {"positive_distance": 4}


@pytest.mark.parametrize("pages", [(), ("",), ("\n \n",)])
def test_a_day_without_flights_is_an_empty_parquet(runner: Runner, pages: tuple[str, ...]) -> None:
    runner.put()
    (runner.folder / "raw" / "_manifest.json").write_text('{"total": 0}')
    result = runner.run(*pages)
    assert result.report == job.Report(DAY, 0, 0, 0, 0, {}, [], content_hash([]), empty=True)
    assert result.rows == []
    assert pq.read_table(runner.folder / "out").num_columns == len(job.BUSINESS_COLUMNS) + 2


def test_a_missing_raw_folder_is_an_error_and_not_an_empty_day(runner: Runner) -> None:
    with pytest.raises(AnalysisException, match="PATH_NOT_FOUND"):
        job.refine(runner.spark, runner.request())


def test_a_rerun_replaces_what_the_first_run_left(runner: Runner, day: list[Row]) -> None:
    first = runner.run(lines([{**day[0], "distance": -1}, day[1]]))
    second = runner.run(lines(day[:2]))
    assert (len(first.quarantined), len(second.quarantined)) == (1, 0)
    assert len(second.rows) == 2
    assert runner.run(lines(day[:2])) == second


def test_a_lost_row_is_noticed(runner: Runner, day: list[Row]) -> None:
    runner.put(lines(day[:20]))
    judged = job.judge(job.read_records(runner.spark, runner.request().raw), dt.date.fromisoformat(DAY))
    job.write(judged.where("carrier <> 'UA'"), runner.request())
    report = job.account(runner.spark, judged, runner.request())
    with pytest.raises(job.AccountingError, match=r"20 rows in, but 1[0-9] out"):
        job.check(report)


def test_whatever_the_bytes_every_line_is_accounted_for(runner: Runner, day: list[Row]) -> None:
    chance = random.Random(20130101)
    damaged = [damage(json.dumps(row).encode(), chance) for row in day]
    result = runner.run(b"\n".join(damaged))
    records = [line for line in damaged if line.strip(b" \t\r")]
    assert result.report.rows_in == len(records)
    assert result.report.quarantined == len(result.quarantined) > 200
    # Java and Python put a different number of U+FFFD for bytes that are no UTF-8.
    raws = {row["raw"] for row in result.quarantined if "\ufffd" not in row["raw"]}
    assert raws <= {line.decode(errors="replace") for line in records}
    assert len(raws) > 100


def damage(line: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(line)), chance.randrange(4)
    noise = bytes(byte for byte in chance.randbytes(length) if byte != 0x0A)
    return line[:at] + noise + line[at + chance.randrange(3) :]
