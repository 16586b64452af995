"""The flights API asked plainly, page by page, with no client of ours."""

from typing import Any

import httpx


def pages(variables: dict[str, str], day: str) -> list[list[dict[str, Any]]]:
    """All pages of a day as a source without faults serves them."""
    headers = {"Authorization": f"Bearer {variables['FLIGHTS_API_TOKEN']}"}
    found, url = [], f"/v1/flights?date={day}&limit=200"
    with httpx.Client(base_url=variables["FLIGHTS_API_URL"], headers=headers, timeout=30) as client:
        while url:
            answer = client.get(url).raise_for_status()
            found.append(answer.json()["data"])
            url = answer.links.get("next", {}).get("url", "")
    return found
