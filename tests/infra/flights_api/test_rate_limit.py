from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from flights_api.security import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_the_rate_holds_after_it():
    clock = Clock()
    limit = RateLimit(rate=10, burst=5, clock=clock)
    assert [limit.take() for _ in range(5)] == [0] * 5
    assert limit.take() == 0.1
    clock.now = 0.1
    assert limit.take() == 0
    assert limit.take() > 0


def test_an_idle_client_saves_up_no_more_than_the_burst():
    clock = Clock()
    limit = RateLimit(rate=10, burst=5, clock=clock)
    clock.now = 3600.0
    assert [limit.take() for _ in range(6)][-1] > 0


def test_retry_after_comes_in_seconds_and_as_a_date_by_turns():
    limit = RateLimit(rate=1, burst=1)
    first, second, third = (limit.retry_after(2.3)["Retry-After"] for _ in range(3))
    assert first == third == "3"
    assert 3 <= (parsedate_to_datetime(second) - datetime.now(UTC)).total_seconds() + 1 <= 5.5
