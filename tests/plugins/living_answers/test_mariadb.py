"""Answers reach MariaDB by its option file, in a database of their own that is dropped at the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from embedded.engines.mariadb import MariaDB
from embedded.home import Home
from embedded.ports import unused
from living_answers import mariadb
from living_answers.answers import scratch
from living_answers.engines import EngineMissing


def test_without_the_engine_the_message_says_how_to_start_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVING_ANSWERS_ENGINES", str(tmp_path))
    with pytest.raises(EngineMissing, match="answers up --with mariadb"):
        mariadb.connect()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    there = MariaDB(Home.default())
    if not there.fetched():
        pytest.skip("MariaDB was not fetched: answers up --with mariadb")
    monkeypatch.setenv("ANSWERS_CACHE", str(there.cache))
    monkeypatch.setenv("LIVING_ANSWERS_ENGINES", str(tmp_path))
    monkeypatch.setattr(scratch, "name", lambda: "answer_of_a_test_0123456789")
    home = Home(Home.default().root / f"test-mariadb-{unused()}")
    home.create()
    engine, ports = MariaDB(home), {"mysql": unused()}
    running = engine.service(ports)
    running.ensure()
    (tmp_path / "mariadb.json").write_text(json.dumps(engine.settings(ports)))
    yield
    running.stop()
    shutil.rmtree(home.root)


@pytest.mark.usefixtures("server")
def test_a_database_lasts_as_long_as_its_block_and_waits_are_bounded() -> None:
    with pytest.raises(RuntimeError, match="a task that fails"), mariadb.scratch_database() as name:  # noqa: PT012
        with mariadb.connect(name) as connection:
            mariadb.run(connection, "create table t (id int) engine=innodb")
            mariadb.run(connection, "insert into t values (%s)", [7])
            assert mariadb.run(connection, "select id from t").fetchall() == ((7,),)
            assert mariadb.run(connection, "select @@innodb_lock_wait_timeout").fetchone() == (mariadb.LOCK_SECONDS,)
        raise RuntimeError("a task that fails")
    with pytest.raises(pymysql.Error, match="Unknown database"):
        mariadb.connect(name)
