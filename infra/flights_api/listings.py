"""Ordered listings of records, and how a page is cut out of one."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flights_api.cursors import Cursor
from flights_api.problems import problem

Record = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """Records in a fixed order. `key` maps a row number to text that sorts as the order does.

    Pages start after a key and not at an offset, so a record that is corrected while a client reads moves to the
    end of an `updated_since` listing without pushing another one off the client's pages. A listing with a `version`
    changes only as a whole, so the ETag of its first page tells whether any page has changed.
    """

    scope: str
    order: Sequence[int]
    key: Callable[[int], str]
    records: Callable[[Sequence[int]], list[Record]]
    version: str | None = None

    def pages(self, limit: int) -> int:
        """How many pages there are; an empty listing has one, which is empty."""
        return max(1, -(-len(self.order) // limit))


@dataclass(frozen=True)
class Window:
    """One page's place in a listing: rows `start` to `stop`, page `number` counted from 1."""

    listing: Listing
    limit: int
    number: int
    start: int

    @property
    def stop(self) -> int:
        """One past the last row."""
        return min(self.start + self.limit, len(self.listing.order))

    @property
    def next_cursor(self) -> Cursor | None:
        """The cursor of the page after this one, if there is one."""
        if self.stop >= len(self.listing.order):
            return None
        last = self.listing.key(self.listing.order[self.stop - 1])
        return Cursor(self.listing.scope, self.limit, self.number + 1, last)

    def records(self) -> list[Record]:
        """The page's records, without faults."""
        return self.listing.records(self.listing.order[self.start : self.stop])

    def shifted(self, pages: int) -> "Window | None":
        """The window so many pages further on (or back), if there is such a page."""
        number, start = self.number + pages, self.start + pages * self.limit
        inside = 0 <= start < len(self.listing.order) and number >= 1
        return Window(self.listing, self.limit, number, start) if inside else None


def window(listing: Listing, limit: int | None, cursor: Cursor | None, default: int, largest: int) -> Window:
    """The page that the client asks for. Raises a 422 problem for a limit out of range or unlike the cursor's."""
    if limit is not None and not 1 <= limit <= largest:
        raise problem(422, f"limit: {limit} is not between 1 and {largest}.")
    if cursor is None:
        return Window(listing, limit or min(default, largest), 1, 0)
    if limit is not None and limit != cursor.limit:
        raise problem(422, f"limit: the cursor was issued for {cursor.limit}, not {limit}; leave limit out.")
    start = bisect_right(listing.order, cursor.after, key=listing.key)
    return Window(listing, cursor.limit, cursor.page, start)
