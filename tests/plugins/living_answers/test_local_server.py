"""The scripted server answers, counts and hangs up as it is told."""

from __future__ import annotations

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


def test_it_hangs_up_without_a_reply() -> None:
    with serve(lambda _: None) as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.post(server.url, content=b"x")
    assert len(server.requests) == 1


def test_it_serves_many_at_once_and_ends_with_the_block() -> None:
    with serve(lambda _: Reply()) as server, ThreadPoolExecutor(8) as pool:
        assert {reply.status_code for reply in pool.map(lambda _: httpx.get(server.url), range(40))} == {200}
    assert len(server.requests) == 40
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)
