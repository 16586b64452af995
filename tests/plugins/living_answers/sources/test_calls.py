"""Every outcome of a call is an answer or a typed error."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from living_answers.local_server import Reply, serve
from living_answers.sources.calls import send
from living_answers.sources.errors import BadRequest, ConnectionLost, RateLimited, ServerFault

NOW = datetime(2013, 1, 1, 12, tzinfo=UTC)


def test_an_answer_comes_back() -> None:
    with (
        serve(lambda request: Reply(body=request.path.encode())) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        assert send(client, "POST", "/here", content=b"x").text == "/here"


@pytest.mark.parametrize(
    ("reply", "error"),
    [(Reply(503), ServerFault), (Reply(400), BadRequest), (Reply(429), RateLimited), (None, ConnectionLost)],
)
def test_a_failure_is_a_typed_error(reply: Reply | None, error: type[Exception]) -> None:
    with serve(lambda _: reply) as server, httpx.Client(base_url=server.url) as client, pytest.raises(error):
        send(client)


def test_a_date_to_wait_for_is_held_against_the_given_moment() -> None:
    reply = Reply(503, headers={"Retry-After": "Tue, 01 Jan 2013 12:00:30 GMT"})
    with serve(lambda _: reply) as server, httpx.Client(base_url=server.url) as client:
        with pytest.raises(ServerFault) as caught:
            send(client, now=NOW)
    assert caught.value.retry_after == 30
