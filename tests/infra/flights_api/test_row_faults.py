"""Faults in the rows: the same on each request, and never in the number of distinct flights."""

from collections import Counter

import pytest

DAY = "2013-01-01"


def rows_of(api, day: str = DAY, limit: int = 200) -> list[dict[str, object]]:
    rows, url = [], f"/v1/flights?date={day}&limit={limit}"
    while url:
        answer = api.reader.get(url)
        assert answer.json()["total"] == len_of(api, day)
        rows += answer.json()["data"]
        url = answer.links.get("next", {}).get("url", "")
    return rows


def len_of(api, day: str) -> int:
    return api.reader.get(f"/v1/flights/count?date={day}").json()["total"]


def touched(api) -> list[dict[str, int]]:
    return [rule["rows_touched"] for rule in api.admin.get("/admin/faults").json()["rules"]]


def broken(row: dict[str, object]) -> bool:
    return (
        row["distance"] == -1
        or row["dep_time"] == 2561
        or row["carrier"] is None
        or row["dest"] == ""
        or "yesterday" in str(row["time_hour"])
    )


def test_duplicates_stand_on_the_same_page_or_the_next_and_the_total_ignores_them(api):
    api.faults({"kind": "duplicate_row", "rows": 4})
    rows = rows_of(api)
    counted = Counter(str(row["flight_id"]) for row in rows)
    assert (len(counted), len(rows)) == (842, 842 + 5 * 4)
    assert touched(api) == [{DAY: 20}]
    assert rows_of(api) == rows
    first = api.reader.get(f"/v1/flights?date={DAY}").json()["data"]
    assert 200 < len(first) < 204, "of the four doubles some are on this page, some on the next"


def test_bad_rows_break_one_rule_each_and_stay_broken(api):
    clean = {row["flight_id"]: row for row in rows_of(api)}
    api.faults({"kind": "bad_row", "rows": 3, "pages": [1, 3]})
    rows = rows_of(api)
    bad = [row for row in rows if broken(row)]
    assert len(bad) == 6
    assert touched(api) == [{DAY: 6}]
    for row in rows:
        differing = sum(row[name] != clean[row["flight_id"]][name] for name in row)
        assert differing == (1 if row in bad else 0)
    assert rows_of(api) == rows


def test_every_way_of_breaking_a_row_occurs(api):
    api.faults({"kind": "bad_row", "rows": 40})
    bad = [row for row in rows_of(api) if broken(row)]
    assert {row["distance"] == -1 for row in bad} == {row["dep_time"] == 2561 for row in bad} == {True, False}
    assert {row["carrier"] is None for row in bad} == {row["dest"] == "" for row in bad} == {True, False}
    assert {"yesterday" in str(row["time_hour"]) for row in bad} == {True, False}


def test_drift_renames_retypes_and_adds(api):
    clean = rows_of(api)
    api.faults({"kind": "renamed"}, {"kind": "retyped"}, {"kind": "added"})
    for was, row in zip(clean, rows_of(api), strict=True):
        assert row["tail_number"] == was["tailnum"]
        assert "tailnum" not in row
        assert row["dep_delay"] == (None if was["dep_delay"] is None else str(was["dep_delay"]))
        assert isinstance(row["gate"], str)
        assert list(row).index("tail_number") == list(was).index("tailnum")


def test_a_double_of_a_broken_and_drifted_row_is_the_same_row(api):
    api.faults(
        {"kind": "bad_row", "rows": 150}, {"kind": "added"}, {"kind": "renamed"}, {"kind": "duplicate_row", "rows": 60}
    )
    rows = rows_of(api)
    by_id: dict[object, list[dict[str, object]]] = {}
    for row in rows:
        by_id.setdefault(row["flight_id"], []).append(row)
    doubled = [versions for versions in by_id.values() if len(versions) > 1]
    assert len(doubled) == 4 * 60 + 42, "the last page has 42 rows"
    assert all(version == versions[0] for versions in doubled for version in versions)


def test_an_empty_day_has_no_flights_in_the_pages_and_in_the_count(api):
    api.faults({"kind": "empty", "dates": [DAY]})
    answer = api.reader.get(f"/v1/flights?date={DAY}")
    assert answer.json() == {"data": [], "page": 1, "pages": 1, "total": 0}
    assert "link" not in answer.headers
    assert len_of(api, DAY) == 0
    month = {day["date"]: day["total"] for day in api.reader.get("/v1/flights/count?month=2013-01").json()}
    assert (month["2013-01-01"], month["2013-01-02"]) == (0, 943)
    assert api.reader.get("/v1/flights?date=2014-01-01").status_code == 422


def test_reference_lists_have_no_row_faults(api):
    clean = api.reader.get("/v1/carriers").json()
    api.faults(*({"kind": kind} for kind in ("bad_row", "retyped", "renamed", "added", "duplicate_row")))
    assert api.reader.get("/v1/carriers").json() == clean


@pytest.mark.parametrize(
    "rule",
    [{"kind": "unknown"}, {"kind": "drop", "rate": 2}, {"kind": "drop", "times": 0}, {"kind": "drop", "colour": "red"}],
)
def test_a_bad_rule_is_refused_and_changes_nothing(api, rule):
    api.faults({"kind": "added"})
    answer = api.admin.put("/admin/faults", json={"rules": [rule]})
    assert answer.status_code == 422
    assert [each["kind"] for each in api.admin.get("/admin/faults").json()["rules"]] == ["added"]
