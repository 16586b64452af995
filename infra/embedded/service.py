"""What every service of the platform is, and how one is started, checked and stopped."""

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from embedded.home import REPOSITORY, Home
from embedded.process import MARKER, Identity, PidFile, end, fingerprint, record, spawn, tail


class NotReady(Exception):
    """The service does not answer yet; the message says what was seen."""


class ServiceError(Exception):
    """A service could not be started; the message says which, why, and what its log says last."""


@dataclass(frozen=True)
class Service(ABC):
    """One server process. Subclasses say how to run it and how to talk to it."""

    home: Home

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    start_timeout: ClassVar[float] = 90.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_timeout: ClassVar[float] = 10.0

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program and its arguments; never a secret, which every user of the machine could read."""

    @abstractmethod
    def check(self) -> None:
        """Talk to the service. Raises NotReady if it does not answer as it should."""

    def address(self) -> str:
        """Return where a person or a client finds the service."""
        return ""

    def environment(self) -> dict[str, str]:
        """Return what the process needs beside the caller's own environment."""
        return {}

    def identity(self) -> Identity | None:
        """Return the user to drop to, or None to stay who we are."""
        return None

    def prepare(self) -> None:  # noqa: B027 - most services need nothing
        """Make what must exist before the process starts. Runs before each start."""

    def ready(self) -> None:  # noqa: B027 - most services need nothing
        """Make what can only be made in the running service. Runs at each `up`, so it must be idempotent."""

    @property
    def directory(self) -> Path:
        """The service's own folder."""
        return self.home.data(self.name)

    def full_environment(self) -> dict[str, str]:
        """Return the whole environment of the process, with the mark that lets `down` find its orphans."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        base = {key: value for key, value in os.environ.items() if key in _KEPT}
        return {**base, "PATH": path, "PYTHONUNBUFFERED": "1", MARKER: str(self.home.root), **self.environment()}

    def running(self) -> bool:
        """Tell whether the process lives and was started with today's command and environment."""
        entry = PidFile.read(self.home.pid_file(self.name))
        return bool(entry and entry.process() and entry.fingerprint == self._fingerprint())

    def ensure(self) -> bool:
        """Leave a healthy process alone; start or replace any other. Return whether it was started."""
        if self.running() and self._answers_within(10.0):
            self.ready()
            return False
        self.start()
        return True

    def start(self) -> None:
        """Start the process afresh and wait until it answers. Raises ServiceError."""
        self.stop()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.prepare()
        log = self.home.log(self.name)
        _rotate(log)
        process = spawn(self.command(), self.full_environment(), log=log, cwd=REPOSITORY, identity=self.identity())
        record(process, self.home.pid_file(self.name), self._fingerprint())
        self._await(process)
        self.ready()

    def stop(self) -> None:
        """End the process and everything it started."""
        path = self.home.pid_file(self.name)
        if entry := PidFile.read(path):
            end(entry.process(), entry.session(), sig=self.stop_signal, grace=self.stop_timeout)
        path.unlink(missing_ok=True)

    def answers(self) -> str | None:
        """Return None if the service answers, else what is wrong."""
        try:
            self.check()
        except NotReady as problem:
            return str(problem)
        return None

    def _answers_within(self, seconds: float) -> bool:
        """Be patient: a busy machine is no reason to restart a service."""
        deadline = time.monotonic() + seconds
        while self.answers() is not None:
            if time.monotonic() > deadline or not self.running():
                return False
            time.sleep(0.5)
        return True

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.start_timeout
        pause, problem = 0.05, ""
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise self._failure(f"ended with exit code {process.returncode}")
            if (problem := self.answers() or "") == "":
                return
            time.sleep(pause)
            pause = min(pause * 1.3, 0.5)
        raise self._failure(f"not ready after {self.start_timeout:.0f} s ({problem})")

    def _failure(self, what: str) -> ServiceError:
        log = self.home.log(self.name)
        return ServiceError(f"{self.name} {what}. The end of {log}:\n{tail(log)}")

    def _fingerprint(self) -> str:
        return fingerprint(self.command(), self.environment())


_KEPT = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "JAVA_HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE")


def _rotate(log: Path, limit: int = 20_000_000) -> None:
    """Keep at most one older log, so that logs never fill the disk."""
    if log.exists() and log.stat().st_size > limit:
        log.replace(log.with_suffix(".log.1"))
