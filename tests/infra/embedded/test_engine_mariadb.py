"""MariaDB is taken from the machine or unpacked; it starts as a user that it accepts, and keeps its password."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from embedded.engine import EngineError, kinds, silent
from embedded.engines.mariadb import MariaDB, Server, read_options
from embedded.home import Home
from embedded.ports import unused

Engine = kinds()["mariadb"]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all of PATH; nothing was installed or unpacked before."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("ANSWERS_CACHE", raising=False)
    monkeypatch.setattr(MariaDB, "_installed", lambda _: None)
    return folder


@pytest.mark.usefixtures("bare")
def test_without_apt_the_message_names_what_is_missing(tmp_path: Path) -> None:
    engine = Engine(Home(tmp_path / "home"))
    assert not engine.fetched()
    with pytest.raises(EngineError, match="install mariadb-server-core"):
        engine.fetch(silent)


def test_an_installed_server_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mariadbd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = MariaDB(Home(tmp_path / "home"))
    assert engine.fetched()
    assert engine.service(engine.ports).program == program
    assert "password" not in engine.settings(engine.ports)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server in a home of its own, of the program that this machine has already."""
    there = MariaDB(Home.default())
    if not there.fetched():
        pytest.skip("MariaDB was not fetched: answers up --with mariadb")
    monkeypatch.setenv("ANSWERS_CACHE", str(there.cache))
    root = Home.default().root / f"test-mariadb-{unused()}"  # nobody reaches it, as it does not reach pytest's folders
    home = Home(root)
    home.create()
    server = MariaDB(home).service({"mysql": unused()})
    yield server
    server.stop()
    shutil.rmtree(root)


def test_it_starts_lets_its_user_in_and_keeps_what_it_was_told(server: Server) -> None:
    server.ensure()
    options = read_options(server.option_file)
    assert stat.S_IMODE(server.option_file.stat().st_mode) == 0o600
    assert options["password"] not in " ".join([*server.command(), *server.environment().values()])
    with pymysql.connect(read_default_file=str(server.option_file)) as connection:
        cursor = connection.cursor()
        cursor.execute("create database answer_kept")
        with pytest.raises(pymysql.Error, match="denied"):
            cursor.execute("create database other")
    with pytest.raises(pymysql.Error, match="denied"):
        pymysql.connect(host="127.0.0.1", port=server.port, user="root")
    server.start()
    assert read_options(server.option_file) == options
    with pymysql.connect(read_default_file=str(server.option_file), database="answer_kept"):
        assert server.answers() is None
