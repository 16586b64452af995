"""The whole platform: up, up again, killed and healed, down."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from embedded.home import Home
from embedded.platform import Platform, down, status, up
from embedded.process import PidFile, marked

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

VICTIMS = ("postgres", "s3", "spark", "airflow-scheduler", "gateway")


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="la-platform-"))
    yield Home(folder)
    down(Home(folder), silent)
    shutil.rmtree(folder, ignore_errors=True)


def silent(name: str, state: str, seconds: float) -> None:
    pass


def pids(platform: Platform) -> dict[str, int | None]:
    return {one.name: one.pid for one in status(platform)}


def test_up_twice_then_killed_and_healed_then_down(home: Home) -> None:
    platform = up(home, silent)
    first = pids(platform)
    assert {one.name: one.state for one in status(platform)} == dict.fromkeys(first, "running")
    assert only_loopback(home)

    assert pids(up(home, silent)) == first, "a second `up` leaves everything alone"

    family = [psutil.Process(pid) for pid in first.values() if pid]
    for name in VICTIMS:
        os.kill(first[name] or 0, signal.SIGKILL)
    healed = pids(up(home, silent))
    replaced = {name for name in first if healed[name] != first[name]}
    assert set(VICTIMS) <= replaced
    assert not {name for name in replaced - set(VICTIMS) if not name.startswith("airflow-")}, (
        "Airflow may end with its database"
    )
    assert Platform.load(home).ports == platform.ports, "a killed service gets its own port again"

    family += [psutil.Process(pid) for pid in healed.values() if pid]
    family += [child for process in family if process.is_running() for child in process.children(recursive=True)]
    down(home, silent)
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    assert marked(home.root) == []
    assert set(pids(platform).values()) == {None}


def listening(process: psutil.Process) -> list[Any]:
    """The process's listening sockets; none if it has ended meanwhile, as a parser of DAG files does every moment."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [one for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
    return []


def only_loopback(home: Home) -> bool:
    """Every listening socket of the platform's processes is on 127.0.0.1 (in its IPv6 spelling too)."""
    entries = [PidFile.read(path) for path in (home.root / "run").glob("*.pid")]
    leaders = [entry.process() for entry in entries if entry]
    members = [member for leader in leaders if leader for member in (leader, *leader.children(recursive=True))]
    sockets = [one for member in members for one in listening(member)]
    outside = {one.laddr for one in sockets if one.laddr.ip not in ("127.0.0.1", "::ffff:127.0.0.1", "::1")}
    assert not outside
    return bool(sockets)
