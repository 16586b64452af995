"""Engines on demand: started once, remembered, told to DAGs, and clear about why one cannot be had."""

import hashlib
import json
import os
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from embedded import maven, on_demand
from embedded.engine import Engine, EngineError, Progress, kinds
from embedded.home import Home
from embedded.maven import MavenJars
from embedded.ports import unused
from embedded.process import PidFile
from embedded.service import NotReady, Service
from embedded.tool_venv import LOCKS, ToolVenv


@dataclass(frozen=True)
class Files(Service):
    port: int

    name = "files"
    start_timeout = 20.0

    def command(self) -> list[str]:
        return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(self.port)]

    def check(self) -> None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2).close()
        except OSError as error:
            raise NotReady(str(error)) from None


class FilesEngine(Engine):
    name = "files"
    what = "a server of files"
    ports: ClassVar[Mapping[str, int]] = {"http": unused()}

    def fetched(self) -> bool:
        return (self.cache / "files").exists()

    def fetch(self, progress: Progress) -> None:
        if os.environ.get("OFFLINE"):
            raise EngineError("files: the network is away; plug it in")
        self.cache.mkdir(parents=True)
        (self.cache / "files").touch()
        progress("files", 1, 1)

    def service(self, ports: Mapping[str, int]) -> Files:
        return Files(self.home, ports["http"])

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        return {"url": f"http://127.0.0.1:{ports['http']}", "venv": str(self.cache)}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(on_demand, "kinds", lambda: {"files": FilesEngine})
    monkeypatch.delenv("ANSWERS_CACHE", raising=False)
    home = Home(tmp_path / "platform")
    home.create()
    yield home
    for service in on_demand.services(home):
        service.stop()


def pid(home: Home) -> int:
    entry = PidFile.read(home.pid_file("files"))
    assert entry
    return entry.pid


def test_an_engine_is_fetched_started_told_and_remembered(home: Home) -> None:
    fetched: list[tuple[str, float, float]] = []
    assert on_demand.ensure(home, ["files"], progress=lambda *step: fetched.append(step)) == {"files": None}
    assert fetched == [("files", 1, 1)]
    told = home.root / "airflow" / "engines"
    url = json.loads((told / "files.json").read_text())["url"]
    assert urllib.request.urlopen(url, timeout=5).status == 200
    assert (told / "files" / "files").exists()
    assert list(on_demand.wanted(home)) == ["files"]


def test_an_engine_that_is_up_is_left_alone_and_a_killed_one_is_started_again(home: Home) -> None:
    on_demand.ensure(home, ["files"])
    first, ports = pid(home), on_demand.wanted(home)
    on_demand.ensure(home, ["files"])
    assert pid(home) == first
    process = psutil.Process(first)
    process.kill()
    process.wait(10)  # a signal takes its time on a busy machine
    assert on_demand.ensure(home, ["files"]) == {"files": None}
    assert pid(home) != first
    assert on_demand.wanted(home) == ports


def test_what_cannot_be_had_is_said_and_told_to_nobody(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFLINE", "1")
    outcome = on_demand.ensure(home, ["files", "flying-carpet"])
    assert outcome["files"] == "files: the network is away; plug it in"
    assert "there are files" in str(outcome["flying-carpet"])
    assert not (home.root / "airflow" / "engines" / "files.json").exists()
    assert on_demand.wanted(home) == {}


def test_what_was_told_is_withdrawn(home: Home) -> None:
    on_demand.ensure(home, ["files"])
    on_demand.withdraw(home)
    assert list((home.root / "airflow" / "engines").iterdir()) == []


def test_every_engine_says_what_it_is_and_none_shares_a_port(tmp_path: Path) -> None:
    ports = [port for kind in kinds().values() for port in kind.ports.values()]
    assert len(set(ports)) == len(ports)
    assert {"dbt", "kafka", "search", "snowflake"} <= kinds().keys()
    assert all(kind.what and not kind(Home(tmp_path)).settings(kind.ports).get("password") for kind in kinds().values())


@pytest.mark.parametrize("lock", sorted(LOCKS.glob("*.lock")), ids=lambda path: path.stem)
def test_a_tool_is_locked_with_hashes_and_without_addresses(lock: Path, tmp_path: Path) -> None:
    text = lock.read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert ToolVenv(lock.stem, tmp_path).folder.name.startswith(f"{lock.stem}-")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository of our own, over HTTP, with one jar in it."""
    root = tmp_path / "repository"
    jar = root / "org" / "example" / "tool" / "1.0" / "tool-1.0.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"a jar")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setattr(maven, "LOCKS", tmp_path)
        yield tmp_path
        server.shutdown()


def test_a_jar_comes_by_its_coordinates_and_is_checked(repository: Path) -> None:
    digest = hashlib.sha256(b"a jar").hexdigest()
    (repository / "tool.lock").write_text(f"# a tool\norg.example:tool:1.0 {digest}\n")
    jars, steps = MavenJars("tool", repository / "cache"), []
    jars.fetch(lambda what, done, total: steps.append((done, total)))
    assert (jars.folder / "tool-1.0.jar").read_bytes() == b"a jar"
    assert steps[-1] == (1, 1)
    assert jars.fetched()


def test_a_jar_with_another_hash_is_thrown_away(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "tool.lock").write_text(f"org.example:tool:1.0 {'0' * 64}\n")
    jars = MavenJars("tool", repository / "cache")
    with pytest.raises(EngineError, match="not the file that the lock pins"):
        jars.fetch(lambda *_: None)
    assert not (jars.folder / "tool-1.0.jar").exists()
    assert not jars.fetched()


def test_the_lock_of_kafka_pins_every_jar() -> None:
    jars = MavenJars("kafka", Path("unused")).jars()
    lines = [line for line in (maven.LOCKS / "kafka.lock").read_text().splitlines() if not line.startswith("#")]
    assert len(jars) == len(lines) == len({jar.file for jar in jars})
