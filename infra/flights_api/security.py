"""Who may ask, and how often."""

import hmac
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from fastapi import Request
from pydantic import SecretStr

from flights_api.problems import problem

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="flights"'}


def bearer(request: Request) -> str:
    """The token of the request. Raises a 401 problem when it has none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise problem(401, "The request has no bearer token: send 'Authorization: Bearer TOKEN'.", CHALLENGE)
    return token.strip()


def same(given: str, secret: SecretStr) -> bool:
    """Compare in constant time, so that the answer's delay tells nothing about the token."""
    return hmac.compare_digest(given.encode(), secret.get_secret_value().encode())


@dataclass
class RateLimit:
    """A token bucket: `rate` requests a second, `burst` at once. `clock` gives seconds that never go back."""

    rate: float
    burst: int
    clock: Callable[[], float] = time.monotonic
    _level: float = field(init=False)
    _seen: float = field(init=False)
    _refusals: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Start full."""
        self._level, self._seen = float(self.burst), self.clock()

    def take(self) -> float:
        """Take one; the answer is 0, or the seconds to wait until there is one again."""
        now = self.clock()
        self._level = min(self.burst, self._level + (now - self._seen) * self.rate)
        self._seen = now
        if self._level < 1:
            return (1 - self._level) / self.rate
        self._level -= 1
        return 0.0

    def retry_after(self, seconds: float) -> dict[str, str]:
        """The Retry-After header, by turns in seconds and as a date: both forms are legal (RFC 9110, 10.2.3)."""
        whole = max(1, math.ceil(seconds))
        self._refusals += 1
        if self._refusals % 2:
            return {"Retry-After": str(whole)}
        # The date form is cut to seconds: one more, or the client would come back too early.
        then = datetime.fromtimestamp(time.time() + whole + 1, UTC)
        return {"Retry-After": format_datetime(then, usegmt=True)}
