"""Starting, healing and stopping one service: a small HTTP server that forks a child."""

import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from embedded.home import Home
from embedded.ports import choose, unused
from embedded.process import MARKER, PidFile, marked
from embedded.service import NotReady, Service, ServiceError

SERVER = """
import http.server, os, subprocess, sys
subprocess.Popen(["sleep", "600"])
if os.environ.get("FAIL"):
    print("the reason why"); sys.exit(3)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@dataclass(frozen=True)
class Small(Service):
    port: int
    fail: str = ""

    name = "small"
    start_timeout = 20.0
    stop_timeout = 3.0

    def command(self) -> list[str]:
        return [sys.executable, "-c", SERVER, str(self.port)]

    def environment(self) -> dict[str, str]:
        return {"FAIL": self.fail}

    def check(self) -> None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2).close()
        except OSError as error:
            raise NotReady(str(error)) from None


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    home = Home(tmp_path / "home")
    home.create()
    service = Small(home, unused())
    yield service
    service.stop()
    assert marked(home.root) == []


def leader(service: Service) -> psutil.Process:
    entry = PidFile.read(service.home.pid_file(service.name))
    assert entry
    process = entry.process()
    assert process
    return process


def test_starting_twice_keeps_the_process(small: Small) -> None:
    assert small.ensure() is True
    first = leader(small).pid
    assert small.ensure() is False
    assert leader(small).pid == first


def test_a_killed_service_heals_and_its_orphans_go(small: Small) -> None:
    small.ensure()
    dead = leader(small)
    orphans = dead.children()
    assert orphans
    os.kill(dead.pid, signal.SIGKILL)
    dead.wait(timeout=5)
    assert not small.running()
    assert small.ensure() is True
    assert leader(small).pid != dead.pid
    assert not any(orphan.is_running() for orphan in orphans)


def test_a_hung_service_is_replaced(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.ensure()
    hung = leader(small)
    hung.suspend()
    monkeypatch.setattr(Small, "_answers_within", lambda self, seconds: self.answers() is None)
    assert small.ensure() is True
    assert not hung.is_running()


def test_another_command_means_a_restart(small: Small) -> None:
    small.ensure()
    moved = replace(small, port=unused())
    assert not moved.running()
    assert moved.ensure() is True
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{small.port}/", timeout=2)


def test_stopping_leaves_no_process(small: Small) -> None:
    small.ensure()
    family = [leader(small), *leader(small).children(recursive=True)]
    assert len(family) == 2
    assert marked(small.home.root)
    small.stop()
    assert not any(process.is_running() for process in family)
    assert not small.home.pid_file("small").exists()
    small.stop()


def test_a_failure_names_the_service_and_shows_its_log(small: Small) -> None:
    with pytest.raises(ServiceError, match=r"(?s)small ended with exit code 3.*the reason why"):
        replace(small, fail="yes").ensure()


def test_a_stale_pid_file_harms_no_stranger(small: Small) -> None:
    stranger = psutil.Process()
    path = small.home.pid_file("small")
    PidFile(stranger.pid, stranger.create_time() - 100, _boot(small), "digest").write(path)
    assert not small.running()
    small.stop()
    assert stranger.is_running()
    path.write_text("{broken")
    assert PidFile.read(path) is None
    PidFile(stranger.pid, stranger.create_time(), "another boot", "digest").write(path)
    assert PidFile.read(path) is None


def _boot(small: Small) -> str:
    small.ensure()
    entry = PidFile.read(small.home.pid_file("small"))
    assert entry
    small.stop()
    return entry.boot


def test_only_what_a_service_needs_reaches_its_environment(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    environment = small.full_environment()
    assert "SOME_TOKEN" not in environment
    assert environment[MARKER] == str(small.home.root)


def test_a_busy_port_is_passed_over(small: Small) -> None:
    small.ensure()
    taken: set[int] = set()
    other = choose(small.port, taken)
    assert other != small.port
    assert choose(other, taken) not in (small.port, other)
