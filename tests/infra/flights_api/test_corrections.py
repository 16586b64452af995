"""New versions of flights, made by hand or by the fault plan."""

FLIGHT = "2013-01-01-EWR-UA1545-0515"
LAST_FIRST_VERSION = "2014-01-01T06:00:00Z"


def correct(api, flight_id: str = FLIGHT, **changes: object) -> str:
    answer = api.admin.put("/admin/corrections", json=[{"flight_id": flight_id, "changes": changes}])
    answer.raise_for_status()
    return answer.json()["updated_at"]


def of_day(api, day: str = "2013-01-01") -> dict[str, dict[str, object]]:
    return {row["flight_id"]: row for row in api.reader.get(f"/v1/flights?date={day}&limit=1000").json()["data"]}


def news(api, since: str, **query: object) -> list[str]:
    answer = api.reader.get("/v1/flights", params={"updated_since": since, **query})
    return [row["flight_id"] for row in answer.json()["data"]]


def test_a_correction_is_a_new_version_of_one_flight(api):
    before = of_day(api)
    updated_at = correct(api, arr_delay=25, tailnum=None)
    after = of_day(api)
    assert after.pop(FLIGHT) == before.pop(FLIGHT) | {"arr_delay": 25, "tailnum": None, "updated_at": updated_at}
    assert after == before


def test_a_correction_is_news_to_whoever_has_everything(api):
    since = "2014-01-01T06:00:01Z"
    assert news(api, since) == []
    first = correct(api, arr_delay=25)
    second = correct(api, next(iter(of_day(api, "2013-06-01"))), arr_delay=1)
    assert LAST_FIRST_VERSION < first < second
    assert news(api, first)[0] == FLIGHT
    assert len(news(api, since)) == 2
    assert len(news(api, second)) == 1


def test_a_second_correction_goes_on_top_of_the_first(api):
    correct(api, arr_delay=25)
    correct(api, dep_delay=7)
    row = of_day(api)[FLIGHT]
    assert (row["arr_delay"], row["dep_delay"]) == (25, 7)
    api.admin.delete("/admin/corrections")
    assert of_day(api)[FLIGHT]["arr_delay"] == 11


def test_a_flight_corrected_while_somebody_reads_is_missed_by_no_page(api):
    since, read = "2013-12-31T07:00:00Z", []
    url = f"/v1/flights?updated_since={since}&limit=100"
    corrected = []
    while url:
        answer = api.reader.get(url)
        rows = [row["flight_id"] for row in answer.json()["data"]]
        read += rows
        if len(corrected) < 3:
            corrected.append(rows[0])
            correct(api, rows[0], arr_delay=99)
        url = answer.links.get("next", {}).get("url", "")
    assert set(read) == set(of_day(api, "2013-12-31"))
    assert [flight_id for flight_id in read if read.count(flight_id) == 2] == corrected * 2


def test_a_correction_of_no_flight_or_of_its_identity_is_refused_as_a_whole(api):
    good = {"flight_id": FLIGHT, "changes": {"arr_delay": 25}}
    for bad in (
        {"flight_id": "2013-01-01-EWR-XX1-0515", "changes": {"arr_delay": 1}},
        {"flight_id": FLIGHT, "changes": {"flight_id": "other"}},
        {"flight_id": FLIGHT, "changes": {"colour": "red"}},
        {"flight_id": FLIGHT, "changes": {}},
    ):
        assert api.admin.put("/admin/corrections", json=[good, bad]).status_code == 422
    assert of_day(api)[FLIGHT]["arr_delay"] == 11


def test_late_corrections_by_plan_are_seeded_and_consistent(api):
    before = of_day(api)
    rule = {"kind": "late_corrections", "dates": ["2013-01-01"], "rows": 5}
    api.faults(rule)
    first = of_day(api)
    changed = [flight_id for flight_id in before if before[flight_id] != first[flight_id]]
    assert len(changed) == 5
    for flight_id in changed:
        was, now = before[flight_id], first[flight_id]
        assert {name for name in was if was[name] != now[name]} == {"arr_delay", "arr_time", "updated_at"}
        late = now["arr_delay"] - was["arr_delay"]
        assert 1 <= late <= 20
        minutes = [value // 100 * 60 + value % 100 for value in (was["arr_time"], now["arr_time"])]
        assert (minutes[1] - minutes[0]) % 1440 == late
    api.faults(rule)
    again = of_day(api)
    assert {k: v["arr_delay"] for k, v in again.items()} == {k: v["arr_delay"] for k, v in first.items()}
    assert again[changed[0]]["updated_at"] > first[changed[0]]["updated_at"]
    assert set(news(api, first[changed[0]]["updated_at"])) == set(changed)
