"""What can go wrong at a source, by what to do about it: wait and ask again, give up, or go on without the page."""


class SourceError(Exception):
    """Any failure of a source. Messages name the URL's path and the remedy, never a token."""


class TransientError(SourceError):
    """The same request may succeed later; `retry_after` is how many seconds the source asked us to wait."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep the message and the wait."""
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(TransientError):
    """429: too many requests."""


class ServerFault(TransientError):
    """5xx: the source failed."""


class ConnectionLost(TransientError):
    """No answer, or half of one: refused, reset, cut in the body, or timed out."""


class OutOfOrder(TransientError):
    """The source served another page than the one asked for."""


class CircuitOpen(TransientError):
    """The source failed so often that nobody asks it for a while; `retry_after` is what is left of that while."""


class UnreadablePage(TransientError):
    """A page came whole, twice, and cannot be parsed. The caller buries `body` and goes on at `next_cursor`."""

    def __init__(self, path: str, number: int | None, body: bytes, reason: str, next_cursor: str | None) -> None:
        """Keep the page's bytes, why they cannot be read, and the way to the next page (None: it was the last)."""
        place = f"page {number}" if number else "a page"
        super().__init__(f"{path}: {place} cannot be read: {reason}. Keep its bytes as a dead letter and replay it.")
        self.number = number
        self.body = body
        self.reason = reason
        self.next_cursor = next_cursor


class PermanentError(SourceError):
    """The same request fails again however often it is sent: somebody must change something."""


class Unauthorised(PermanentError):
    """401: the source does not know our token."""


class Forbidden(PermanentError):
    """403: it knows the token, and refuses."""


class BadRequest(PermanentError):
    """422 or another 4xx: the request itself is wrong."""
