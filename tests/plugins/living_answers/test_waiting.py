"""What is waited for comes, or an error says that it did not."""

from __future__ import annotations

import pytest

from living_answers.waiting import NotInTime, wait_for


def test_waiting_ends() -> None:
    answers = iter([0, 0, 7])
    assert wait_for(lambda: next(answers), 5) == 7
    with pytest.raises(NotInTime):
        wait_for(lambda: None, 0.01)
