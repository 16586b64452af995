"""# How does a circuit breaker stop calls to a failing service, and how does it recover?

**Say it.** It counts failures in a row. After N it opens: callers get an error at once and the service gets no request. When a
time has passed it lets one call through, the probe: success closes it, failure opens it again. Its state belongs outside the
process, or every worker has to learn for itself.

**How it works.** *Closed*: calls pass, a success sets the count to nought. *Open*: calls are refused without being made. *Half-open*:
one probe. A 400 is an answer, so it does not count as a failure of the service; a timeout does, which is why a breaker needs
one. The breaker protects both sides: the service can recover because nobody asks, and the callers keep their threads,
which would otherwise all wait in the same place.

pybreaker has the state machine. A task of Airflow is a process that lives for seconds, so a count in memory never gets
to N: `living_answers.sources.breaker` keeps the state in a row of PostgreSQL, changes it by single statements, takes the time
from the database's clock, and lets a probe be claimed by one worker only.

**This run proves**
- *a 400 leaves it closed*: five answers of that kind, none of them a failure;
- *zero requests reach the server while open*: the server counts, not the client;
- *the state moves with the calls*: closed, open, half-open, open again as the probe fails, half-open, closed. The clock is
  set forward, so that nobody waits;
- *callers fail fast*: thirty callers against a server that hangs, the time they lose with an open circuit against that without;
- *callers pile up without it*: how many of them sat in the server at the same moment;
- *workers share the count* and *one worker probes*: four breakers over one row, as four processes have.

**Break it.** `no_breaker`: the calls are made directly. `own_state`: each worker keeps its state in memory, and each
has to fail N times before it stops.

**Where this stops.** An open circuit loses calls unless the caller falls back, queues or retries later. N failures in a row never
come about at an error rate of 50 %: busy services count rates over a window (resilience4j does). pybreaker holds its lock
*during* the call, so one object lets one thread through at a time: give each thread its own over shared state.

**Sources.** Michael Nygard, *Release It!*, chapter Stability Patterns; Martin Fowler,
[CircuitBreaker](https://martinfowler.com/bliki/CircuitBreaker.html); Microsoft,
[Circuit Breaker pattern](https://learn.microsoft.com/en-us/azure/architecture/patterns/circuit-breaker);
[pybreaker](https://github.com/danielfm/pybreaker); [resilience4j](https://resilience4j.readme.io/docs/circuitbreaker).
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Lock
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch
from living_answers.local_server import Reply, serve

N, RESET_SECONDS, CALLERS, WORKERS = 3, 60.0, 30, 4


def outcome(breaker: Any, client: Any) -> str:
    """Call through the breaker, if there is one; return the name of what came of it."""
    from living_answers.sources.calls import send

    try:
        breaker.call(send, client) if breaker else send(client)
    except Exception as error:  # noqa: BLE001 - its name is the outcome
        return type(error).__name__
    return "answered"


def new_breaker(moves: list[str]) -> Any:
    """A breaker in memory, which writes down each state it moves to."""
    from pybreaker import CircuitBreaker, CircuitBreakerListener

    from living_answers.sources.errors import PermanentError

    class WriteDown(CircuitBreakerListener):
        def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
            moves.append(new_state.name)

    return CircuitBreaker(fail_max=N, reset_timeout=RESET_SECONDS, exclude=[PermanentError], listeners=[WriteDown()])


def let_time_pass(breaker: Any) -> None:
    """Set the clock forward: the circuit opened longer ago."""
    if breaker and breaker._state_storage.opened_at:
        breaker._state_storage.opened_at -= timedelta(seconds=RESET_SECONDS)


@answer(
    questions=["circuit-breaker"],
    claims={
        "c-004-circuit-breaker": {
            "verdict": "holds",
            "proof": "zero requests reach the server while open",
            "truth": "They do, once N calls have failed, and let one probe through from time to time.",
        }
    },
    breaks={
        "no_breaker": {
            "what": "the calls are made directly",
            "fails": ["zero requests reach the server while open", "callers fail fast"],
        },
        "own_state": {
            "what": "each worker keeps the state of its breaker in its own memory",
            "fails": ["workers share the count"],
        },
    },
)
def circuit_breaker():
    @task
    def open_probe_and_close(params: dict[str, Any] | None = None) -> None:
        import httpx

        moves: list[str] = ["closed"]
        breaker = None if params["break_it"] == "no_breaker" else new_breaker(moves)
        status, seen = [400], []
        with serve(lambda _: Reply(status[0])) as server, httpx.Client(base_url=server.url) as client:
            for next_status, calls in ((400, 5), (503, N), (503, 10), (503, 1), (200, 1)):
                if calls == 1:
                    let_time_pass(breaker)
                status[0], before = next_status, len(server.requests)
                outcomes = Counter(outcome(breaker, client) for _ in range(calls))
                seen.append(len(server.requests) - before)
                print(next_status, dict(outcomes), "requests:", seen[-1], "moves:", moves)
        prove("a 400 leaves it closed", observed=seen[:2], expected=[5, N], unit="requests")
        prove("zero requests reach the server while open", observed=seen[2], expected=0, unit="requests")
        path = ["closed", "open", "half-open", "open", "half-open", "closed"]
        prove("the state moves with the calls", observed=moves, expected=path)

    @task
    def spare_the_callers(params: dict[str, Any] | None = None) -> None:
        import httpx

        inside, most, lock = [0], [0], Lock()

        def hang(_: Any) -> Reply:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.5)
            with lock:
                inside[0] -= 1
            return Reply(503)

        def lost(breaker: Any) -> float:
            """The time that all callers together spent waiting."""

            def one(_: int) -> float:
                start = time.monotonic()
                outcome(breaker, client)
                return time.monotonic() - start

            with ThreadPoolExecutor(CALLERS) as pool:
                return sum(pool.map(one, range(CALLERS)))

        breaker = None if params["break_it"] == "no_breaker" else new_breaker([])
        limits = httpx.Limits(max_connections=CALLERS)
        with serve(hang) as server, httpx.Client(base_url=server.url, limits=limits, timeout=20) as client:
            unprotected = lost(None)
            prove("callers pile up without it", observed=most[0], expected=CALLERS // 2, how="at_least", unit="callers")
            if breaker:
                breaker.open()
            prove("callers fail fast", observed=lost(breaker) / unprotected, expected=0.5, how="at_most")

    @task
    def share_the_state(params: dict[str, Any] | None = None) -> None:
        import httpx
        from sqlalchemy import text

        from living_answers import ledger
        from living_answers.sources.breaker import circuit_breaker as shared

        name = scratch.name()
        own = params["break_it"] == "own_state"
        try:
            workers = [
                new_breaker([]) if own else shared(name, ledger.engine(), N, RESET_SECONDS) for _ in range(WORKERS)
            ]
            with serve(lambda _: Reply(503)) as server, httpx.Client(base_url=server.url) as client:
                for _ in range(N):
                    for worker in workers:
                        outcome(worker, client)
                prove("workers share the count", observed=len(server.requests), expected=N, unit="requests")
                with ledger.engine().begin() as connection:
                    passed = text(
                        "UPDATE ledger.circuit_breakers SET opened_at = opened_at - interval '1 h' WHERE name = :n"
                    )
                    connection.execute(passed, {"n": name})
                start = Barrier(WORKERS, timeout=30)

                def probe(worker: Any) -> str:
                    start.wait()
                    return outcome(worker, client)

                with ThreadPoolExecutor(WORKERS) as pool:
                    came = sorted(pool.map(probe, workers))
            prove("one worker probes", observed=came, expected=["CircuitOpen"] * (WORKERS - 1) + ["ServerFault"])
        finally:
            with ledger.engine().begin() as connection:
                connection.execute(text("DELETE FROM ledger.circuit_breakers WHERE name = :n"), {"n": name})

    [open_probe_and_close(), spare_the_callers(), share_the_state()]
