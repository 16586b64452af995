"""Waiting for something that comes in its own time: with a limit, and an error of its own when it does not come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 60.0
Found = TypeVar("Found")


class NotInTime(RuntimeError):
    """What was waited for did not come."""


def wait_for(condition: Callable[[], Found], seconds: float = PATIENCE_SECONDS) -> Found:
    """Return the condition's first true value.

    Raises:
        NotInTime: there is none for that long.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {seconds:.0f} s")
        time.sleep(0.05)
    return found
