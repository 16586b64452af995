"""What the platform needs of a machine, whether it is there, and how to get it."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import psutil

from embedded import java
from embedded.addresses import Ports
from embedded.engine import kinds
from embedded.home import Home
from embedded.platform import Platform, status
from embedded.ports import is_free
from embedded.postgres import binaries
from embedded.prometheus import binary
from embedded.s3 import weed
from embedded.service import ServiceError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: Literal["ok", "missing", "optional"]
    detail: str
    remedy: str = ""


def examine(home: Home) -> list[Finding]:
    """Look at everything and change nothing."""
    return [*_python(), *_programs(), *_machine(home), *_ports(home), *_engines(home)]


def _python() -> Iterator[Finding]:
    release = f"{sys.version_info.major}.{sys.version_info.minor}"
    good = (3, 11) <= sys.version_info[:2] < (3, 13)
    yield Finding("Python", "ok" if good else "missing", release, "" if good else "use Python 3.11 or 3.12")
    for package in ("apache-airflow-core", "pyspark", "great-expectations"):
        try:
            yield Finding(package, "ok", version(package))
        except PackageNotFoundError:
            yield Finding(package, "missing", "not installed", "run `make up`, which installs requirements.lock")


def _programs() -> Iterator[Finding]:
    for subject, find in (("PostgreSQL", binaries), ("SeaweedFS", weed)):
        try:
            yield Finding(subject, "ok", str(find()))
        except ServiceError as error:
            yield Finding(subject, "missing", "not found", str(error))
    found = java.find()
    if found:
        yield Finding("Java", "ok", f"{found.version} at {found.home}" + (" (from PyPI)" if found.bundled else ""))
    else:
        yield Finding("Java", "missing", "17 or newer not found", "install it, for instance openjdk-17-jre-headless")
    for name in ("prometheus", "promtool"):
        path = binary(name)
        remedy = "" if path else "apt install prometheus, or put it on PATH; the platform runs without it"
        yield Finding(name, "ok" if path else "optional", str(path or "not found"), remedy)
    psql = shutil.which("psql")
    remedy = "" if psql else "apt install postgresql-client, if you want a prompt on the warehouse"
    yield Finding("psql", "ok" if psql else "optional", psql or "not found", remedy)


def _machine(home: Home) -> Iterator[Finding]:
    memory = psutil.virtual_memory().total / 1e9
    remedy = "the platform needs 2.5 GB, the demo 5 GB: close other programs"
    yield Finding("memory", "ok" if memory > 5 else "optional", f"{memory:.1f} GB", "" if memory > 5 else remedy)
    folder = home.root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    remedy = f"free some space under {folder}, or set ANSWERS_HOME to another disk"
    yield Finding(
        "disk", "ok" if free > 3 else "missing", f"{free:.1f} GB free at {folder}", "" if free > 3 else remedy
    )
    writable = os.access(folder, os.W_OK)
    yield Finding(
        "state folder", "ok" if writable else "missing", str(home.root), "" if writable else "set ANSWERS_HOME"
    )
    if sys.platform != "linux":
        yield Finding("system", "optional", sys.platform, "only Linux is tested; on Windows use WSL 2")


def _ports(home: Home) -> Iterator[Finding]:
    if (home.root / "secrets.json").exists():
        states = status(Platform.load(home))
        if failing := [one for one in states if one.state == "failing"]:
            yield Finding(
                "services", "missing", ", ".join(one.name for one in failing), "run `answers up` to heal them"
            )
        elif any(one.state == "running" for one in states):
            running = sum(one.state == "running" for one in states)
            yield Finding("services", "ok", f"{running} of {len(states)} running")
            return
    busy = [
        f"{name} {port}" for name, port in asdict(Ports.load(home.root / "ports.json")).items() if not is_free(port)
    ]
    if busy:
        yield Finding("ports", "optional", f"taken: {', '.join(busy)}", "other free ports are chosen by themselves")
    else:
        yield Finding("ports", "ok", "all preferred ports are free")


def _engines(home: Home) -> Iterator[Finding]:
    for name, kind in kinds().items():
        fetched = kind(home).fetched()
        remedy = "" if fetched else f"only some answers need it: `answers up --with {name}` fetches it"
        yield Finding(f"engine {name}", "ok" if fetched else "optional", kind.what, remedy)
