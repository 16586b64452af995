"""Readiness over HTTP."""

import json
import urllib.error
import urllib.request

from embedded.service import NotReady


def get(url: str, timeout: float = 3.0) -> bytes:
    """Return the body of a 200 answer, at most 1 MiB of it. Raises NotReady for anything else."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return bytes(answer.read(1 << 20))
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise NotReady(f"{url}: {error}") from None


def get_json(url: str, timeout: float = 3.0) -> dict[str, object]:
    """Return the JSON object of a 200 answer. Raises NotReady for anything else."""
    try:
        value = json.loads(get(url, timeout))
    except ValueError:
        raise NotReady(f"{url}: the answer is no JSON") from None
    if not isinstance(value, dict):
        raise NotReady(f"{url}: the answer is no JSON object")
    return value
