"""The ledger's and the warehouse's tables, made by the library's own program."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from embedded.home import REPOSITORY, Home
from embedded.process import MARKER, tail
from embedded.service import ServiceError


@dataclass(frozen=True)
class Warehouse:
    """The step that runs `python -m living_answers.migrate`, which is quick when nothing is new."""

    home: Home
    connections: Mapping[str, str] = field(repr=False)

    name: ClassVar[str] = "warehouse"
    needs: ClassVar[tuple[str, ...]] = ("postgres", "gateway")

    def ensure(self) -> bool:
        """Create what is missing. Raises ServiceError with the end of the program's output."""
        log = self.home.log(self.name)
        environment = {"PATH": os.defpath, MARKER: str(self.home.root), **self.connections}
        with log.open("ab") as output:
            result = subprocess.run(
                [sys.executable, "-m", "living_answers.migrate"],
                env=environment,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=120,
            )
        if result.returncode:
            raise ServiceError(f"warehouse could not be migrated. The end of {log}:\n{tail(log)}")
        return True
