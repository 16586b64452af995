"""Starting, recognising and ending service processes.

Each service leads a session of its own. Its pid file holds the pid, the process's creation time and the boot, so that a
number reused by a stranger is never taken for the service; by it every member of the session, orphans too, is found.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

MARKER = "LIVING_ANSWERS_PLATFORM"
"""Environment variable that each process of a platform inherits; its value is the state folder."""


@dataclass(frozen=True)
class Identity:
    """The user and group that a service is dropped to."""

    uid: int
    gid: int


@dataclass(frozen=True)
class PidFile:
    """The record of one started process."""

    pid: int
    created: float
    boot: str
    fingerprint: str

    @classmethod
    def read(cls, path: Path) -> "PidFile | None":
        """Return the record, or None if there is none, it is broken, or it is from before the last boot."""
        try:
            record = cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return record if record.boot == _boot() else None

    def write(self, path: Path) -> None:
        """Store the record in one step, so that no reader sees half of it."""
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(self.__dict__))
        partial.replace(path)

    def process(self) -> psutil.Process | None:
        """Return the living process, or None if it ended or the pid is another's by now."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) < 2 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def session(self) -> list[psutil.Process]:
        """Return the processes of the service's session: the leader and all that it left."""
        with contextlib.suppress(psutil.Error):
            if abs(psutil.Process(self.pid).create_time() - self.created) >= 2:
                return []
        return [process for process in psutil.process_iter() if _session_id(process) == self.pid]


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))


def _session_id(process: psutil.Process) -> int:
    try:
        return os.getsid(process.pid)
    except OSError:
        return -1


def fingerprint(command: list[str], environment: dict[str, str]) -> str:
    """Return a digest of what a service is started with; another digest means that it must be restarted."""
    return hashlib.sha256(json.dumps([command, environment], sort_keys=True).encode()).hexdigest()


def spawn(
    command: list[str], environment: dict[str, str], *, log: Path, cwd: Path, identity: Identity | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a new session with its output appended to `log`. Raises OSError if it cannot start."""
    drop: dict[str, object] = {}
    if identity:
        drop = {"user": identity.uid, "group": identity.gid, "extra_groups": []}
    with log.open("ab") as output:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            start_new_session=True,
            **drop,
        )


def record(process: subprocess.Popen[bytes], path: Path, digest: str) -> PidFile:
    """Write the pid file of a process just spawned. Raises psutil.NoSuchProcess if it has ended already."""
    entry = PidFile(process.pid, psutil.Process(process.pid).create_time(), _boot(), digest)
    entry.write(path)
    return entry


def marked(root: Path) -> list[psutil.Process]:
    """Return the processes that carry the platform's mark in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARKER) == str(root):
                found.append(process)
    return found


def end(leader: psutil.Process | None, others: Iterable[psutil.Process], *, sig: signal.Signals, grace: float) -> None:
    """Ask the leader to stop, give it `grace` seconds, then kill what is left of it and of the others."""
    family = {process.pid: process for process in others if process.pid != os.getpid()}
    if leader:
        with contextlib.suppress(psutil.Error):
            family |= {child.pid: child for child in leader.children(recursive=True)}
            family[leader.pid] = leader
            leader.send_signal(sig)
            psutil.wait_procs([leader], timeout=grace)
    _, alive = psutil.wait_procs(family.values(), timeout=1 if leader else 0)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a log, reading at most 64 KiB."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 65536))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
