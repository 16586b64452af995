"""Named places at which a test, or a person, can have this process killed.

A failpoint does nothing unless the environment variable ``LIVING_ANSWERS_FAILPOINTS`` names a folder (it does so on the
embedded platform only) and that folder holds a file for the failpoint and the partition at hand. The file is removed
before it strikes, so that the retry passes. The idea is FreeBSD's fail(9) and the Rust crate ``fail``.
"""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

FOLDER_VARIABLE: Final = "LIVING_ANSWERS_FAILPOINTS"

REGISTRY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ingest.page_stored": "a page, or its dead letter, is stored; the cursor is not advanced yet",
        "ingest.reference_stored": "a reference snapshot lies in S3, its ETag is not kept",
        "ingest.weather_stored": "the day's weather lies in S3, its dead letter, if any, is open",
        "ingest.before_manifest": "all pages of the day lie in S3, the manifest does not",
        "ingest.after_manifest": "the manifest lies in S3, the asset event is not sent",
        "refine.before_upload": "Spark has written the day's file to local disk, the lake has the old one",
        "refine.between_uploads": "the refined file lies in S3, the quarantine is the old one",
        "refine.after_upload": "both files lie in S3, the report does not",
        "refine.after_burial": "the dead letters are buried, those that were mended are still open",
        "validate.before_gate": "the checkpoint ran, its result is not recorded",
        "load.after_stage": "the staging tables hold the day's rows",
        "load.after_claim": "a batch is claimed, its rows are not merged",
        "load.after_merge": "the rows are merged, the transaction is open",
        "load.before_commit": "everything is written, nothing is committed",
        "load.after_commit": "the transaction is committed, Airflow does not know",
        "marts.before_commit": "the marts are rebuilt, nothing is committed",
        "marts.after_commit": "the marts are committed, Airflow does not know",
        "replay.after_pull": "the replayed day is sealed, the asset event is not sent",
    }
)


class UnknownFailpointError(ValueError):
    """The failpoint is not in the registry, so no test would strike it."""


class FailpointError(RuntimeError):
    """Raised where a failpoint armed with ``raise`` strikes."""


def failpoint(name: str, partition: str) -> None:
    """Die here if the failpoint is armed for the partition.

    Raises UnknownFailpointError for a name that is not registered, and FailpointError when armed with ``raise``.
    """
    _check(name)
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return
    action = _disarm(Path(folder, _file_name(name, partition)))
    if action is not None:
        _strike(name, partition, action)


def arm(folder: Path, name: str, partition: str, action: str = "kill") -> Path:
    """Arm a failpoint once; the action is ``kill``, ``raise`` or ``sleep SECONDS``. Returns the file that arms it."""
    _check(name)
    _parse(action)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _file_name(name, partition)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(action)
    return scratch.rename(path)  # At once, so that no process reads half an action.


def armed(folder: Path) -> list[str]:
    """Return the failpoints that wait in the folder, as ``name@partition`` (percent-encoded)."""
    return sorted(p.name for p in folder.glob("*@*") if not p.name.startswith("."))


def _check(name: str) -> None:
    if name not in REGISTRY:
        raise UnknownFailpointError(f"unknown failpoint {name!r}; add it to living_answers.failpoints.REGISTRY")


def _file_name(name: str, partition: str) -> str:
    return f"{name}@{quote(partition, safe='')}"


def _disarm(path: Path) -> str | None:
    try:
        action = path.read_text().strip()
        path.unlink()  # Of two processes at once the one that unlinks is the one that dies.
    except FileNotFoundError:
        return None
    return action


def _parse(action: str) -> tuple[str, float]:
    word, _, seconds = action.partition(" ")
    if word in ("kill", "raise") and not seconds:
        return word, 0.0
    if word == "sleep":
        return word, float(seconds)
    raise ValueError(f"unknown failpoint action {action!r}; use kill, raise or 'sleep SECONDS'")


def _strike(name: str, partition: str, action: str) -> None:
    word, seconds = _parse(action or "kill")
    if word == "raise":
        raise FailpointError(f"failpoint {name} struck in partition {partition}")
    if word == "sleep":
        time.sleep(seconds)
        return
    os.kill(os.getpid(), signal.SIGKILL)
