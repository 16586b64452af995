"""The client against the real API, with each fault that the API can make."""

import json
import socket

import pytest

from living_answers.sources.errors import (
    BadRequest,
    ConnectionLost,
    Forbidden,
    OutOfOrder,
    PermanentError,
    RateLimited,
    ServerFault,
    SourceError,
    TransientError,
    Unauthorised,
    UnreadablePage,
)
from living_answers.sources.flights import FlightsSource

DAY, TOTAL, PAGES = "2013-01-01", 842, 5


def ids(rows: list[dict[str, object]]) -> list[object]:
    return [row["flight_id"] for row in rows]


def test_the_pages_of_a_day_come_once_and_agree_with_the_count(source):
    pages = list(source.pages(DAY))
    assert [(page.number, page.pages, page.total) for page in pages] == [(n, PAGES, TOTAL) for n in range(1, PAGES + 1)]
    assert len({flight for page in pages for flight in ids(page.rows)}) == source.count(DAY) == TOTAL
    assert source.counts("2013-01")[DAY] == TOTAL
    assert all(json.loads(page.body)["data"] == page.rows for page in pages)


def test_pages_are_asked_for_when_they_are_wanted(api, source):
    api.faults({"kind": "http_500", "pages": [3]})
    pages = source.pages(DAY)
    assert [next(pages).number, next(pages).number] == [1, 2]
    assert api.struck() == [0]
    with pytest.raises(ServerFault):
        next(pages)


def test_a_cursor_resumes_where_the_last_try_stopped(source):
    first = source.page(DAY)
    rest = list(source.pages(DAY, first.next_cursor, 2))
    assert [page.number for page in rest] == [2, 3, 4, 5]
    assert ids(source.page(DAY, rest[0].next_cursor, number=3).rows) == ids(rest[1].rows)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("http_500", ServerFault),
        ("http_503", ServerFault),
        ("rate_limited", RateLimited),
        ("drop", ConnectionLost),
        ("cut", ConnectionLost),
        ("hang", ConnectionLost),
        ("repeated_page", OutOfOrder),
        ("skipped_page", OutOfOrder),
    ],
)
def test_a_fault_is_one_typed_error_and_asking_again_gives_the_page(api, source, kind, error):
    cursor = source.page(DAY).next_cursor
    right = source.page(DAY, cursor, number=2)
    api.faults({"kind": kind, "seconds": 3, "retry_after": 2, "pages": [2]})
    with FlightsSource(api.url, api.token, timeout=1.5) as hasty:
        with pytest.raises(error) as caught:
            hasty.page(DAY, cursor, number=2)
        assert api.struck() == [1], "the client itself does not try again"
        assert hasty.page(DAY, cursor, number=2) == right
    assert isinstance(caught.value, TransientError)
    assert "/v1/flights" in str(caught.value)
    assert api.token not in str(caught.value)


def test_retry_after_reaches_the_error_in_both_forms(api, source):
    api.faults({"kind": "rate_limited", "retry_after": 30, "times": None})
    waits = []
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            source.page(DAY)
        waits.append(caught.value.retry_after)
    assert 30.0 in waits
    assert all(28 <= wait <= 32 for wait in waits)


@pytest.mark.parametrize("kind", ["truncated", "malformed"])
def test_a_page_that_is_broken_once_is_asked_for_again_at_once(api, source, kind):
    api.faults({"kind": kind, "pages": [2]})
    assert [page.number for page in source.pages(DAY)] == [1, 2, 3, 4, 5]
    assert api.struck() == [1]


@pytest.mark.parametrize("kind", ["truncated", "malformed"])
def test_a_page_that_stays_broken_gives_its_bytes_and_the_way_on(api, source, kind):
    api.faults({"kind": kind, "pages": [2, 5], "times": None})
    got, cursor, number, buried = [], None, 1, []
    while number == 1 or cursor:
        try:
            page = source.page(DAY, cursor, number)
            got, cursor = [*got, page.number], page.next_cursor
        except UnreadablePage as unreadable:
            buried, cursor = [*buried, unreadable], unreadable.next_cursor
        number += 1
    assert (got, [page.number for page in buried]) == ([1, 3, 4], [2, 5])
    assert api.struck() == [4], "twice for each page"
    for page in buried:
        assert page.body.startswith(b'{"data"')
        assert "JSONDecodeError" in page.reason
        with pytest.raises(ValueError, match="line 1"):
            json.loads(page.body)


