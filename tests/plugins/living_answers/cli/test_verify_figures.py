"""`answers verify` shows the figures of a proof that should have held, and of no other."""

from __future__ import annotations

import datetime as dt

import pytest

from living_answers.answers.judge import judge
from living_answers.cli.common import console
from living_answers.cli.verify import _print_figures
from living_answers.ledger.queries import Evidence

WHEN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def evidence(proof: str, *, holds: bool) -> Evidence:
    observed = 3 if holds else 4
    return Evidence("a", "run", "task", None, proof, "at_most", 3, observed, "sessions", holds, None, None, WHEN)


@pytest.mark.parametrize(
    ("way", "must_fail", "shown"),
    [(None, (), True), ("no_limit", ("the limit holds",), False), ("other", ("another",), True)],
)
def test_figures_are_shown_of_what_should_have_held(
    way: str | None, must_fail: tuple[str, ...], *, shown: bool
) -> None:
    found = [evidence("the limit holds", holds=False), evidence("it runs", holds=True)]
    judged = judge("a", way, must_fail, state="failed", failed_tasks=["task"], evidence=found)
    with console.capture() as printed:
        _print_figures(judged)
    assert ("at most 3 sessions" in printed.get() and "4 sessions" in printed.get()) is shown
    assert "it runs" not in printed.get()
