"""# How do you retry a failed call without making things worse?

**Say it.** Retry only what may pass by itself. Wait longer each time, at random between nothing and a capped exponential, and
give up at a deadline. Obey Retry-After. Send an idempotency key, because a lost reply looks like a lost request. And retry in
one layer only: layers multiply.

**How it works.** The errors come first: 408, 425, 429, 5xx and a lost connection may pass, any other 4xx will not. Then the wait:
`random(0, min(cap, base * 2^n))`, called *full jitter*. The exponential gives the server air; the randomness takes the clients
apart, who all failed in the same instant and would all return in the same instant. A deadline counts the wait to come, so that
nobody sleeps only to find that time is up. When the server says how long to wait, its figure wins (with jitter on top).

The technique is `retrying` below, on tenacity. Its clock is simulated, so the run waits for nothing; the calls are real.
Airflow has two layers of its own. The old way is `retries=3, retry_delay=...`: every exception is tried again after the same
wait, a wrong password four times over. Since 3.3 a `retry_policy` sees the exception: `ExceptionRetryPolicy` maps types to
rules, and our `SourceRetryPolicy` adds jitter and Retry-After; `retries` stays the upper bound.

**This run proves**
- *k failures take k + 1 calls*: the server, which counts, answers at the fifth;
- *the deadline ends it*: against a server that never recovers, the waits stay below the deadline, and within one cap of it;
- *the waits follow the formula*: each against the formula, computed again from the same seed;
- *Retry-After is obeyed*: as seconds and as an HTTP date; *a 400 is sent once*;
- *a lost reply has the POST sent twice*, yet *a retried POST acts once*: the server knows the key;
- *jitter spreads the peak* and *jitter spares calls*: 1000 clients that failed at once (simulated time, as this is arithmetic);
- *three layers of three tries make 27 calls*, against *one layer makes three*: counted by a real server;
- *Airflow's policy sets the wait*: a task here fails and Airflow really starts it again, long before its `retry_delay` of ten
  minutes; *Airflow's policy sends a 400 once*: the policy's decisions over a task's tries, each a real request.

**Break it.** `no_jitter`: the plain exponential, and the thousand return as one. `retry_everything`: a 400 is sent again and
again. `no_key`: the POST is repeated without a key, and the customer is charged twice.

**Where this stops.** Retries help against short, independent faults. Under overload each retry is more load: a retry budget or
a circuit breaker must cap them (see `circuit_breaker`). Jitter spreads clients only as far as the cap allows. The server
must keep the keys, and say for how long.

**Sources.** Marc Brooker, [Exponential Backoff And Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)
and [Timeouts, retries, and backoff with jitter](https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
RFC 9110: [Retry-After](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3),
[idempotent methods](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2).
Layers: [Addressing Cascading Failures](https://sre.google/sre-book/addressing-cascading-failures/), Site Reliability Engineering.
[tenacity](https://tenacity.readthedocs.io/),
[Airflow's example of retry policies](https://airflow.apache.org/docs/apache-airflow/3.3.2/_modules/airflow/example_dags/example_retry_policy.html).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from airflow.sdk import RetryAction, task

from living_answers.answers import answer, prove
from living_answers.local_server import Reply, serve
from living_answers.sources.retry import SourceRetryPolicy

BASE, CAP, DEADLINE = 1.0, 8.0, 40.0
NOW = datetime(2013, 1, 1, 12, tzinfo=UTC)
CLIENTS, TICK, SERVED_PER_TICK = 1000, 0.1, 50
RETRY_DELAY = timedelta(minutes=10)


def retrying(break_it: str | None, slept: list[float]) -> Any:
    """The technique: which errors, how long, until when. It sleeps on a simulated clock, which adds to ``slept``."""
    from tenacity import Retrying, retry_if_exception_type, wait_exponential, wait_random_exponential

    from living_answers.sources.errors import TransientError

    backoff = (wait_exponential if break_it == "no_jitter" else wait_random_exponential)(multiplier=BASE, max=CAP)

    def wait(state: Any) -> float:
        asked = getattr(state.outcome.exception(), "retry_after", None)
        return backoff(state) if asked is None else asked + random.uniform(0, BASE)

    return Retrying(
        retry=retry_if_exception_type(Exception if break_it == "retry_everything" else TransientError),
        wait=wait,
        stop=lambda state: state.idle_for + state.upcoming_sleep > DEADLINE,
        sleep=slept.append,
        reraise=True,
    )


def against(script: Any, call: Any) -> int:
    """Let ``call`` do what it does with a client of a real server; return how many requests reached the server."""
    import httpx

    from living_answers.sources.errors import SourceError

    with serve(script) as server, httpx.Client(base_url=server.url) as client:
        with suppress(SourceError):
            call(client)
        return len(server.requests)


def herd(delay: Any) -> tuple[int, int]:
    """Simulate clients who all fail at time 0; return the busiest tick after it and the number of calls."""
    waiting, load = sorted((delay(1), client, 1) for client in range(CLIENTS)), Counter[int]()
    while waiting:
        moment, client, tries = heappop(waiting)
        load[tick := int(moment / TICK)] += 1
        if load[tick] > SERVED_PER_TICK:
            heappush(waiting, (moment + delay(tries + 1), client, tries + 1))
    return max(load.values()), load.total()


@answer(
    questions=["retry-backoff"],
    claims={
        "c-004-retry-backoff": {
            "verdict": "imprecise",
            "proof": "jitter spreads the peak",
            "truth": "Back-off alone keeps clients that failed together together: it needs jitter, a cap, a deadline, "
            "one layer only, and an operation that is idempotent or has a key.",
        }
    },
    breaks={
        "no_jitter": {
            "what": "the wait is the plain exponential, the same for everybody",
            "fails": ["the waits follow the formula", "jitter spreads the peak"],
        },
        "retry_everything": {
            "what": "any error is tried again, as Airflow's retries alone do",
            "fails": ["a 400 is sent once", "Airflow's policy sends a 400 once"],
        },
        "no_key": {"what": "the POST carries no idempotency key", "fails": ["a retried POST acts once"]},
    },
)
def retry_backoff():
    @task
    def back_off(params: dict[str, Any] | None = None) -> None:
        from living_answers.sources.calls import send

        failures, slept = [Reply(503)] * 4, []
        retry = retrying(params["break_it"], slept)
        calls = against(lambda _: failures.pop() if failures else Reply(200), lambda client: retry(send, client))
        prove("k failures take k + 1 calls", observed=calls, expected=4 + 1, unit="calls")
        slept.clear()
        random.seed(2013)
        against(lambda _: Reply(503), lambda client: retry(send, client))
        prove("the deadline ends it", observed=sum(slept), expected=[DEADLINE - CAP, DEADLINE], how="between", unit="s")
        dice = random.Random(2013)
        formula = [dice.uniform(0, min(CAP, BASE * 2**n)) for n in range(len(slept))]
        prove("the waits follow the formula", observed=slept, expected=formula, unit="s")

    @task
    def obey_the_server(params: dict[str, Any] | None = None) -> None:
        from email.utils import format_datetime

        from living_answers.sources.calls import send

        asks = ["7", format_datetime(NOW + timedelta(seconds=30), usegmt=True)]
        replies = [Reply(200), *(Reply(429, headers={"Retry-After": ask}) for ask in reversed(asks))]
        retry = retrying(params["break_it"], slept := [])
        against(lambda _: replies.pop(), lambda client: retry(send, client, now=NOW))
        prove("Retry-After is obeyed", observed=[int(wait // BASE) for wait in slept], expected=[7, 30], unit="s")
        calls = against(lambda _: Reply(400), lambda client: retry(send, client))
        prove("a 400 is sent once", observed=calls, expected=1, unit="calls")

    @task
    def act_once(params: dict[str, Any] | None = None) -> None:
        from living_answers.sources.calls import send

        charges: list[str | None] = []

        def charge(request: Any) -> Reply | None:
            key = request.headers.get("idempotency-key")
            if key and key in charges:
                return Reply(200)  # done already: the same reply again
            charges.append(key)
            return None if len(charges) == 1 else Reply(200)  # the first reply is lost on its way

        headers = {} if params["break_it"] == "no_key" else {"Idempotency-Key": "order 4711, charge 1"}
        retry = retrying(params["break_it"], [])
        calls = against(charge, lambda client: retry(send, client, "POST", headers=headers))
        prove("a lost reply has the POST sent twice", observed=calls, expected=2, unit="calls")
        prove("a retried POST acts once", observed=len(charges), expected=1, unit="charges")

    @task
    def spread_the_herd(params: dict[str, Any] | None = None) -> None:
        def ceiling(tries: int) -> float:
            return min(CAP, BASE * 2 ** (tries - 1))

        dice = random.Random(2013)
        plain = herd(ceiling)
        jittered = plain if params["break_it"] == "no_jitter" else herd(lambda tries: dice.uniform(0, ceiling(tries)))
        prove("jitter spreads the peak", observed=jittered[0] / plain[0], expected=0.25, how="at_most")
        prove("jitter spares calls", observed=jittered[1] / plain[1], expected=0.5, how="at_most")

    @task
    def retry_in_one_layer(params: dict[str, Any] | None = None) -> None:
        from tenacity import Retrying, stop_after_attempt

        from living_answers.sources.calls import send

        three_tries = Retrying(stop=stop_after_attempt(3), reraise=True).wraps
        once, thrice = three_tries(send), three_tries(three_tries(three_tries(send)))
        prove("one layer makes three", observed=against(lambda _: Reply(503), once), expected=3, unit="calls")
        calls = against(lambda _: Reply(503), thrice)
        prove("three layers of three tries make 27 calls", observed=calls, expected=3**3, unit="calls")

    @task(retries=3, retry_delay=RETRY_DELAY, retry_policy=SourceRetryPolicy(0.1, 0.2, other_tries=1))
    def let_airflow_retry(ti: Any = None, task_state_store: Any = None, params: dict[str, Any] | None = None) -> None:
        from living_answers.sources.calls import send
        from living_answers.sources.errors import ServerFault, SourceError

        if ti.try_number == 1:
            task_state_store.set("failed_at", time.time())
            raise ServerFault("503, and Airflow tries again")
        share = (time.time() - task_state_store.get("failed_at")) / RETRY_DELAY.total_seconds()
        prove("Airflow's policy sets the wait", observed=share, expected=0.5, how="at_most", unit="of retry_delay")
        policy = None if params["break_it"] == "retry_everything" else SourceRetryPolicy()

        def run_task(client: Any) -> None:
            for number in range(1, ti.max_tries + 2):
                try:
                    send(client)
                except SourceError as error:
                    if policy and policy.evaluate(error, number, ti.max_tries).action is RetryAction.FAIL:
                        break

        calls = against(lambda _: Reply(400), run_task)
        prove("Airflow's policy sends a 400 once", observed=calls, expected=1, unit="calls")

    [back_off(), obey_the_server(), act_once(), spread_the_herd(), retry_in_one_layer(), let_airflow_retry()]
