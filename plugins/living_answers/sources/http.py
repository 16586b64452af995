"""From an HTTP answer to a typed error."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from living_answers.sources.errors import (
    BadRequest,
    Forbidden,
    PermanentError,
    RateLimited,
    ServerFault,
    SourceError,
    Unauthorised,
)

LONGEST_DETAIL = 300
REFUSALS: dict[int, tuple[type[PermanentError], str]] = {
    401: (Unauthorised, "Put the source's token into the connection's password."),
    403: (Forbidden, "Ask the source's owner to let this token in."),
}
# The client was too slow, or too early: both pass (RFC 9110, 15.5.9; RFC 8470).
TRANSIENT_4XX = (408, 425)


def error_of(response: httpx.Response, now: datetime | None = None) -> SourceError | None:
    """The error that an answer stands for, or None when it is one to use (200, 304)."""
    status, path = response.status_code, response.request.url.path
    if status in (200, 304):
        return None
    told = f"{path} answered {status}. {_detail(response)}".rstrip()
    if status == 429 or status >= 500 or status in TRANSIENT_4XX:
        kind = RateLimited if status == 429 else ServerFault
        return kind(told, parse_retry_after(response.headers.get("retry-after"), now or datetime.now(UTC)))
    refusal, remedy = REFUSALS.get(status, (BadRequest, "Correct the request; it will not pass as it is."))
    return refusal(f"{told} {remedy}")


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from either form of Retry-After (RFC 9110, 10.2.3); None if there is none to make sense of."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())


def _detail(response: httpx.Response) -> str:
    """What the source itself says, when it says it as problem+json."""
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return ""
    try:
        said = response.json()
    except ValueError:
        return ""
    return str(said.get("detail", ""))[:LONGEST_DETAIL] if isinstance(said, dict) else ""
