"""The day that a run works on."""

from __future__ import annotations

import pytest

from living_answers.flights import parse_day


@pytest.mark.parametrize(
    ("given", "day"), [("2013-01-01", "2013-01-01"), ("20130101", "2013-01-01"), ("2013-12-31", "2013-12-31")]
)
def test_a_calendar_day_is_taken(given: str, day: str) -> None:
    assert parse_day(given) == day


@pytest.mark.parametrize(
    "given", ["2013-02-29", "01.02.2013", "2013-01", "tomorrow", "2013-01-01T00:00:00", "2013-13-01"]
)
def test_anything_else_is_named_with_the_remedy(given: object) -> None:
    with pytest.raises(ValueError, match="is not a calendar day: give a partition key such as 2013-01-01") as raised:
        parse_day(given)
    assert repr(given) in str(raised.value)


@pytest.mark.parametrize("given", [None, ""])
def test_a_run_without_a_day_says_how_to_give_one(given: object) -> None:
    with pytest.raises(ValueError, match="no day to work on: give a partition key"):
        parse_day(given)
