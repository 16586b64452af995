"""The migration makes everything through the gateway, as on the platform, and is harmless to repeat."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from living_answers.migrate import SQL_FOLDER, MigrationError, migrate


@pytest.fixture
def gateway(postgres: Any, fresh_ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The Redshift gateway before the test's PostgreSQL; gives the database's own URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "redshift_gateway", "--postgres", f"postgresql://127.0.0.1:{postgres.port}"]
    process = subprocess.Popen([*command, "--s3-endpoint", "http://127.0.0.1:1", "--port", str(port)])
    database = fresh_ledger.url.database
    connection = {"host": "localhost", "port": port, "schema": database, "login": postgres.user}
    secret = {"password": postgres.password, "extra": {"ssl": False}}
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps({"conn_type": "redshift", **connection, **secret}))
    try:
        _wait_for(port)
        yield os.environ["AIRFLOW_CONN_LEDGER"]
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the gateway did not start")


def _tables(url: str) -> set[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        query = (
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return set(connection.execute(query).fetchall())


def test_the_projects_own_tables_are_made_once_by_two_at_once(gateway: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        files = list(pool.map(lambda _: migrate(), range(2)))
    assert files == [len(list(SQL_FOLDER.glob("*.sql")))] * 2
    first = _tables(gateway)
    assert ("ledger", "steps") in first
    assert ("warehouse", "fact_flight") in first
    migrate()
    assert _tables(gateway) == first


def test_a_broken_file_is_named_and_leaves_nothing(gateway: str, tmp_path: Path) -> None:
    (tmp_path / "010_good.sql").write_text("CREATE SCHEMA IF NOT EXISTS kept;")
    (tmp_path / "020_bad.sql").write_text("CREATE TABLE kept.half (id INTEGER); SELEC 1;")
    with pytest.raises(MigrationError, match=r"020_bad\.sql, statement 2"):
        migrate(tmp_path)
    assert ("kept", "half") not in _tables(gateway)


def test_the_command_says_what_is_missing() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")}
    command = [sys.executable, "-m", "living_answers.migrate"]
    run = subprocess.run(command, check=False, env=env, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert run.stderr.startswith("migration failed: LedgerNotConfiguredError: no connection to the ledger")


def test_a_missing_warehouse_connection_is_named(fresh_ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", raising=False)
    with pytest.raises(MigrationError, match="AIRFLOW_CONN_REDSHIFT_DEFAULT"):
        migrate()
