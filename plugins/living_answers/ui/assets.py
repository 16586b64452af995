"""The style sheet, the script and the icon: three files, known by name, so that no path leads elsewhere."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "static"
TYPES: Final = {"answers.css": "text/css", "answers.js": "text/javascript", "icon.svg": "image/svg+xml"}


def version(name: str) -> str:
    """Return what changes with the file's content, so that browsers may keep a file for good."""
    return _version(name, (FOLDER / name).stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _version(name: str, _mtime: int) -> str:
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
