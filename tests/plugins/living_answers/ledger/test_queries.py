"""The questions that the command line and the page ask of the ledger."""

import pytest
from sqlalchemy import Engine

from living_answers import ledger
from living_answers.ledger import queries
from living_answers.proof import prove


@pytest.fixture
def two_runs(fresh_ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    for run, day in (("r1", "2013-01-01"), ("r2", "2013-01-02")):
        monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", run)
        with ledger.step("load", day, key="v") as record:
            record.read = record.wrote = 5
            prove("nothing lost", observed=[5], expected=[5], unit="rows")
    return fresh_ledger


def test_steps_and_evidence_of_a_run_or_a_partition_newest_first(two_runs: Engine) -> None:
    with two_runs.connect() as connection:
        assert [s.run_id for s in queries.steps(connection)] == ["r2", "r1"]
        (step,) = queries.steps(connection, run_ids=["r1"])
        assert (step.partition, step.rows_written, step.details) == ("2013-01-01", 5, {"key": "v"})
        (evidence,) = queries.evidence(connection, partition="2013-01-02")
        assert (evidence.run_id, evidence.expected, evidence.unit, evidence.holds) == ("r2", [5], "rows", True)
        assert queries.steps(connection, run_ids=[]) == []
        assert len(queries.evidence(connection, most=1)) == 1


def test_totals_add_up_over_runs(two_runs: Engine) -> None:
    with two_runs.connect() as connection:
        (total,) = queries.step_totals(connection)
        assert (total.step, total.read, total.executions, total.failures) == ("load", 10, 2, 0)
        (count,) = queries.proof_counts(connection)
        assert (count.break_it, count.holds, count.times) == ("", True, 2)
        assert [s.holds for s in queries.proof_states(connection)] == [True]
        assert queries.dead_letter_counts(connection) == queries.batch_totals(connection) == []
