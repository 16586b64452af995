"""A proof leaves evidence whether or not it holds, and fails readably."""

import pickle
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from living_answers import ledger
from living_answers.comparisons import compare
from living_answers.proof import ProofFailed, prove, prove_raises


def _evidence(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT * FROM ledger.evidence ORDER BY id")))


def test_a_proof_that_holds_is_recorded(fresh_ledger: Engine) -> None:
    with ledger.step("load", "2013-01-01"):
        prove("the sum is exact", observed=Decimal("1.10"), expected=Decimal("1.1"), unit="EUR")
    (row,) = _evidence(fresh_ledger)
    assert (row.proof, row.how, row.observed, row.expected, row.unit) == (
        "the sum is exact",
        "equal",
        "1.10",
        "1.1",
        "EUR",
    )
    assert (row.holds, row.partition, row.dag_id, row.difference) == (True, "2013-01-01", "local", None)


def test_a_proof_that_fails_is_recorded_first_and_shows_both_sides(fresh_ledger: Engine) -> None:
    with pytest.raises(ProofFailed) as failure:
        prove("nothing doubled", observed=[(1,), (1,)], expected=[(1,)], how="rows", unit="rows")
    assert "proof failed: nothing doubled" in str(failure.value)
    assert "surplus: 1" in str(failure.value)
    (row,) = _evidence(fresh_ledger)
    assert (row.holds, row.observed["rows"], row.difference) == (False, 2, "surplus: 1\n  1 x (1,)\n")


def test_empty_against_empty_leaves_no_evidence(fresh_ledger: Engine) -> None:
    with pytest.raises(ValueError, match="both sides are empty"):
        prove("the tables agree", observed=[], expected=[], how="rows")
    assert _evidence(fresh_ledger) == []
    prove("no row was rejected", observed=[], expected=[], allow_empty=True)
    assert _evidence(fresh_ledger)[0].holds


def test_a_proof_without_evidence_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", "postgresql://a:b@127.0.0.1:1/none")
    with pytest.raises(SQLAlchemyError):
        prove("it holds", observed=1, expected=1)
    with pytest.raises(ProofFailed, match="it does not"):
        prove("it does not", observed=2, expected=1)


def test_evidence_holds_no_secret(fresh_ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X", '{"password": "canary-5678", "extra": {"token": "tok-99"}}')
    with pytest.raises(ProofFailed) as failure:
        prove("safe", observed={"url": "canary-5678", "t": "tok-99"}, expected={"url": "x"})
    (row,) = _evidence(fresh_ledger)
    assert "canary-5678" not in f"{failure.value}{row}"
    assert "tok-99" not in f"{failure.value}{row}"


def test_a_failure_survives_pickling() -> None:
    failure = ProofFailed("p", compare(1, 2), "equal", None)
    copy = pickle.loads(pickle.dumps(failure))  # noqa: S301  our own bytes
    assert (str(copy), copy.name, copy.comparison) == (str(failure), "p", failure.comparison)


def test_a_nan_and_a_nul_can_be_stored(fresh_ledger: Engine) -> None:
    with pytest.raises(ProofFailed):
        prove("figures", observed=[float("nan"), "a\x00"], expected=[1.0, "a"])
    assert _evidence(fresh_ledger)[0].observed == ["nan", "a␀"]


@pytest.mark.parametrize(
    ("raised", "observed", "holds"),
    [(KeyError("k"), "LookupError", True), (OSError("o"), "OSError", False), (None, "no exception", False)],
)
def test_what_a_block_raises_is_evidence(
    raised: Exception | None, observed: str, holds: bool, fresh_ledger: Engine
) -> None:
    try:
        with prove_raises("a missing key is refused", LookupError):
            if raised:
                raise raised
    except ProofFailed:
        assert not holds
    (row,) = _evidence(fresh_ledger)
    assert (row.observed, row.expected, row.holds) == (observed, "LookupError", holds)
