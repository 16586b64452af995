"""The ledger is created once, whoever comes first, and each process has connections of its own."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from living_answers import ledger
from living_answers.ledger.tables import metadata


def test_create_is_harmless_to_repeat_and_by_two_at_once(fresh_ledger: Engine) -> None:
    with fresh_ledger.begin() as connection:
        connection.execute(text("DROP SCHEMA ledger CASCADE"))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: ledger.create(fresh_ledger), range(4)))
    assert set(inspect(fresh_ledger).get_table_names("ledger")) == {t.name for t in metadata.sorted_tables}


def test_create_adds_a_column_that_came_later(fresh_ledger: Engine) -> None:
    with fresh_ledger.begin() as connection:
        connection.execute(text("ALTER TABLE ledger.evidence DROP COLUMN tolerance, DROP COLUMN map_index"))
        connection.execute(text("ALTER TABLE ledger.batches DROP COLUMN sequence"))  # and with it its index
    ledger.create(fresh_ledger)
    columns = {column["name"] for column in inspect(fresh_ledger).get_columns("evidence", "ledger")}
    assert {"tolerance", "map_index"} <= columns
    assert "batches_by_sequence" in {i["name"] for i in inspect(fresh_ledger).get_indexes("batches", "ledger")}


def test_a_fork_gets_connections_of_its_own(fresh_ledger: Engine) -> None:
    with fresh_ledger.connect() as connection:
        ours = connection.scalar(text("SELECT pg_backend_pid()"))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with ledger.engine().connect() as connection:
            os.write(write, str(connection.scalar(text("SELECT pg_backend_pid()"))).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(read, 20)) != ours
    with fresh_ledger.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) == ours


def test_a_pooled_connection_that_died_is_replaced(fresh_ledger: Engine) -> None:
    kill = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()")
    with pytest.raises(Exception, match="terminat"), fresh_ledger.connect() as connection:
        connection.execute(kill)
    with ledger.step("after the restart"):
        pass


def test_without_a_connection_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_LEDGER", raising=False)
    with pytest.raises(ledger.LedgerNotConfiguredError, match="AIRFLOW_CONN_LEDGER"):
        ledger.engine()


def test_the_connection_may_be_json(fresh_ledger: Engine, postgres: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    database = fresh_ledger.url.database
    monkeypatch.setenv(
        "AIRFLOW_CONN_LEDGER",
        f'{{"conn_type": "postgres", "host": "{postgres.host}", "port": {postgres.port}, "login": "{postgres.user}",'
        f' "password": "{postgres.password}", "schema": "{database}"}}',
    )
    with ledger.engine().connect() as connection:
        assert connection.scalar(text("SELECT current_database()")) == database


def test_an_error_shows_neither_password_nor_bind_values(fresh_ledger: Engine) -> None:
    with pytest.raises(Exception) as error, fresh_ledger.connect() as connection:  # noqa: PT011
        connection.execute(text("SELECT CAST(:v AS integer) / 0"), {"v": 424_242})
    assert "424242" not in str(error.value)
