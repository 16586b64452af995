"""The faults that the demo, and the end-to-end tests, ask the flights API for."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import SecretStr

#: Every fault that the source knows, so that each is met within three days of flights. Transport faults strike a page
#: once and a retry heals them; faults of rows, and the malformed page, stay until the source is mended.
EVERY_FAULT: list[dict[str, Any]] = [
    {"kind": "http_500", "rate": 0.1},
    {"kind": "http_503", "rate": 0.06},
    {"kind": "rate_limited", "rate": 0.06},
    {"kind": "drop", "rate": 0.06},
    {"kind": "cut", "rate": 0.06},
    {"kind": "truncated", "rate": 0.1},
    {"kind": "repeated_page", "rate": 0.06},
    {"kind": "skipped_page", "rate": 0.06},
    {"kind": "unordered", "rate": 0.06},
    {"kind": "duplicate_row", "rate": 0.3},
    {"kind": "bad_row", "rate": 0.3},
    {"kind": "late_corrections", "rate": 1.0},
    {"kind": "renamed", "rate": 0.2},
    {"kind": "retyped", "rate": 0.2},
    {"kind": "added", "rate": 0.3},
]


def malformed_page(day: str, page: int) -> dict[str, Any]:
    """A page that is broken for good: asking again does not help."""
    return {"kind": "malformed", "dates": [day], "pages": [page], "rate": 1.0, "times": None}


def hanging_page(day: str, page: int, seconds: float) -> dict[str, Any]:
    """A page that takes longer than the client waits, once."""
    return {"kind": "hang", "dates": [day], "pages": [page], "rate": 1.0, "seconds": seconds}


class FaultControl:
    """The flights API's levers, which its own token opens."""

    def __init__(self, url: str, admin_token: SecretStr) -> None:
        headers = {"Authorization": f"Bearer {admin_token.get_secret_value()}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30)

    def set(self, rules: list[dict[str, Any]], seed: int = 2013) -> None:
        self._client.put("/admin/faults", json={"seed": seed, "rules": rules}).raise_for_status()

    def clear(self) -> None:
        """Mend the source."""
        self._client.delete("/admin/faults").raise_for_status()

    def struck(self) -> dict[str, int]:
        """Return how often each kind of fault has struck."""
        counts: dict[str, int] = {}
        for rule in self._client.get("/admin/faults").raise_for_status().json()["rules"]:
            counts[rule["kind"]] = counts.get(rule["kind"], 0) + int(rule["struck"])
        return counts

    def correct(self, flight_id: str, **changes: Any) -> None:
        """Publish a late correction of one flight."""
        body = [{"flight_id": flight_id, "changes": changes}]
        self._client.put("/admin/corrections", json=body).raise_for_status()
