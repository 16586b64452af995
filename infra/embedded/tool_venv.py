"""Python tools that must not share the platform's packages: each in a venv of its own, from a lock with hashes."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from embedded.engine import EngineError, Progress
from embedded.home import REPOSITORY

LOCKS = REPOSITORY / "infra" / "embedded" / "tools"
INSTALL_SECONDS = 900


@dataclass(frozen=True)
class ToolVenv:
    """The venv of one tool. Its folder carries the lock's digest: another lock is another venv."""

    name: str
    cache: Path

    @property
    def lock(self) -> Path:
        """The pinned packages, each with its SHA-256."""
        return LOCKS / f"{self.name}.lock"

    @property
    def folder(self) -> Path:
        """Where the venv is."""
        digest = hashlib.sha256(self.lock.read_bytes()).hexdigest()[:12]
        return self.cache / "tools" / f"{self.name}-{digest}"

    def program(self, name: str) -> Path:
        """Return a program of the venv."""
        return self.folder / "bin" / name

    def made(self) -> bool:
        """Tell whether the venv is whole: the mark is written last."""
        return (self.folder / "installed").exists()

    def make(self, progress: Progress) -> None:
        """Make it, if it is not there. Raises EngineError."""
        if self.made():
            return
        total = sum(line[:1].isalpha() for line in self.lock.read_text().splitlines())
        progress(f"{self.name}: {total} packages", 0, total)
        attempts = Retrying(
            stop=stop_after_attempt(3),
            wait=wait_exponential_jitter(initial=1, max=20),
            retry=retry_if_exception_type(EngineError),
            reraise=True,
        )
        attempts(self._install)
        (self.folder / "installed").touch()
        progress(f"{self.name}: {total} packages", total, total)

    def _install(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        python = str(self.program("python"))
        options = ["--require-hashes", "--compile-bytecode", "-r", str(self.lock)]
        if uv := shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent)):
            self._run([uv, "venv", "--quiet", "--python", sys.executable, str(self.folder)])
            self._run([uv, "pip", "install", "--quiet", "--python", python, *options])
        else:
            self._run([sys.executable, "-m", "venv", str(self.folder)])
            self._run([python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(self.lock)])

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise EngineError(f"{self.name}: its packages did not come within {INSTALL_SECONDS} s: try again") from None
        if done.returncode:
            remedy = "is the package index reachable (pip download pip)?"
            raise EngineError(f"{self.name}: its packages cannot be installed; {remedy}\n{done.stderr.strip()[-1500:]}")
