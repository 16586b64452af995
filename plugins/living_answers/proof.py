"""A proof compares what was observed with what was expected, leaves evidence, and can fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from living_answers import run_context
from living_answers.comparisons import Comparison, How, compare
from living_answers.json_safe import clean_text
from living_answers.ledger import current_partition, engine
from living_answers.ledger.tables import evidence

__all__ = ["ProofFailed", "prove", "prove_raises"]


class ProofFailed(AssertionError):
    """What was observed is not what was expected; the message shows both."""

    def __init__(self, name: str, comparison: Comparison, how: str, unit: str | None) -> None:
        self.name = name
        self.comparison = comparison
        super().__init__(_explain(name, comparison, how, unit))

    def __reduce__(self) -> str | tuple[Any, ...]:
        # Exceptions cross process borders pickled by their arguments, and ours differ from the message.
        return (_restore, (self.name, self.comparison, str(self)))


def prove(  # noqa: PLR0913  a sentence of named words: who reads the call needs no order
    name: str,
    *,
    observed: Any,
    expected: Any,
    how: How = "equal",
    unit: str | None = None,
    tolerance: float | None = None,
    allow_empty: bool = False,
    partition: str | None = None,
) -> None:
    """Record the evidence in the ledger, in a transaction of its own, then pass or raise ProofFailed.

    ``tolerance`` belongs to ``how="close"``: a share of the expected value. ``times_at_least`` and ``times_at_most``
    take two figures of the same run as ``observed`` and a bound of their ratio as ``expected``.

    Raises EmptyComparisonError for empty against empty unless ``allow_empty``, and SQLAlchemyError when the ledger is
    out of reach: a proof that leaves no evidence does not pass.
    """
    comparison = compare(observed, expected, how, tolerance=tolerance, allow_empty=allow_empty)
    failure = None if comparison.holds else ProofFailed(name, comparison, how, unit)
    try:
        _record(name, comparison, how=how, unit=unit, tolerance=tolerance, partition=partition)
    except SQLAlchemyError as unreachable:
        if failure:
            raise failure from unreachable
        raise
    if failure:
        raise failure


@contextmanager
def prove_raises(name: str, error: type[Exception]) -> Iterator[None]:
    """Prove that the block raises ``error`` or a subclass: ``with prove_raises("a 400 is refused", BadRequest):``.

    Another exception, or none, fails the proof; its name is what was observed.
    """
    try:
        yield
    except error:
        prove(name, observed=error.__name__, expected=error.__name__)
    except Exception as raised:  # noqa: BLE001 - whatever it is, it is not what was expected, and is recorded
        prove(name, observed=type(raised).__name__, expected=error.__name__)
    else:
        prove(name, observed="no exception", expected=error.__name__)


def _record(name: str, comparison: Comparison, *, partition: str | None, **how: Any) -> None:
    row = {
        **asdict(run_context.current()),
        **asdict(comparison),
        **how,
        "proof": name,
        "partition": partition or current_partition(),
        "difference": clean_text(comparison.difference) if comparison.difference else None,
    }
    with engine().begin() as connection:
        connection.execute(insert(evidence).values(row))


def _explain(name: str, comparison: Comparison, how: str, unit: str | None) -> str:
    suffix = f" {unit}" if unit else ""
    lines = [
        f"proof failed: {name}",
        f"  expected ({how}): {comparison.expected}{suffix}",
        f"  observed: {comparison.observed}{suffix}",
    ]
    if comparison.difference:
        lines += [f"  {line}" for line in clean_text(comparison.difference).splitlines()]
    return "\n".join(lines)


def _restore(name: str, comparison: Comparison, message: str) -> ProofFailed:
    failure = ProofFailed.__new__(ProofFailed)
    failure.name, failure.comparison, failure.args = name, comparison, (message,)
    return failure