def test_pages_out_of_order_are_noticed_and_shuffled_rows_are_not_a_fault(api, source):
    right = [sorted(ids(page.rows)) for page in source.pages(DAY)]
    api.faults({"kind": "unordered", "times": 1}, seed=3)
    cursor, number, seen, noticed = None, 1, [], 0
    while number == 1 or cursor:
        try:
            page = source.page(DAY, cursor, number)
        except OutOfOrder:
            noticed += 1
            continue
        seen, cursor, number = [*seen, sorted(ids(page.rows))], page.next_cursor, number + 1
    assert seen == right
    assert noticed > 0


@pytest.mark.parametrize(
    ("token", "day", "error"),
    [
        ("canary-unknown", DAY, Unauthorised),
        ("canary-read-flights", "2014-01-01", BadRequest),
        ("canary-read-flights", "yesterday", BadRequest),
    ],
)
def test_a_permanent_error_says_what_to_do_and_shows_no_token(api, token, day, error):
    with FlightsSource(api.url, token) as source, pytest.raises(error) as caught:
        source.page(day)
    assert isinstance(caught.value, PermanentError)
    assert "/v1/flights answered" in str(caught.value)
    assert token not in str(caught.value)


def test_403_is_forbidden(httpserver):
    httpserver.expect_request("/v1/flights/count").respond_with_data("no", status=403)
    with FlightsSource(httpserver.url_for("/"), "canary") as source, pytest.raises(Forbidden, match="owner"):
        source.count(DAY)


@pytest.mark.parametrize("token", ["", "canary\n", "canary\x00token", "canäry", " canary"])
def test_a_token_that_no_header_takes_is_refused_without_being_shown(api, token):
    with pytest.raises(Unauthorised) as caught:
        FlightsSource(api.url, token)
    assert "can" not in str(caught.value).replace("cannot", "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"data": {}, "page": 1, "pages": 1, "total": 0}',
        b'{"data": [1], "page": 1, "pages": 1, "total": 1}',
        b'{"data": []}',
        b"\xff\xfe{",
    ],
)
def test_whatever_is_no_page_is_unreadable(httpserver, body):
    httpserver.expect_request("/v1/flights").respond_with_data(
        body, headers={"Link": '</v1/flights?cursor=abc>; rel="next"'}
    )
    with FlightsSource(httpserver.url_for("/"), "canary") as source, pytest.raises(UnreadablePage) as caught:
        source.page(DAY)
    assert (caught.value.body, caught.value.next_cursor, caught.value.number) == (body, "abc", 1)


def test_a_source_that_does_not_run_is_a_lost_connection():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with (
        FlightsSource(f"http://127.0.0.1:{port}", "canary") as source,
        pytest.raises(ConnectionLost, match="source runs"),
    ):
        source.count(DAY)


def test_a_source_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with FlightsSource(url, "canary", timeout=0.3) as source, pytest.raises(ConnectionLost, match="ReadTimeout"):
            source.count(DAY)


def test_reference_lists_are_sent_only_when_they_have_changed(source):
    planes = source.reference("planes")
    assert len(planes.rows) == len({row["tailnum"] for row in planes.rows}) == 3322
    assert source.reference("planes", planes.etag) == type(planes)(planes.etag, None)
    assert len(source.reference("planes", '"older"').rows) == 3322
    with pytest.raises(BadRequest):
        source.reference("trains")


def test_what_changed_since_is_a_correction(api, source):
    correction = {"flight_id": "2013-01-01-EWR-UA1545-0515", "changes": {"arr_delay": 25}}
    moment = api.admin.put("/admin/corrections", json=[correction]).json()["updated_at"]
    (page,) = source.changed_since(moment)
    assert [(row["flight_id"], row["arr_delay"]) for row in page.rows] == [("2013-01-01-EWR-UA1545-0515", 25)]


def test_every_error_is_a_source_error_and_either_transient_or_permanent():
    leaves = [*TransientError.__subclasses__(), *PermanentError.__subclasses__()]
    assert len(leaves) == 9
    assert all(issubclass(leaf, SourceError) for leaf in leaves)
    assert not any(issubclass(leaf, TransientError) and issubclass(leaf, PermanentError) for leaf in leaves)
