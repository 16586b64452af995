"""Reading: every flight once, in pages, under authentication."""

import httpx
import pytest


def follow(client: httpx.Client, url: str) -> list[dict[str, object]]:
    bodies = []
    while url:
        answer = client.get(url)
        answer.raise_for_status()
        bodies.append(answer.json())
        url = answer.links.get("next", {}).get("url", "")
    return bodies


@pytest.mark.parametrize("limit", [37, 200, 421, 842, 1000])
def test_the_pages_of_a_day_hold_each_flight_once(api, flights, limit):
    bodies = follow(api.reader, f"/v1/flights?date=2013-01-01&limit={limit}")
    assert [row for body in bodies for row in body["data"]] == flights.records(flights.days["2013-01-01"])
    assert [body["page"] for body in bodies] == list(range(1, len(bodies) + 1))
    assert {(body["pages"], body["total"]) for body in bodies} == {(-(-842 // limit), 842)}


def test_updated_since_gives_whole_days_in_order(api):
    rows = [
        row
        for body in follow(api.reader, "/v1/flights?updated_since=2013-12-31T06:00:00Z&limit=500")
        for row in body["data"]
    ]
    assert {row["date"] for row in rows} == {"2013-12-30", "2013-12-31"}
    assert [row["updated_at"] for row in rows] == sorted(row["updated_at"] for row in rows)
    later = api.reader.get("/v1/flights", params={"updated_since": "2013-12-31T01:00:00.5-05:00", "limit": 1}).json()
    assert later["total"] == 776, "06:00:00.5Z is after the first versions of 30 December"


def test_counts_agree_with_the_pages(api, flights):
    total = len(flights.days["2013-02-08"])
    assert api.reader.get("/v1/flights/count?date=2013-02-08").json() == {"date": "2013-02-08", "total": total}
    month = api.reader.get("/v1/flights/count?month=2013-02").json()
    assert {day["date"]: day["total"] for day in month} == {
        day: len(numbers) for day, numbers in flights.days.items() if day.startswith("2013-02")
    }


def test_reference_lists_come_in_pages(api):
    bodies = follow(api.reader, "/v1/planes?limit=1000")
    assert [len(body["data"]) for body in bodies] == [1000, 1000, 1000, 322]
    assert len({row["tailnum"] for body in bodies for row in body["data"]}) == 3322


@pytest.mark.parametrize("url", ["/v1/flights?date=2013-01-01", "/v1/airports", "/v1/flights/count?date=2013-01-01"])
def test_what_has_not_changed_is_not_sent_again(api, url):
    first = api.reader.get(url)
    again = api.reader.get(url, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert api.reader.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_304_still_shows_the_way_to_the_next_page(api):
    first = api.reader.get("/v1/flights?date=2013-01-01")
    again = api.reader.get("/v1/flights?date=2013-01-01", headers={"If-None-Match": first.headers["etag"]})
    assert again.headers["link"] == first.headers["link"]


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}]
)
@pytest.mark.parametrize(
    "path", ["/v1/flights?date=2013-01-01", "/v1/carriers", "/v1/flights/count?month=2013-01", "/admin/faults"]
)
def test_without_a_known_token_nothing_is_served(api, header, path):
    answer = httpx.get(api.url + path, headers=header, trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "wrong" not in answer.text


def test_the_reader_s_token_opens_no_admin_address(api):
    for method in ("GET", "PUT", "DELETE"):
        answer = api.reader.request(method, "/admin/faults", json={"seed": 1, "rules": []} if method == "PUT" else None)
        assert (answer.status_code, "FLIGHTS_API_ADMIN_TOKEN" in answer.json()["detail"]) == (403, True)


def test_health_needs_no_token(api):
    assert httpx.get(f"{api.url}/healthz", trust_env=False).json() == {"status": "ok", "weather": "off"}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("date=2014-01-01", "from 2013-01-01 to 2013-12-31"),
        ("date=2013-02-29", "2013-02-29"),
        ("date=", "''"),
        ("date=yesterday", "YYYY-MM-DD"),
        ("", "date, updated_since"),
        ("date=2013-01-01&updated_since=2013-01-01T00:00:00Z", "give one of the two"),
        ("updated_since=2013-01-01T00:00:00", "time zone"),
        ("updated_since=soon", "updated_since"),
        ("date=2013-01-01&limit=0", "between 1 and 1000"),
        ("date=2013-01-01&limit=1001", "between 1 and 1000"),
        ("date=2013-01-01&limit=many", "limit"),
        ("date=2013-01-01&cursor=abc", "Link header"),
    ],
)
def test_bad_input_is_refused_by_name_with_the_remedy(api, query, named):
    answer = api.reader.get(f"/v1/flights?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert named in answer.json()["detail"]


@pytest.mark.parametrize("query", ["month=2014-01", "month=2013", "month=2013-1", "month=", "date=2012-12-31", ""])
def test_a_count_of_no_data_is_refused(api, query):
    assert api.reader.get(f"/v1/flights/count?{query}").status_code == 422


def test_an_unknown_address_says_which_there_are(api):
    answer = api.reader.get("/v1/trains")
    assert (answer.status_code, "carriers" in answer.json()["detail"]) == (404, True)
    assert api.reader.get("/nothing").headers["content-type"] == "application/problem+json"
    assert api.reader.post("/v1/flights").status_code == 405


def test_a_cursor_keeps_its_limit(api):
    url = api.reader.get("/v1/flights?date=2013-01-01&limit=100").links["next"]["url"]
    assert api.reader.get(url.replace("limit=100", "limit=50")).status_code == 422
