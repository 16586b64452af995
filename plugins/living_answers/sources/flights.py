"""A client of the flights API.

It asks once: Airflow retries, and one layer of retries is enough, since layers multiply. The single exception is a page
that came whole and cannot be parsed; it is asked for a second time at once, before the caller buries it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from living_answers.sources.errors import ConnectionLost, OutOfOrder, Unauthorised, UnreadablePage
from living_answers.sources.http import error_of

PAGE_ROWS = 200
REFERENCE_ROWS = 1000
TIMEOUT_SECONDS = 10.0

Record = dict[str, Any]


class Breaker(Protocol):
    """What the client asks of a circuit breaker: to make the call, or to raise CircuitOpen."""

    def call(self, func: Callable[..., httpx.Response], *args: Any, **kwargs: Any) -> httpx.Response:
        """Call `func`, counting its failures."""
        ...


@dataclass(frozen=True)
class Page:
    """One page as it was served. `body` is its bytes; `next_cursor` is None on the last."""

    number: int
    pages: int
    total: int
    rows: list[Record]
    body: bytes = field(repr=False)
    next_cursor: str | None


@dataclass(frozen=True)
class Reference:
    """A reference list and its ETag; `rows` is None when the list is still the one of the ETag that we sent."""

    etag: str
    rows: list[Record] | None


class FlightsSource:
    """Reads flights and reference lists. Use it in a `with`; it keeps one connection open."""

    def __init__(
        self,
        base_url: str,
        token: str,
        breaker: Breaker | None = None,
        timeout: float = TIMEOUT_SECONDS,
        limit: int = PAGE_ROWS,
    ) -> None:
        """`timeout` is in seconds, for each wait of a request; `limit` is rows a page. Raises Unauthorised."""
        # httpx quotes a header that it cannot send in its error message, and this one is a secret.
        if not (token.isascii() and token.isprintable() and token.strip() == token != ""):
            raise Unauthorised("The token is empty or has characters that no header takes. Correct the connection.")
        self.limit = limit
        self._breaker = breaker
        self._client = httpx.Client(
            base_url=base_url,
            timeout=timeout,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        )

    def __enter__(self) -> Self:
        """Nothing to do: the connection opens with the first request."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def page(self, date: str, cursor: str | None = None, number: int | None = None) -> Page:
        """One page of a date's flights.

        `number` is the page that the cursor leads to; without a cursor it is 1. Raises OutOfOrder when another one
        came, UnreadablePage, and whatever `error_of` makes of a status.
        """
        return self._page("/v1/flights", {"date": date, "limit": self.limit}, cursor, number)

    def pages(self, date: str, cursor: str | None = None, number: int = 1) -> Iterator[Page]:
        """The pages of a date from a place on, each asked for when it is wanted. Raises as `page` does.

        After UnreadablePage go on with a new call: `pages(date, error.next_cursor, error.number + 1)`.
        """
        return self._follow("/v1/flights", {"date": date, "limit": self.limit}, cursor, number)

    def changed_since(self, moment: str) -> Iterator[Page]:
        """The flights whose current version was published at that ISO 8601 moment or later. Raises as `page` does."""
        return self._follow("/v1/flights", {"updated_since": moment, "limit": self.limit}, None, 1)

    def reference(self, name: str, etag: str | None = None) -> Reference:
        """The whole list of carriers, airports or planes. Raises as `page` does."""
        path, query = f"/v1/{name}", {"limit": REFERENCE_ROWS}
        first = self._get(path, query, {"If-None-Match": etag} if etag else {})
        tag = first.headers.get("etag", "")
        if first.status_code == 304:
            return Reference(tag, None)
        pages = list(self._follow(path, query, None, 1))
        return Reference(tag, [row for page in pages for row in page.rows])

    def count(self, date: str) -> int:
        """The source's own count of a date's flights, to hold ours against."""
        return int(self._get("/v1/flights/count", {"date": date}).json()["total"])

    def counts(self, month: str) -> dict[str, int]:
        """The source's own count for each day of a month such as `2013-03`."""
        days = self._get("/v1/flights/count", {"month": month}).json()
        return {day["date"]: day["total"] for day in days}

    def _follow(self, path: str, query: dict[str, Any], cursor: str | None, number: int) -> Iterator[Page]:
        page = self._page(path, query, cursor, number)
        yield page
        while page.next_cursor:
            page = self._page(path, query, page.next_cursor, page.number + 1)
            yield page

    def _page(self, path: str, query: dict[str, Any], cursor: str | None, number: int | None) -> Page:
        expected = number if cursor else 1
        query = query | ({"cursor": cursor} if cursor else {})
        try:
            return _parse(self._get(path, query), expected)
        except UnreadablePage:
            return _parse(self._get(path, query), expected)

    def _get(self, path: str, query: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        if self._breaker is None:
            return self._ask(path, query, headers)
        return self._breaker.call(self._ask, path, query, headers)

    def _ask(self, path: str, query: dict[str, Any], headers: dict[str, str] | None) -> httpx.Response:
        try:
            response = self._client.get(path, params=query, headers=headers)
        except httpx.TransportError as lost:
            told = f"{path}: {type(lost).__name__}: {lost}. Check that the source runs at {self._client.base_url.host}."
            raise ConnectionLost(told) from lost
        if error := error_of(response):
            raise error
        return response


def _parse(response: httpx.Response, expected: int | None) -> Page:
    """Read a page. Raises UnreadablePage, or OutOfOrder when its number is not the expected one."""
    path, cursor = response.request.url.path, _next_cursor(response)
    try:
        said = json.loads(response.content)
        place = {name: int(said[name]) for name in ("page", "pages", "total")}
        rows = said["data"]
        if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            raise TypeError("data is not a list of records")
    except (ValueError, TypeError, KeyError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UnreadablePage(path, expected, response.content, reason, cursor) from error
    if expected is not None and place["page"] != expected:
        raise OutOfOrder(f"{path}: asked for page {expected}, was served page {place['page']}. Ask again.")
    return Page(place["page"], place["pages"], place["total"], rows, response.content, cursor)


def _next_cursor(response: httpx.Response) -> str | None:
    """The cursor in the Link header, which holds also where the body is broken."""
    url = response.links.get("next", {}).get("url", "")
    return next(iter(parse_qs(urlsplit(url).query).get("cursor", [])), None)
