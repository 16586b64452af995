"""Each fault of the transport, seen by a plain HTTP client."""

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

DAY = "/v1/flights?date=2013-01-01"


def page(api, number: int) -> str:
    url = DAY
    for _ in range(number - 1):
        url = api.reader.get(url).links["next"]["url"]
    return url


@pytest.mark.parametrize(("kind", "status"), [("http_500", 500), ("http_503", 503), ("rate_limited", 429)])
def test_a_status_strikes_once_and_the_next_try_passes(api, kind, status):
    api.faults({"kind": kind, "retry_after": 2})
    first, second = api.reader.get(DAY), api.reader.get(DAY)
    assert (first.status_code, second.status_code, api.struck()) == (status, 200, [1])
    assert ("retry-after" in first.headers) == (kind != "http_500")
    assert kind in first.json()["detail"]


def test_retry_after_comes_in_both_forms(api):
    api.faults({"kind": "rate_limited", "retry_after": 2, "times": None})
    values = {api.reader.get(DAY).headers["retry-after"] for _ in range(2)}
    assert "2" in values
    (date,) = values - {"2"}
    assert 0 < (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds() <= 4


def test_a_hang_outlasts_an_impatient_client_and_no_more(api):
    api.faults({"kind": "hang", "seconds": 1.5, "times": 2})
    with pytest.raises(httpx.ReadTimeout):
        api.reader.get(DAY, timeout=0.3)
    started = time.monotonic()
    assert api.reader.get(DAY).status_code == 200
    assert time.monotonic() - started >= 1.5


def test_a_hang_keeps_nobody_else_waiting(api):
    api.faults({"kind": "hang", "seconds": 3, "dates": ["2013-01-01"]})
    with pytest.raises(httpx.ReadTimeout):
        api.reader.get(DAY, timeout=0.2)
    started = time.monotonic()
    api.reader.get("/v1/flights?date=2013-01-02")
    assert time.monotonic() - started < 2


def test_a_dropped_connection_gives_no_answer(api):
    api.faults({"kind": "drop"})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.reader.get(DAY)
    assert api.reader.get(DAY).status_code == 200


def test_a_cut_body_is_shorter_than_its_content_length(api):
    whole = api.reader.get(DAY)
    api.faults({"kind": "cut"})
    with api.reader.stream("GET", DAY) as answer:
        received: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            received.extend(answer.iter_bytes())
    assert 0 < sum(map(len, received)) < int(answer.headers["content-length"]) == len(whole.content)


@pytest.mark.parametrize("kind", ["truncated", "malformed"])
def test_broken_json_in_valid_http_keeps_the_way_to_the_next_page(api, kind):
    whole = api.reader.get(DAY)
    api.faults({"kind": kind})
    broken = api.reader.get(DAY)
    with pytest.raises(ValueError, match="line 1"):
        broken.json()
    assert (broken.status_code, broken.headers["link"]) == (200, whole.headers["link"])
    assert int(broken.headers["content-length"]) == len(broken.content)


@pytest.mark.parametrize(("kind", "asked", "served"), [("repeated_page", 2, 1), ("skipped_page", 2, 3)])
def test_a_wrong_page_tells_its_own_number_and_leads_on_from_the_one_asked_for(api, kind, asked, served):
    url = page(api, asked)
    right = api.reader.get(url)
    api.faults({"kind": kind})
    wrong = api.reader.get(url)
    assert (wrong.json()["page"], wrong.headers["link"]) == (served, right.headers["link"])
    assert wrong.json()["data"][0]["flight_id"] != right.json()["data"][0]["flight_id"]
    assert api.reader.get(url).json() == right.json()


@pytest.mark.parametrize(("kind", "number"), [("repeated_page", 1), ("skipped_page", 5)])
def test_the_ends_of_a_day_have_no_page_beyond_them(api, kind, number):
    url = page(api, number)
    api.faults({"kind": kind})
    assert (api.reader.get(url).json()["page"], api.struck()) == (number, [0])


def test_pages_out_of_order_hold_whole_pages_with_their_rows_shuffled(api, flights):
    urls = [page(api, number) for number in range(1, 6)]
    api.faults({"kind": "unordered"}, seed=3)
    bodies = [api.reader.get(url).json() for url in urls]
    assert [body["page"] for body in bodies] != [1, 2, 3, 4, 5]
    ids = flights.table["flight_id"].to_pylist()
    for body in bodies:
        start = (body["page"] - 1) * 200
        served = [row["flight_id"] for row in body["data"]]
        assert sorted(served) == ids[start : min(start + 200, 842)] != served


def test_counts_are_never_struck(api):
    api.faults(*({"kind": kind, "times": None} for kind in ("http_500", "drop", "hang", "truncated")))
    assert api.reader.get("/v1/flights/count?date=2013-01-01").json()["total"] == 842


def test_a_rate_limit_of_the_server_s_own(start_api):
    with start_api(FLIGHTS_API_RATE_LIMIT="2", FLIGHTS_API_RATE_BURST="5") as slow:
        answers = [slow.reader.get("/v1/carriers") for _ in range(12)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 4
        assert {answer.headers["retry-after"].isdecimal() for answer in refused} == {True, False}
        assert httpx.get(f"{slow.url}/healthz", trust_env=False).status_code == 200
        assert slow.admin.get("/admin/faults").status_code == 200
        time.sleep(1.1)
        assert slow.reader.get("/v1/carriers").status_code == 200
