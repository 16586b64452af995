"""Whatever an answer compares becomes JSON that PostgreSQL takes."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from living_answers.json_safe import clean_text, json_safe


class Colour(Enum):
    RED = "red"


@dataclass
class Load:
    rows: int
    day: date


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1.10"), "1.10"),
        (datetime(2013, 1, 1, 5, tzinfo=UTC), "2013-01-01T05:00:00+00:00"),
        (timedelta(minutes=1), 60.0),
        (Colour.RED, "red"),
        (Load(3, date(2013, 1, 1)), {"rows": 3, "day": "2013-01-01"}),
        (np.float64("nan"), "nan"),
        (np.array([[1, 2]]), [[1, 2]]),
        ({1: {"b", "a"}}, {"1": ["a", "b"]}),
        (b"\xff\x00", "\\xff␀"),
        ("\ud800", "\\ud800"),
        (True, True),
        (object, "<class 'object'>"),
    ],
)
def test_values(value: Any, expected: Any) -> None:
    assert json_safe(value) == expected


@given(st.recursive(st.none() | st.floats() | st.text() | st.binary() | st.dates(), lambda x: st.lists(x, max_size=3)))
def test_it_is_always_strict_json_without_nul(value: Any) -> None:
    text = json.dumps(json_safe(value), allow_nan=False)
    assert "\\u0000" not in text.replace("\\\\", "")  # a backslash of the text itself is doubled


def test_plain_text_stays_as_it_is() -> None:
    assert clean_text("Zürich → JFK") == "Zürich → JFK"
