"""When Airflow tries a task again after a source failed, and how long it waits.

The policy is evaluated in the task's process, where the exception is. The scheduler sees only that there is a policy
(`has_retry_policy` in the serialised DAG), and later the decision. It cannot go beyond the task's `retries`.
"""

from datetime import timedelta
from random import Random, SystemRandom
from typing import Any, Self

from airflow.sdk import RetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision

from living_answers.sources.errors import PermanentError, TransientError

# The metadata database keeps so much of a reason.
LONGEST_REASON = 500


class SourceRetryPolicy(RetryPolicy):
    """Transient errors wait and try again, permanent ones fail at once, all others are tried `other_tries` times.

    A task that asks a source has many retries, which only the source's bad moments should use up: a defect of ours
    fails as quickly as anywhere else.

    The wait is exponential with full jitter: between nothing and `base_seconds` times two to the power of the tries so
    far, up to `cap_seconds` (Marc Brooker, "Exponential Backoff And Jitter", AWS, 2015). What a source asks for in
    Retry-After is honoured, up to `longest_wait_seconds`, with jitter on top, so that not all come back at the same
    moment. `seed` makes the jitter repeatable, for tests.
    """

    def __init__(
        self,
        base_seconds: float = 1.0,
        cap_seconds: float = 60.0,
        longest_wait_seconds: float = 900.0,
        seed: int | None = None,
        other_tries: int = 4,
    ) -> None:
        """Raises ValueError unless 0 < base <= cap."""
        if not 0 < base_seconds <= cap_seconds:
            raise ValueError(f"base_seconds={base_seconds} must be above 0 and at most cap_seconds={cap_seconds}")
        self.base_seconds = base_seconds
        self.cap_seconds = cap_seconds
        self.longest_wait_seconds = longest_wait_seconds
        self.seed = seed
        self.other_tries = other_tries

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Decide about a failed try; `try_number` counts from 1."""
        reason = f"{type(exception).__name__}: {exception}"[:LONGEST_REASON]
        if isinstance(exception, PermanentError):
            return RetryDecision.fail(reason)
        if isinstance(exception, TransientError):
            delay = self.delay_seconds(try_number, exception.retry_after)
            return RetryDecision.retry(timedelta(seconds=delay), reason)
        return RetryDecision.default() if try_number < self.other_tries else RetryDecision.fail(reason)

    def delay_seconds(self, try_number: int, retry_after: float | None = None) -> float:
        """How long to wait after the try of this number, in seconds."""
        # SystemRandom has no state that a fork of the scheduler could share with its sisters.
        random = SystemRandom() if self.seed is None else Random(f"{self.seed}|{try_number}")
        if retry_after is not None:
            return min(retry_after, self.longest_wait_seconds) + random.uniform(0, self.base_seconds)
        # Beyond 2^32 the cap has long been reached, and a float would overflow in the end.
        ceiling = min(self.cap_seconds, self.base_seconds * 2.0 ** min(max(try_number, 1) - 1, 32))
        return random.uniform(0, ceiling)

    def serialize(self) -> dict[str, Any]:
        """The settings as JSON."""
        return {
            "__type": type(self).__name__,
            "base_seconds": self.base_seconds,
            "cap_seconds": self.cap_seconds,
            "longest_wait_seconds": self.longest_wait_seconds,
            "seed": self.seed,
            "other_tries": self.other_tries,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """The policy that `serialize` described."""
        return cls(**{name: value for name, value in data.items() if name != "__type"})
