"""Hourly weather, delivered as one CSV file a day into the lake's landing folder."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from flights_api.settings import Settings
from flights_api.source_files import source_file

if TYPE_CHECKING:
    from botocore.client import BaseClient

log = logging.getLogger("uvicorn.error")
PREFIX = "landing/weather/"
WORKERS = 8


class WeatherFeed:
    """Publishes the files once, in a thread; `state` says how far it is."""

    def __init__(self, settings: Settings) -> None:
        """Without an S3 endpoint there is nothing to do."""
        self._settings = settings
        self.state = "publishing" if settings.s3_endpoint else "off"

    @property
    def ready(self) -> bool:
        """Whether nothing is left to be done."""
        return self.state == "off" or self.state.startswith("published")

    async def publish(self) -> None:
        """Put the files that are missing; a failure is told by `state`, the log and the health check."""
        if self.state == "off":
            return
        try:
            put, total = await asyncio.to_thread(publish_weather, self._settings)
            self.state = f"published {put} of {total} files, {total - put} were there"
        except Exception as error:  # noqa: BLE001 - whatever it was, the API itself stays up and says so
            self.state = f"failed: {type(error).__name__}: {error}"
            log.error("weather files: %s. Check FLIGHTS_API_S3_*, then restart the API.", self.state)


def weather_files() -> dict[str, bytes]:
    """The files by name: the source's own lines, NA for what is missing, by the local date that they carry.

    There are 364: the source has no weather for 31 December.
    """
    header, *lines = source_file("weather.csv").read_text().splitlines(keepends=True)
    by_day: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        _, year, month, day, _ = line.split(",", 4)
        by_day[f"{year}-{month:0>2}-{day:0>2}.csv"].append(line)
    return {name: "".join([header, *rows]).encode() for name, rows in by_day.items()}


def publish_weather(settings: Settings) -> tuple[int, int]:
    """Put the files that the bucket does not have; gives how many were put, and how many there are in all.

    Raises botocore's errors when the bucket is gone or refuses, after five tries.
    """
    client = _s3_client(settings)
    files = weather_files()
    there = set(_names(client, settings.s3_bucket))
    missing = {name: body for name, body in files.items() if name not in there}

    def put(item: tuple[str, bytes]) -> None:
        client.put_object(Bucket=settings.s3_bucket, Key=PREFIX + item[0], Body=item[1], ContentType="text/csv")

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(put, missing.items()))
    return len(missing), len(files)


def _names(client: "BaseClient", bucket: str) -> Iterable[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX):
        for item in page.get("Contents", []):
            yield item["Key"].removeprefix(PREFIX)


def _s3_client(settings: Settings) -> "BaseClient":
    import boto3
    from botocore.config import Config

    # botocore's standard mode retries with exponential backoff and jitter.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=WORKERS,
        s3={"addressing_style": "path"},
    )
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key.get_secret_value(),
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
        config=config,
    )
