"""Which answers PostgreSQL still owes: each request that it reads is answered by one ReadyForQuery.

During COPY FROM STDIN in the extended protocol it reads Sync messages without answering them, up to the end of the
data: the usual client sends one with its Execute, before it can know that the statement is a COPY.
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
"""

from collections import deque

from redshift_gateway import wire

_STARTUP = 0


class Expected:
    """The requests without an answer, in order, and the ends of COPY data among them."""

    def __init__(self) -> None:
        """The start-up packet is the first request."""
        self._requests = deque([_STARTUP])
        self._copying = False  # PostgreSQL reads data and ignores Sync

    @property
    def none(self) -> bool:
        """Whether PostgreSQL owes nothing and reads no data."""
        return not self._requests and not self._copying

    def sent(self, tag: int) -> None:
        """A request has been sent, or the end of COPY data."""
        if tag in (wire.COPY_DONE, wire.COPY_FAIL):
            if not self._copying and self._requests and self._requests[-1] != wire.COPY_DONE:
                self._requests.append(wire.COPY_DONE)  # of a COPY that has not begun, as far as known
            self._copying = False
        elif not (self._copying and tag == wire.SYNC):
            self._requests.append(tag)

    def answered(self) -> None:
        """A ReadyForQuery has come."""
        self._drop(wire.COPY_DONE)
        if self._requests:
            self._requests.popleft()
        self._drop(wire.COPY_DONE)

    def copy_began(self) -> None:
        """PostgreSQL reads the client's data. Where no query waits for its answer, it was an Execute."""
        if self._requests and self._requests[0] != wire.SYNC:
            return
        self._drop(wire.SYNC)
        if self._requests and self._requests[0] == wire.COPY_DONE:
            self._drop(wire.COPY_DONE)
        else:
            self._copying = True

    def failed(self) -> None:
        """An error has come: PostgreSQL reads no data any more."""
        self._copying = False

    def _drop(self, tag: int) -> None:
        while self._requests and self._requests[0] == tag:
            self._requests.popleft()
