"""What DAGs are told of engines on demand, and dbt's process."""

import json
from pathlib import Path

import pytest

from living_answers import dbt, engines


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIVING_ANSWERS_ENGINES", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", "postgresql://somebody:secret@localhost:1/warehouse")
    return tmp_path


def test_settings_are_read_and_a_missing_engine_names_its_remedy(told: Path) -> None:
    (told / "kafka.json").write_text(json.dumps({"bootstrap.servers": "127.0.0.1:9"}))
    assert engines.settings("kafka") == {"bootstrap.servers": "127.0.0.1:9"}
    with pytest.raises(engines.EngineMissing, match="answers up --with search"):
        engines.settings("search")


def test_the_interpreter_is_named_without_a_look(told: Path) -> None:
    assert engines.python("snowflake") == str(told / "snowflake" / "bin" / "python")


def test_without_its_own_variable_the_folder_is_airflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVING_ANSWERS_ENGINES", raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    assert engines.folder() == Path("/srv/airflow/engines")


def test_a_dbt_that_ends_shows_what_it_said(told: Path) -> None:
    program = told / "venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nread line\necho "no such adapter" >&2\nexit 1\n')
    program.chmod(0o755)
    (told / "dbt.json").write_text(json.dumps({"venv": str(told / "venv")}))
    with dbt.session("scratch") as session, pytest.raises(dbt.DbtFailed, match="no such adapter"):
        session.run("build")
