"""One HTTP call whose outcome is a typed error: what a retry, a circuit breaker or a task's policy decides by."""

from datetime import datetime
from typing import Any

import httpx

from living_answers.sources.errors import ConnectionLost
from living_answers.sources.http import error_of


def send(
    client: httpx.Client, method: str = "GET", path: str = "/", *, now: datetime | None = None, **more: Any
) -> httpx.Response:
    """Send one request and return its answer; ``now`` is the moment against which a date in Retry-After is held.

    Raises SourceError: the error that the answer stands for, ConnectionLost when there was none.
    """
    try:
        response = client.request(method, path, **more)
    except httpx.TransportError as lost:
        raise ConnectionLost(f"{path} did not answer: {lost!r}") from lost
    if error := error_of(response, now):
        raise error
    return response
