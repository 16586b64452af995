"""Faults of the transport: answers that fail, stall, break off or lie."""

import asyncio
from random import Random
from typing import Any

from fastapi.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flights_api.faults import OF_TRANSPORT, Kind, Plan, Rule
from flights_api.problems import problem
from flights_api.security import RateLimit

EXTENSION = "flights_api.transport"
WRONG_PAGE = frozenset({Kind.REPEATED_PAGE, Kind.SKIPPED_PAGE, Kind.UNORDERED})


class SocketInReach(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which hands the connection to the application as an ASGI extension.

    ASGI has no way to break a connection off, and breaking it off is what this API is asked to do.
    """

    def on_message_begin(self) -> None:
        """Put the connection into the scope of each request."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"transport": self.transport}}


class Dropped(Response):
    """The connection is closed before a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection and wait until it is gone."""
        _transport(scope).abort()
        await _gone(receive)


class Cut(Response):
    """The connection is closed in the middle of a body whose Content-Length promised more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and half of the body, then close."""
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        _transport(scope).close()
        await _gone(receive)


async def before_answer(rule: Rule, rate_limit: RateLimit) -> None:
    """The faults that come instead of an answer, or late before one. Raises the problem to answer."""
    match rule.kind:
        case Kind.HTTP_500:
            raise problem(500, "A fault on demand (http_500). Ask again.")
        case Kind.HTTP_503:
            raise problem(503, "A fault on demand (http_503). Wait, then ask again.", _after(rule, rate_limit))
        case Kind.RATE_LIMITED:
            raise problem(429, "A fault on demand (rate_limited). Wait, then ask again.", _after(rule, rate_limit))
        case Kind.HANG:
            await asyncio.sleep(rule.seconds)


def broken(rule: Rule, answer: Response) -> Response:
    """The answer with its body or its connection broken, if that is what the rule does."""
    body, headers = bytes(answer.body), {k: v for k, v in answer.headers.items() if k != "content-length"}
    match rule.kind:
        case Kind.DROP:
            return Dropped()
        case Kind.CUT:
            return Cut(body, headers=headers)
        case Kind.TRUNCATED:
            return Response(body[: len(body) * 3 // 5], headers=headers)
        case Kind.MALFORMED:
            return Response(body.replace(b'":', b'"', 1), headers=headers)
    return answer


def other_page(rule: Rule, plan: Plan, scope: str, page: int, pages: int) -> int:
    """The number of the page that is served in place of `page`: before it, after it, or anywhere."""
    match rule.kind:
        case Kind.REPEATED_PAGE:
            return page - 1
        case Kind.SKIPPED_PAGE:
            return page + 1
    return Random(f"{plan.seed}|{rule.kind}|{scope}|{page}").randint(1, pages)


def possible_kinds(page: int, pages: int) -> frozenset[Kind]:
    """The faults of the transport that this page can suffer: the first has none before it, the last none after."""
    impossible = {Kind.REPEATED_PAGE} if page == 1 else set()
    if page >= pages:
        impossible.add(Kind.SKIPPED_PAGE)
    return frozenset(OF_TRANSPORT) - impossible


def _after(rule: Rule, rate_limit: RateLimit) -> dict[str, str]:
    return rate_limit.retry_after(rule.retry_after)


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["extensions"][EXTENSION]["transport"]
    return transport


async def _gone(receive: Receive) -> None:
    """Wait until the server has seen the connection go, so that it does not answer for us."""
    message: Message | dict[str, Any] = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
