"""A step leaves one row, whatever becomes of it."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from living_answers import ledger


def _steps(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text("SELECT * FROM ledger.steps ORDER BY id")).mappings()]


def test_a_step_writes_what_it_counted(fresh_ledger: Engine) -> None:
    with ledger.step("refine", "2013-01-01", source="raw/") as record:
        record.read, record.wrote, record.rejected, record.duplicates = 10, 7, 2, 1
        record.details["drift"] = ["tail_number"]
    (row,) = _steps(fresh_ledger)
    assert (row["rows_read"], row["rows_written"], row["rows_rejected"], row["rows_duplicate"]) == (10, 7, 2, 1)
    assert (row["step"], row["partition"], row["state"], row["error"]) == ("refine", "2013-01-01", "ok", None)
    assert row["details"] == {"source": "raw/", "drift": ["tail_number"]}
    assert (row["finished_at"] - row["started_at"]).total_seconds() == pytest.approx(row["seconds"], abs=1e-3)


def test_a_failed_step_is_recorded_without_its_secrets(fresh_ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_API", "http://:canary-1234@127.0.0.1:28000")
    with pytest.raises(RuntimeError), ledger.step("ingest", "2013-01-01") as record:  # noqa: PT012
        record.read = 3
        raise RuntimeError("the API refused canary-1234 of postgres://me:hunter22@db/x")
    (row,) = _steps(fresh_ledger)
    assert row["state"] == "failed"
    assert row["rows_read"] == 3
    assert row["error"] == "RuntimeError: the API refused *** of postgres://me:***@db/x"


def test_the_steps_own_error_is_seen_when_the_ledger_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", "postgresql://a:b@127.0.0.1:1/none")
    with pytest.raises(RuntimeError, match="mine") as caught, ledger.step("ingest"):
        raise RuntimeError("mine")
    assert "the ledger could not record it" in caught.value.__notes__[0]


def test_a_step_names_the_run_from_the_environment(fresh_ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "flights_load")
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "manual__1")
    monkeypatch.setenv("AIRFLOW_CTX_TRY_NUMBER", "2")
    with ledger.step("load"):
        pass
    (row,) = _steps(fresh_ledger)
    assert (row["dag_id"], row["run_id"], row["task_id"], row["try_number"]) == (
        "flights_load",
        "manual__1",
        "local",
        2,
    )


def test_the_partition_of_the_step_is_the_one_inside_it(fresh_ledger: Engine) -> None:
    with ledger.step("outer", "2013-01-02"):
        assert ledger.current_partition() == "2013-01-02"
    assert ledger.current_partition() is None
