"""Faults on demand: which ones there are, and when they strike. The same seed gives the same faults."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Kind(StrEnum):
    """What can go wrong."""

    # The transport, or the order of pages: a client that asks again gets what it wanted.
    HTTP_500 = "http_500"
    HTTP_503 = "http_503"
    RATE_LIMITED = "rate_limited"
    HANG = "hang"
    DROP = "drop"
    CUT = "cut"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    REPEATED_PAGE = "repeated_page"
    SKIPPED_PAGE = "skipped_page"
    UNORDERED = "unordered"
    # The rows: they stay as they are however often one asks.
    DUPLICATE_ROW = "duplicate_row"
    BAD_ROW = "bad_row"
    RENAMED = "renamed"
    RETYPED = "retyped"
    ADDED = "added"
    # The day as a whole.
    LATE_CORRECTIONS = "late_corrections"
    EMPTY = "empty"


OF_ROWS = (Kind.BAD_ROW, Kind.RETYPED, Kind.ADDED, Kind.RENAMED, Kind.DUPLICATE_ROW)
OF_DAYS = (Kind.LATE_CORRECTIONS, Kind.EMPTY)
OF_TRANSPORT = tuple(kind for kind in Kind if kind not in OF_ROWS + OF_DAYS)


class Rule(BaseModel):
    """One kind of fault and where it strikes.

    `dates` are days, the names of reference lists, or `updated_since`; null means all of them. `times` is how often it
    strikes the same page: by default once if a second try should help, always (null) if it is in the rows. `rows` is
    how many rows of a page (of a day, for late corrections) it touches; null lets the seed choose one to three.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    dates: list[str] | None = None
    pages: list[Annotated[int, Field(ge=1)]] | None = None
    rate: float = Field(1.0, ge=0, le=1)
    times: int | None = Field(None, ge=1)
    seconds: float = Field(30, ge=0, le=600, description="how long a hang lasts")
    retry_after: float = Field(1, ge=0, le=600, description="seconds that a 429 or 503 asks the client to wait")
    rows: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _times_by_kind(self) -> "Rule":
        if self.kind in OF_TRANSPORT and "times" not in self.model_fields_set:
            self.times = 1
        if self.kind in OF_DAYS and (self.pages is not None or self.times is not None):
            raise ValueError(f"{self.kind} strikes whole days: leave out pages and times")
        return self


class Plan(BaseModel):
    """What PUT /admin/faults takes."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    rules: list[Rule] = []


@dataclass
class Faults:
    """A plan and how often each of its rules struck, by (rule, scope, page)."""

    plan: Plan = field(default_factory=Plan)
    struck: Counter[tuple[int, str, int]] = field(default_factory=Counter)
    rows: dict[tuple[int, str, int], int] = field(default_factory=dict)

    def transport(self, scope: str, page: int, possible: frozenset[Kind]) -> Rule | None:
        """The one fault of the transport that strikes this request, if any does; it is counted."""
        for index, rule in self._matching(scope, page):
            if rule.kind in possible and not self._spent(index, rule, scope, page):
                self.struck[index, scope, page] += 1
                return rule
        return None

    def of_rows(self, kind: Kind, scope: str, page: int) -> Iterator[tuple[int, Rule]]:
        """The rules of one kind that touch this page's rows, with their places in the plan."""
        for index, rule in self._matching(scope, page):
            if rule.kind is kind and not self._spent(index, rule, scope, page):
                yield index, rule

    def of_day(self, kind: Kind, day: str) -> list[Rule]:
        """The rules of one kind that strike a whole day."""
        return [rule for _, rule in self._matching(day, 0) if rule.kind is kind]

    def count_rows(self, index: int, scope: str, page: int, rows: int) -> None:
        """Remember that a rule touched so many rows of a page, each time that the page is served."""
        self.struck[index, scope, page] += 1
        self.rows[index, scope, page] = rows

    def report(self) -> dict[str, object]:
        """The plan, with how often each rule struck and how many distinct rows it touched by day."""
        rules = [rule.model_dump() | self._tally(index) for index, rule in enumerate(self.plan.rules)]
        return {"seed": self.plan.seed, "rules": rules}

    def _tally(self, index: int) -> dict[str, object]:
        by_day: Counter[str] = Counter()
        for (at, scope, _), rows in self.rows.items():
            by_day[scope] += rows if at == index else 0
        times = sum(times for (at, _, _), times in self.struck.items() if at == index)
        return {"struck": times, "rows_touched": {day: rows for day, rows in sorted(by_day.items()) if rows}}

    def _matching(self, scope: str, page: int) -> Iterator[tuple[int, Rule]]:
        name = scope.partition("=")[0]
        for index, rule in enumerate(self.plan.rules):
            here = (rule.dates is None or name in rule.dates) and (rule.pages is None or page in rule.pages)
            if here and fraction(self.plan.seed, rule.kind, scope, page) < rule.rate:
                yield index, rule

    def _spent(self, index: int, rule: Rule, scope: str, page: int) -> bool:
        return rule.times is not None and self.struck[index, scope, page] >= rule.times


def fraction(*parts: object) -> float:
    """A number from 0 up to but not including 1 that depends on the parts alone."""
    digest = hashlib.blake2b("|".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / (1 << 53)
