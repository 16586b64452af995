"""Readiness over HTTP."""

import httpx

from embedded.service import NotReady


def get(url: str, timeout: float = 5.0) -> httpx.Response:
    """Return a 200 answer. Raises NotReady for anything else."""
    try:
        return httpx.get(url, timeout=timeout, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise NotReady(f"{url}: {error}") from None


def get_json(url: str, timeout: float = 5.0) -> dict[str, object]:
    """Return the JSON object of a 200 answer. Raises NotReady for anything else."""
    try:
        value = get(url, timeout).json()
    except ValueError:
        raise NotReady(f"{url}: the answer is no JSON") from None
    if not isinstance(value, dict):
        raise NotReady(f"{url}: the answer is no JSON object")
    return value
