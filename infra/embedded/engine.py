"""Engines on demand: servers and tools that only some answers need, fetched when somebody first asks for them.

Each module of `embedded.engines` is one engine; nothing else need be told of it.
"""

import importlib
import os
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from embedded.home import Home
from embedded.service import Service

Progress = Callable[[str, float, float], None]
"""Called with what is being fetched, how much of it is there, and how much it will be."""


class EngineError(Exception):
    """An engine cannot be had; the message says which, what failed and what to do about it."""


def silent(_what: str, _done: float, _total: float) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Engine(ABC):
    """One engine of one platform: how it is fetched, what it runs as, and what its clients must know."""

    home: Home

    name: ClassVar[str]
    what: ClassVar[str]
    ports: ClassVar[Mapping[str, int]] = {}
    """The preferred ports, by what they are for."""

    @property
    def cache(self) -> Path:
        """What was fetched lies here; ANSWERS_CACHE lets several platforms share it."""
        return Path(os.environ.get("ANSWERS_CACHE") or self.home.root / "cache").expanduser().absolute()

    @abstractmethod
    def fetched(self) -> bool:
        """Tell whether all that it needs is in the cache."""

    @abstractmethod
    def fetch(self, progress: Progress) -> None:
        """Fetch what is missing, and check it. Raises EngineError."""

    def service(self, ports: Mapping[str, int]) -> Service | None:
        """Return the process to run, or None for a tool that runs when it is called."""
        return None

    @abstractmethod
    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Return what its clients must know: addresses and paths, never a secret."""


def kinds() -> dict[str, type[Engine]]:
    """Return the engines that there are, by name."""
    package = importlib.import_module("embedded.engines")
    modules = [
        importlib.import_module(f"embedded.engines.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    return {module.ENGINE.name: module.ENGINE for module in modules}
