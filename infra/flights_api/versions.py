"""Which version of each flight is the current one, and the two listings of flights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np

from flights_api.flights import SERVED, Flights, Record
from flights_api.listings import Listing
from flights_api.problems import problem

# After the last first version of 2013, so that an incremental pull always sees a correction as news.
CORRECTIONS_BEGIN = datetime(2014, 1, 2, tzinfo=UTC)
FIXED = {"flight_id", "date", "updated_at"}


@dataclass(frozen=True)
class Version:
    """What a correction changed, and when it was published."""

    changes: dict[str, Any]
    updated_at: str

    def merged(self, newer: "Version") -> "Version":
        """Both corrections, one after the other."""
        return Version(self.changes | newer.changes, newer.updated_at)


@dataclass
class Versions:
    """The flights and their corrections: those that somebody made, and those that the fault plan made.

    Corrections live in memory: a restart, or deleting them, brings the first versions back.
    """

    flights: Flights
    made: dict[int, Version] = field(default_factory=dict)
    late: dict[int, Version] = field(default_factory=dict)
    _publications: int = 0

    def next_updated_at(self) -> str:
        """The time of the next correction: one second after that of the correction before."""
        self._publications += 1
        return (CORRECTIONS_BEGIN + timedelta(seconds=self._publications)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def correct(self, corrections: Sequence[tuple[str, dict[str, Any]]]) -> str:
        """Publish a new version of each flight named, all or none. Raises a 422 problem; gives `updated_at`."""
        numbered = [(self._number(flight_id), _checked(changes)) for flight_id, changes in corrections]
        updated_at = self.next_updated_at()
        for number, changes in numbered:
            version = Version(changes, updated_at)
            self.made[number] = self.made[number].merged(version) if number in self.made else version
        return updated_at

    def records(self, numbers: Sequence[int]) -> list[Record]:
        """The current version of each of these flights."""
        rows = self.flights.records(numbers)
        if not (self.made or self.late):
            return rows
        return [self._current(row, number) for row, number in zip(rows, numbers, strict=True)]

    def updated_at(self, number: int) -> str:
        """When the current version was published; only for corrected flights."""
        return max(v.updated_at for v in (self.late.get(number), self.made.get(number)) if v)

    def of_day(self, day: str) -> Listing:
        """The flights of a date. Raises a 422 problem for a date without data."""
        return self._listing(day, self._rows(day), "{:06d}".format)

    def nothing(self, day: str) -> Listing:
        """The listing of a date on which nothing flew."""
        self._rows(day)
        return self._listing(day, range(0), str)

    def since(self, moment: datetime) -> Listing:
        """The flights whose current version was published at that moment or later, oldest first."""
        # Versions are published on whole seconds: a fraction means the second after it.
        whole = (moment + timedelta(microseconds=-moment.microsecond % 1_000_000)).astimezone(UTC)
        since = whole.strftime("%Y-%m-%dT%H:%M:%SZ")
        corrected = set(self.made) | set(self.late)
        first = self._first_published_since(since)
        news = sorted((self.updated_at(number), number) for number in corrected)
        order: Sequence[int] = first
        if corrected:
            kept = np.array(first)[~np.isin(np.array(first), list(corrected))].tolist()
            order = [*kept, *(number for at, number in news if at >= since)]
        return self._listing(f"updated_since={since}", order, self._news_key)

    def _listing(self, scope: str, order: Sequence[int], key: Callable[[int], str]) -> Listing:
        return Listing(scope, order, key, self.records)

    def _news_key(self, number: int) -> str:
        # First versions keep the order of their row numbers, which is that of their dates.
        corrected = number in self.made or number in self.late
        return f"{self.updated_at(number) if corrected else ''}|{number:06d}"

    def _first_published_since(self, since: str) -> range:
        starts = (rows.start for rows in self.flights.days.values() if self._published(rows.start) >= since)
        total = self.flights.table.num_rows
        return range(next(chain(starts, [total])), total)

    def _published(self, number: int) -> str:
        text: str = self.flights.table["updated_at"][number].as_py()
        return text

    def _current(self, row: Record, number: int) -> Record:
        for version in (self.late.get(number), self.made.get(number)):
            if version:
                row = row | version.changes | {"updated_at": max(row["updated_at"], version.updated_at)}
        return row

    def _rows(self, day: str) -> range:
        if day not in self.flights.days:
            raise problem(422, f"date: {day!r} has no data; ask for a date from 2013-01-01 to 2013-12-31 (YYYY-MM-DD).")
        return self.flights.days[day]

    def _number(self, flight_id: str) -> int:
        try:
            return self.flights.number_of(flight_id)
        except KeyError:
            raise problem(422, f"flight_id: there is no flight {flight_id!r}; take ids from /v1/flights.") from None


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    refused = sorted(name for name in changes if name not in SERVED or name in FIXED)
    if refused or not changes:
        named = ", ".join(refused) or "none"
        raise problem(
            422, f"changes: fields {named}; a correction changes fields other than {', '.join(sorted(FIXED))}."
        )
    return changes
