"""The answers' own HTTP server, over real sockets."""

from __future__ import annotations

import httpx
import pytest

from living_answers.http_server import Reply, Request, serving


def echo(request: Request) -> Reply:
    told = {"method": request.method, "path": request.path, "query": dict(request.query), "body": request.body}
    return Reply(told, status=201, headers={"Retry-After": "3"})


def test_a_reply_holds_what_was_asked_and_what_the_answer_decides() -> None:
    with serving(echo) as server, httpx.Client() as client:
        reply = client.post(f"{server.url}/events?after=7", json={"id": 8})
    assert reply.json() == {"method": "POST", "path": "/events", "query": {"after": "7"}, "body": {"id": 8}}
    assert (reply.status_code, reply.headers["Retry-After"]) == (201, "3")


def test_connections_and_requests_are_counted_apart() -> None:
    with serving(echo) as server:
        with httpx.Client() as client:
            for _ in range(3):
                client.get(server.url)
        httpx.get(server.url)
        assert (server.connections, server.requests) == (2, 4)


def test_two_servers_do_not_meet_and_none_outlives_its_block() -> None:
    with serving(echo) as one, serving(echo) as other:
        assert one.url != other.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(one.url)
