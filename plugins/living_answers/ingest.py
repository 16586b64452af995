"""Pulls one day of flights into the lake, page by page, so that a retry goes on where the last try stopped.

Both the daily ingest and the replay of dead letters use it: what is replayed takes the same path.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from living_answers import flights
from living_answers.failpoints import failpoint
from living_answers.lake import Lake
from living_answers.ledger import dead_letters, engine
from living_answers.sources.breaker import circuit_breaker
from living_answers.sources.errors import UnreadablePage
from living_answers.sources.flights import FlightsSource, Page

SOURCE = "flights"
WEATHER_HEADER = (
    "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour\n"
)


@dataclass
class Progress:
    """How far a pull has come. Plain JSON, so that Airflow's task state store can keep it between tries."""

    page: int = 0
    pages: int | None = None
    cursor: str | None = None
    rows: int = 0
    total: int | None = None
    page_rows: dict[str, int] = field(default_factory=dict)
    unreadable: list[int] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return self.page > 0 and self.cursor is None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def connect_source() -> FlightsSource:
    """The flights API of the Airflow connection ``flights_api``, behind a circuit breaker that all tasks share."""
    from airflow.sdk import Connection

    connection = Connection.get("flights_api")
    base_url = f"{connection.schema or 'http'}://{connection.host}:{connection.port}"
    breaker = circuit_breaker("flights_api", engine(), fail_max=5, reset_timeout=5.0)
    return FlightsSource(base_url, connection.password or "", breaker=breaker)


def pull_day(
    source: FlightsSource,
    lake: Lake,
    day: str,
    progress: Progress,
    save: Callable[[dict[str, Any]], None],
) -> Progress:
    """Store each page of the day that is not stored yet, and save the progress after each.

    A page that cannot be read, also when asked for again, becomes a dead letter; the pages behind it go on. A kill
    between storing a page and saving the progress only stores that page again, under the same key.
    """
    while not progress.done:
        number = progress.page + 1
        try:
            page = source.page(day, cursor=progress.cursor, number=number)
            store_page(lake, day, page)
            progress.page_rows[str(number)] = len(page.rows)
            progress.rows += len(page.rows)
            progress.pages, progress.total, progress.cursor = page.pages, page.total, page.next_cursor
        except UnreadablePage as unreadable:
            bury_page(lake, day, number, progress.cursor, unreadable)
            progress.unreadable.append(number)
            progress.cursor = unreadable.next_cursor
        failpoint("ingest.page_stored", day)
        progress.page = number
        save(progress.to_json())
    return progress


def store_page(lake: Lake, day: str, page: Page) -> None:
    """Write a page as JSON Lines, each record just as served, and close the dead letter that stood for it, if any."""
    lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in page.rows)
    lake.put(page_key(day, page.number), lines.encode())
    dead_letters.resolve("page", SOURCE, day, keys=[letter_key(page.number)])


def bury_page(lake: Lake, day: str, number: int, cursor: str | None, unreadable: UnreadablePage) -> None:
    """Keep the page's bytes in the lake and its reason in the ledger, with the cursor that asks for it again."""
    key = flights.dead_letter_key(day, number)
    lake.put(key, unreadable.body)
    dead_letters.bury(
        "page",
        SOURCE,
        day,
        letter_key(number),
        unreadable.reason,
        payload={"page": number, "cursor": cursor},
        payload_uri=f"s3://{lake.bucket}/{key}",
    )


def seal_day(lake: Lake, day: str, progress: Progress) -> dict[str, Any]:
    """Write the day's manifest, which makes its pages visible to the next step, and delete pages it does not name."""
    pages = [page_key(day, int(number)) for number in sorted(progress.page_rows, key=int)]
    manifest = {
        "day": day,
        "pages": pages,
        "rows": progress.rows,
        "source_total": progress.total,
        "unreadable_pages": sorted(progress.unreadable),
    }
    failpoint("ingest.before_manifest", day)
    lake.put_json(manifest_key(day), manifest)
    failpoint("ingest.after_manifest", day)
    named = {*pages, manifest_key(day)}
    lake.delete([key for key in lake.keys(flights.raw_prefix(SOURCE, day)) if key not in named])
    return manifest


def collect_weather(lake: Lake, day: str) -> int | None:
    """Copy the day's weather file to its place among the raw files; return its rows, ``None`` if it has not arrived.

    Weather explains delays, and flights do not wait for it: a missing file leaves an empty one and a dead letter.
    """
    landed = f"landing/weather/{day}.csv"
    if lake.etag(landed) is None:
        dead_letters.bury("file", "weather", day, landed, "the day's weather file has not arrived")
        lake.put(flights.weather_key(day), WEATHER_HEADER.encode())
        return None
    body = lake.get(landed)
    lake.put(flights.weather_key(day), body)
    failpoint("ingest.weather_stored", day)
    dead_letters.resolve("file", "weather", day)
    return body.count(b"\n") - 1


def distinct_flights(lake: Lake, day: str, progress: Progress) -> int:
    """Count the different flights on the day's stored pages, read back from the lake."""
    pages = (lake.get(page_key(day, int(number))) for number in progress.page_rows)
    return len({json.loads(line)["flight_id"] for page in pages for line in page.splitlines()})


def rows_on(pages: list[int], total: int, limit: int) -> int:
    """How many of ``total`` records stand on the numbered pages, when each page but the last holds ``limit``."""
    return sum(max(0, min(limit, total - (page - 1) * limit)) for page in pages)


def page_key(day: str, number: int) -> str:
    """Return the key of a page of the day."""
    return f"{flights.raw_prefix(SOURCE, day)}page-{number:05d}.jsonl"


def manifest_key(day: str) -> str:
    """Return the key of the day's manifest."""
    return f"{flights.raw_prefix(SOURCE, day)}_manifest.json"


def letter_key(number: int) -> str:
    """Return the key under which a page stands among the dead letters."""
    return f"page-{number:05d}"
