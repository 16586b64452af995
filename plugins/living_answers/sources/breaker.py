"""A circuit breaker that all tasks on all workers share: its state is a row in the ledger.

pybreaker has the state machine (Michael Nygard, Release It!); a task's process lives for seconds, so the counts must
outlive it. Times are those of the database's clock alone.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, CircuitBreaker, CircuitBreakerStorage
from sqlalchemy import Engine, Update, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from living_answers.ledger.tables import circuit_breakers as table
from living_answers.sources.errors import CircuitOpen, OutOfOrder, PermanentError, RateLimited, UnreadablePage

# The source answered, so it is up: these do not count as its failures.
ANSWERED = (PermanentError, RateLimited, OutOfOrder, UnreadablePage)

T = TypeVar("T")


class LedgerStorage(CircuitBreakerStorage):
    """State and counters in `ledger.circuit_breakers`; each change is one statement, so that none is lost."""

    def __init__(self, name: str, ledger: Engine) -> None:
        """Make the row if there is none."""
        super().__init__(name)
        # Each change is one statement: a transaction around it would only add two round trips.
        self._ledger = ledger.execution_options(isolation_level="AUTOCOMMIT")
        with self._ledger.connect() as connection:
            connection.execute(insert(table).values(name=name).on_conflict_do_nothing())

    @property
    def state(self) -> str:
        """closed, open or half-open."""
        return str(self._read(table.c.state))

    @state.setter
    def state(self, state: str) -> None:
        self._write(self._update().values(state=state).where(table.c.state != state))

    def increment_counter(self) -> None:
        """One more failure in a row."""
        self._write(self._update().values(fail_count=table.c.fail_count + 1))

    def reset_counter(self) -> None:
        """No failure; writes nothing when there was none."""
        self._write(self._update().values(fail_count=0).where(table.c.fail_count != 0))

    def increment_success_counter(self) -> None:
        """One more success while half-open."""
        self._write(self._update().values(success_count=table.c.success_count + 1))

    def reset_success_counter(self) -> None:
        """No success; writes nothing when there was none."""
        self._write(self._update().values(success_count=0).where(table.c.success_count != 0))

    @property
    def counter(self) -> int:
        """Failures in a row."""
        return int(self._read(table.c.fail_count))

    @property
    def success_counter(self) -> int:
        """Successes while half-open."""
        return int(self._read(table.c.success_count))

    @property
    def opened_at(self) -> datetime | None:
        """When the circuit opened, or when its last trial began."""
        moment: datetime | None = self._read(table.c.opened_at)
        return moment

    @opened_at.setter
    def opened_at(self, datetime: datetime) -> None:
        self._write(self._update().values(opened_at=func.clock_timestamp()))

    def claim_trial(self, after_seconds: float) -> bool:
        """Become the one that tries the source again, if the circuit has been open for so long.

        The claim starts the wait anew: should its holder die, somebody else may try after as long again.
        """
        waited = func.clock_timestamp() - table.c.opened_at >= _interval(after_seconds)
        claim = self._update().values(state=STATE_HALF_OPEN, opened_at=func.clock_timestamp())
        return self._write(claim.where(table.c.state != STATE_CLOSED, waited)) == 1

    def seconds_left(self, after_seconds: float) -> float:
        """How long until somebody may try the source again."""
        left = table.c.opened_at + _interval(after_seconds) - func.clock_timestamp()
        seconds = self._read(func.extract("epoch", left))
        return max(0.0, float(seconds or 0))

    def _update(self) -> Update:
        return update(table).where(table.c.name == self.name)

    def _read(self, column: Any) -> Any:
        with self._ledger.connect() as connection:
            return connection.execute(select(column).where(table.c.name == self.name)).scalar_one()

    def _write(self, statement: Update) -> int:
        with self._ledger.connect() as connection:
            return connection.execute(statement).rowcount


class SharedCircuitBreaker(CircuitBreaker):
    """Opens after `fail_max` failures in a row, whoever had them; then lets one caller at a time try again."""

    def __init__(self, storage: LedgerStorage, fail_max: int, reset_timeout: float) -> None:
        """`reset_timeout` is in seconds."""
        super().__init__(
            fail_max=fail_max,
            reset_timeout=reset_timeout,
            exclude=[lambda error: isinstance(error, ANSWERED)],
            state_storage=storage,
            name=storage.name,
            throw_new_error_on_trip=False,
        )
        self._storage = storage

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call `func`, or raise CircuitOpen with the seconds left."""
        if self.current_state != STATE_CLOSED and not self._storage.claim_trial(self.reset_timeout):
            left = self._storage.seconds_left(self.reset_timeout)
            told = f"{self.name} failed {self.fail_max} times in a row; nobody asks it for another {left:.1f} s."
            raise CircuitOpen(f"{told} The next try comes by itself.", left)
        return super().call(func, *args, **kwargs)


def circuit_breaker(name: str, ledger: Engine, fail_max: int = 5, reset_timeout: float = 30.0) -> SharedCircuitBreaker:
    """The circuit breaker of that name; `reset_timeout` is how many seconds it stays open."""
    return SharedCircuitBreaker(LedgerStorage(name, ledger), fail_max, reset_timeout)


def _interval(seconds: float) -> Any:
    return func.make_interval(0, 0, 0, 0, 0, 0, bindparam(None, seconds))
