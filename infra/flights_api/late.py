"""Late corrections by the fault plan: seeded flights of a day arrive later than first said."""

from random import Random
from typing import Any

from flights_api.faults import Faults, Kind, Rule
from flights_api.flights import Flights, Record
from flights_api.versions import Version


def late_corrections(faults: Faults, flights: Flights, updated_at: str) -> dict[int, Version]:
    """New versions by row number, for each day that a rule strikes."""
    found: dict[int, Version] = {}
    for day, numbers in flights.days.items():
        for rule in faults.of_day(Kind.LATE_CORRECTIONS, day):
            found |= _of_day(Random(f"{faults.plan.seed}|{rule.kind}|{day}"), rule, flights, numbers, updated_at)
    return found


def _of_day(random: Random, rule: Rule, flights: Flights, numbers: range, updated_at: str) -> dict[int, Version]:
    landed = [
        (n, row) for n, row in zip(numbers, flights.records(numbers), strict=True) if row["arr_delay"] is not None
    ]
    chosen = random.sample(landed, min(len(landed), rule.rows or random.randint(1, 3)))
    return {number: Version(_later(row, random.randint(1, 20)), updated_at) for number, row in chosen}


def _later(row: Record, minutes: int) -> dict[str, Any]:
    """The flight arrived so many minutes later; the clock is local and goes round at midnight."""
    hours, minute = divmod(row["arr_time"], 100)
    hour, minute = divmod((hours * 60 + minute + minutes) % 1440, 60)
    return {"arr_delay": row["arr_delay"] + minutes, "arr_time": hour * 100 + minute}
