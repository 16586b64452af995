"""The transformation that ``transform_tests`` tests: raw flights, as texts, to statuses and carriers' punctuality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

#: Minutes after which an arrival counts as late, as the US Bureau of Transportation Statistics counts it.
LATE: Final = 15


def minutes(clock: str) -> int | None:
    """Return minutes after midnight for a clock such as 517 or 2400; ``None`` for NA."""
    if clock == "NA":
        return None
    return int(clock) // 100 * 60 + int(clock) % 100


def refine(row: Mapping[str, str]) -> dict[str, Any]:
    """Type a raw row, and say what became of the flight."""
    departed = minutes(row["dep_time"])
    delay = None if row["arr_delay"] == "NA" else int(row["arr_delay"])
    if departed is None:
        status = "cancelled"
    elif delay is None:
        status = "diverted"
    else:
        status = "late" if delay >= LATE else "on time"
    return {"carrier": row["carrier"], "departed": departed, "delay": delay, "status": status}


def punctuality(rows: Iterable[Mapping[str, str]]) -> dict[str, float]:
    """Return for each carrier the share of its flights that arrived on time; one that never left did not."""
    flights: Counter[str] = Counter()
    on_time: Counter[str] = Counter()
    for row in map(refine, rows):
        flights[row["carrier"]] += 1
        on_time[row["carrier"]] += row["status"] == "on time"
    return {carrier: on_time[carrier] / flights[carrier] for carrier in flights}
