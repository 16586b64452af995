"""The folder that holds all state of one embedded platform."""

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Home:
    """Paths below the state folder; nothing is written outside it."""

    root: Path

    @classmethod
    def default(cls) -> "Home":
        """Return the folder that ANSWERS_HOME names, or `.platform` in the repository."""
        return cls(Path(os.environ.get("ANSWERS_HOME") or REPOSITORY / ".platform").expanduser().absolute())

    def create(self) -> None:
        """Make the folder; others may pass through it (PostgreSQL may run as nobody) but not list it."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        for name in ("run", "logs", "data"):
            (self.root / name).mkdir(exist_ok=True)
            (self.root / name).chmod(0o711 if name == "data" else 0o700)

    def pid_file(self, service: str) -> Path:
        """Return the file that identifies the service's process."""
        return self.root / "run" / f"{service}.pid"

    def log(self, service: str) -> Path:
        """Return the file that takes the service's output."""
        return self.root / "logs" / f"{service}.log"

    def data(self, service: str) -> Path:
        """Return the service's own folder."""
        return self.root / "data" / service
