"""The scripted server answers, counts and hangs up as it is told."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from living_answers.local_server import Reply, Request, serve


def test_it_answers_by_the_script_and_keeps_what_it_was_sent() -> None:
    def script(request: Request) -> Reply:
        return Reply(503, b"busy", {"Retry-After": "7"}) if request.path == "/busy" else Reply(body=request.body)

    with serve(script) as server, httpx.Client(base_url=server.url) as client:
        busy = client.get("/busy")
        echoed = client.post("/echo", content=b"hello", headers={"Idempotency-Key": "k1"})
    assert (busy.status_code, busy.headers["retry-after"], busy.text) == (503, "7", "busy")
    assert echoed.text == "hello"
    assert [(one.method, one.path) for one in server.requests] == [("GET", "/busy"), ("POST", "/echo")]
    assert server.requests[1].headers["idempotency-key"] == "k1"


def test_it_reads_the_query_and_the_json_of_a_request() -> None:
    def script(request: Request) -> Reply:
        told = {"path": request.path, "query": request.query, "json": request.json}
        return Reply.as_json(told, status=201, headers={"Retry-After": "3"})

    with serve(script) as server, httpx.Client(base_url=server.url) as client:
        posted = client.post("/events?after=7&of=a%20b&last=", json={"id": 8})
        asked = client.get("/events")
    assert posted.json() == {
        "path": "/events?after=7&of=a%20b&last=",
        "query": {"after": "7", "of": "a b", "last": ""},
        "json": {"id": 8},
    }
    assert (posted.status_code, posted.headers["Retry-After"]) == (201, "3")
    assert posted.headers["Content-Type"] == "application/json"
    assert asked.json() == {"path": "/events", "query": {}, "json": None}


def test_a_reply_as_json_may_name_its_own_content_type() -> None:
    reply = Reply.as_json(["é"], headers={"Content-Type": "application/problem+json"})
    assert (reply.status, json.loads(reply.body)) == (200, ["é"])
    assert reply.headers == {"Content-Type": "application/problem+json"}


def test_it_hangs_up_without_a_reply() -> None:
    with serve(lambda _: None) as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.post(server.url, content=b"x")
    assert len(server.requests) == 1


def test_it_serves_many_at_once_and_ends_with_the_block() -> None:
    with serve(lambda _: Reply()) as server, ThreadPoolExecutor(8) as pool:
        assert {reply.status_code for reply in pool.map(lambda _: httpx.get(server.url), range(40))} == {200}
    assert (server.connections, len(server.requests)) == (40, 40)
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_connections_and_requests_are_counted_apart() -> None:
    with serve(lambda _: Reply()) as server:
        with httpx.Client() as client:
            for _ in range(3):
                client.get(server.url)
        httpx.get(server.url)
        assert (server.connections, len(server.requests)) == (2, 4)


def test_a_script_finds_its_own_request_counted() -> None:
    with serve(lambda _: Reply.as_json([server.connections, len(server.requests)])) as server, httpx.Client() as client:
        assert [client.get(server.url).json() for _ in range(2)] == [[1, 1], [1, 2]]


def test_two_servers_do_not_meet() -> None:
    with serve(lambda _: Reply(body=b"one")) as one, serve(lambda _: Reply(body=b"other")) as other:
        assert (httpx.get(one.url).text, httpx.get(other.url).text) == ("one", "other")
    assert (len(one.requests), len(other.requests)) == (1, 1)
