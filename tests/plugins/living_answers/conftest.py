"""A fresh ledger for each test, in the session's PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from living_answers import ledger


@pytest.fixture
def fresh_ledger(postgres: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database with the ledger's tables, to which the Airflow connection ``ledger`` points."""
    with postgres.database() as url:
        monkeypatch.setenv("AIRFLOW_CONN_LEDGER", url)
        engine = ledger.engine()
        ledger.create(engine)
        yield engine
        engine.dispose()
