"""The circuit breaker on a real PostgreSQL, shared by engines, threads and processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, create_engine, text

from living_answers import ledger
from living_answers.sources.breaker import LedgerStorage, SharedCircuitBreaker, circuit_breaker
from living_answers.sources.errors import (
    CircuitOpen,
    ConnectionLost,
    OutOfOrder,
    RateLimited,
    ServerFault,
    Unauthorised,
)
from living_answers.sources.flights import FlightsSource

OPEN_SECONDS = 1.0


@pytest.fixture
def database(postgres) -> Iterator[Engine]:
    with postgres.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=10)
        ledger.create(engine)
        yield engine
        engine.dispose()


@pytest.fixture
def breaker(database: Engine) -> SharedCircuitBreaker:
    return circuit_breaker("source", database, fail_max=3, reset_timeout=OPEN_SECONDS)


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def fail_times(breaker: SharedCircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ServerFault):
            breaker.call(failing(ServerFault("500")))


def test_it_opens_after_failures_in_a_row_and_says_how_long(breaker):
    fail_times(breaker, 3)
    calls = []
    with pytest.raises(CircuitOpen, match="failed 3 times in a row") as caught:
        breaker.call(calls.append, 1)
    assert calls == []
    assert 0 < caught.value.retry_after <= OPEN_SECONDS


def test_a_success_between_failures_keeps_it_closed(breaker):
    for _ in range(3):
        fail_times(breaker, 2)
        assert breaker.call(lambda: "fine") == "fine"
    assert breaker.current_state == "closed"


@pytest.mark.parametrize("error", [Unauthorised("401"), RateLimited("429"), OutOfOrder("page 1")])
def test_an_answer_is_no_failure_of_the_source(breaker, error):
    for _ in range(6):
        with pytest.raises(type(error)):
            breaker.call(failing(error))
    assert breaker.current_state == "closed"


def test_another_task_finds_it_open_and_the_first_success_closes_it_for_all(breaker, database):
    fail_times(breaker, 3)
    other = circuit_breaker("source", database, fail_max=3, reset_timeout=OPEN_SECONDS)
    with pytest.raises(CircuitOpen):
        other.call(lambda: "no")
    time.sleep(OPEN_SECONDS + 0.1)
    assert other.call(lambda: "yes") == "yes"
    assert breaker.call(lambda: "yes") == "yes"
    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)


def test_a_trial_that_fails_opens_it_again(breaker):
    fail_times(breaker, 3)
    time.sleep(OPEN_SECONDS + 0.1)
    fail_times(breaker, 1)
    with pytest.raises(CircuitOpen) as caught:
        breaker.call(lambda: "no")
    assert caught.value.retry_after > OPEN_SECONDS / 2


def test_of_many_callers_one_makes_the_trial(breaker, database):
    fail_times(breaker, 3)
    time.sleep(OPEN_SECONDS + 0.1)
    tried = []

    def caller(_: int) -> bool:
        def slow_trial() -> None:
            tried.append(1)
            time.sleep(0.5)

        try:
            circuit_breaker("source", database, 3, OPEN_SECONDS).call(slow_trial)
        except CircuitOpen:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        passed = list(pool.map(caller, range(8)))
    assert (sum(passed), len(tried)) == (1, 1)


def test_a_trial_whose_process_was_killed_is_taken_over(breaker, database):
    fail_times(breaker, 3)
    time.sleep(OPEN_SECONDS + 0.1)
    assert LedgerStorage("source", database).claim_trial(OPEN_SECONDS)  # and then nothing more is heard of it
    with pytest.raises(CircuitOpen):
        breaker.call(lambda: "too early")
    time.sleep(OPEN_SECONDS + 0.1)
    assert breaker.call(lambda: "taken over") == "taken over"


def test_no_count_is_lost_between_tasks(database):
    def count(_: int) -> None:
        storage = LedgerStorage("counted", database)
        for _ in range(10):
            storage.increment_counter()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    assert LedgerStorage("counted", database).counter == 80


def test_it_outlives_the_process(database):
    program = (
        "import os, sqlalchemy\n"
        "from living_answers.sources.breaker import circuit_breaker\n"
        "from living_answers.sources.errors import ServerFault\n"
        "breaker = circuit_breaker('source', sqlalchemy.create_engine(os.environ['URL']), 3, 30)\n"
        "def fail(): raise ServerFault('500')\n"
        "try: breaker.call(fail)\n"
        "except ServerFault: pass\n"
    )
    url = database.url.render_as_string(hide_password=False)
    for _ in range(3):
        subprocess.run([sys.executable, "-c", program], env=os.environ | {"URL": url}, check=True, timeout=60)
    with pytest.raises(CircuitOpen):
        circuit_breaker("source", database, 3, 30).call(lambda: "no")


def test_a_closed_circuit_writes_no_tuple(breaker, database):
    breaker.call(lambda: None)
    with database.connect() as connection:
        versions = text("select xmin from ledger.circuit_breakers where name = 'source'")
        before = connection.execute(versions).scalar_one()
        breaker.call(lambda: None)
        assert connection.execute(versions).scalar_one() == before


def test_the_client_meets_an_open_circuit_and_no_longer_asks_the_source(api, breaker):
    api.faults({"kind": "http_500", "times": None})
    with FlightsSource(api.url, api.token, breaker=breaker) as source:
        for _ in range(3):
            with pytest.raises(ServerFault):
                source.page("2013-01-01")
        with pytest.raises(CircuitOpen):
            source.page("2013-01-01")
        assert api.struck() == [3]
        api.admin.delete("/admin/faults")
        time.sleep(OPEN_SECONDS + 0.1)
        assert len(list(source.pages("2013-01-01"))) == 5


def test_a_lost_connection_counts(breaker):
    for _ in range(3):
        with pytest.raises(ConnectionLost):
            breaker.call(failing(ConnectionLost("reset")))
    assert breaker.current_state == "open"
