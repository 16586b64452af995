"""# Which protection does a distributed pipeline need against which failure?

**Say it.** Each protection answers one failure. A timeout turns slowness into an error. A retry answers errors that pass, a dead-letter
store those that do not. Idempotence makes the retry harmless. A circuit breaker spares a service that is down. A log line with
the message's key shows it all. Leave one out, and its failure gets through.

**How it works.** A worker sends six messages, one by one, to a real HTTP server that books each. In each cell of the matrix one
fault strikes: the worker *crashes* after the booking, before it has noted that it is done, and is started again; the server is
*slow* over one message; the network *loses* a reply after the booking; one message is *poison*, refused for good; the
service has an *outage*. The invariant at the end: each good message is booked exactly once, the poison lies among the dead
letters, no message is given up in doubt, no call hung for long, and the service was asked little while it was down. `deliver` is the order in which the
protections stand around a call: retry outside, breaker inside it, timeout and key in the call itself.

**This run proves**
- *with none on, every fault does damage*: otherwise the faults would prove nothing;
- *each protection is needed against some fault*: all on but one, for each in turn; the table stands in the log of `inject_faults`;
- *every failure is in the log with its message*;
- *with all on, the invariant holds under every fault*.

**Break it.** `no_key`, `no_timeout`: the protected worker lacks that one, and the invariant falls.

**Where this stops.** One fault at a time: two together (an outage during a replay) need a model checker or chaos tests. The crash
is an exception here, and so are the waits simulated; `file_pipeline` and the crash matrix of `flights_load` kill processes.
The order matters: a breaker *around* the retry would count one failure where three calls failed. And a protection has a cost:
a timeout that is too short makes work that would have passed fail.

**Sources.** [Timeouts, retries, and backoff with jitter](https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/)
and [Making retries safe with idempotent APIs](https://aws.amazon.com/builders-library/making-retries-safe-with-idempotent-APIs/),
Amazon Builders' Library. Michael Nygard, *Release It!*. Peter Deutsch and others, the
[fallacies of distributed computing](https://en.wikipedia.org/wiki/Fallacies_of_distributed_computing).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove
from living_answers.local_server import Reply, serve

FAULTS = ("crash", "slow", "lost reply", "poison", "outage")
PROTECTIONS = ("retry", "timeout", "idempotence", "dead letters", "breaker")
MESSAGES, STRUCK = range(6), 2
OUTAGE, RESET, GIVE_UP = 10.0, 5.0, 60.0  # seconds of the simulated clock
N, TIMEOUT, HANG = 3, 0.2, 2.0  # failures that open the circuit; seconds


class Killed(Exception):
    """The worker dies without a word."""


class World:
    """One cell of the matrix: a fault, the protections that are on, and what came of them."""

    def __init__(self, fault: str, on: tuple[str, ...]) -> None:
        self.fault, self.on, self.clock = fault, on, 0.0
        self.struck, self.calls, self.stuck = False, 0, 0
        self.booked: list[int] = []  # at the server, by message
        self.failed: list[int] = []  # calls that the server or the network failed
        self.log: list[int] = []
        self.done: list[int] = []
        self.dead: list[int] = []
        self.given_up: list[int] = []

    def strikes(self, fault: str, message: int) -> bool:
        """Whether the fault strikes now: once, at the message meant for it."""
        now = self.fault == fault and message == STRUCK and not self.struck
        self.struck = self.struck or now
        return now

    def damage(self) -> list[str]:
        """What of the invariant does not hold."""
        good = [message for message in MESSAGES if self.fault != "poison" or message != STRUCK]
        found = {
            "lost or in doubt": [message for message in good if message not in self.booked] + self.given_up,
            "booked twice": [message for message in good if self.booked.count(message) > 1],
            "poison not set aside": self.fault == "poison" and self.dead != [STRUCK],
            "hung": self.stuck,
            "hammered": self.fault == "outage" and len(self.failed) > N + OUTAGE / RESET,
        }
        return [name for name, bad in found.items() if bad]


def book(world: World, request: Any) -> Reply | None:
    """The server's side: strike if the fault is one of the server's or the network's, else book the message."""
    message, key = int(request.path.rpartition("/")[2]), request.headers.get("idempotency-key")
    world.calls += 1
    down = world.fault == "outage" and world.clock < OUTAGE
    if down or (world.fault == "poison" and message == STRUCK):
        world.failed.append(message)
        return Reply(503 if down else 400)
    if world.strikes("slow", message):
        world.failed.append(message)
        before = world.calls
        time.sleep(HANG)
        world.stuck += world.calls == before  # the caller is still waiting: it has asked for nothing else
        return Reply(503)
    if not key or int(key) not in world.booked:
        world.booked.append(message)
    if world.strikes("lost reply", message):
        world.failed.append(message)
        return None
    return Reply(200)


def deliver(world: World, message: int, call: Any, breaker: Any) -> None:
    """The protections around one call."""
    from pybreaker import CircuitBreakerError

    from living_answers.sources.errors import PermanentError, SourceError

    while True:
        try:
            return breaker.call(call, message) if "breaker" in world.on else call(message)
        except CircuitBreakerError:
            world.clock += RESET
            breaker._state_storage.opened_at -= timedelta(seconds=RESET)
        except SourceError as error:
            world.log.append(message)
            if isinstance(error, PermanentError):
                if "dead letters" not in world.on:
                    raise
                return world.dead.append(message)
            if "retry" not in world.on or world.clock > GIVE_UP:
                return world.given_up.append(message)
            world.clock += 0.1


def work(world: World, client: Any, url: str) -> list[str]:
    """A worker, and whoever starts it again when it has died; returns the damage."""
    from pybreaker import CircuitBreaker

    from living_answers.sources.calls import send
    from living_answers.sources.errors import PermanentError

    breaker = CircuitBreaker(N, RESET, exclude=[PermanentError], throw_new_error_on_trip=False)

    def call(message: int) -> None:
        headers = {"Idempotency-Key": str(message)} if "idempotence" in world.on else {}
        timeout = TIMEOUT if "timeout" in world.on else None
        send(client, "POST", f"{url}/{message}", headers=headers, timeout=timeout)

    for _ in range(3 if "retry" in world.on else 1):
        with suppress(Killed, PermanentError):
            for message in [message for message in MESSAGES if message not in world.done]:
                deliver(world, message, call, breaker)
                if world.strikes("crash", message):
                    raise Killed
                world.done.append(message)
    return world.damage()


@answer(
    questions=["distributed-failure-handling"],
    breaks={
        "no_key": {
            "what": "no idempotency key is sent",
            "fails": ["with all on, the invariant holds under every fault"],
        },
        "no_timeout": {"what": "no call is cut off", "fails": ["with all on, the invariant holds under every fault"]},
    },
)
def failure_matrix():
    @task
    def inject_faults(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        import httpx

        lacking = {"no_key": "idempotence", "no_timeout": "timeout"}
        rows = {f"all but {off}": tuple(p for p in PROTECTIONS if p != off) for off in PROTECTIONS}
        rows |= {"none": (), "all": tuple(p for p in PROTECTIONS if p != lacking.get(params["break_it"]))}
        worlds = [(row, World(fault, on)) for row, on in rows.items() for fault in FAULTS]
        with (
            serve(lambda request: book(worlds[int(request.path.split("/")[1])][1], request)) as server,
            httpx.Client() as client,
            ThreadPoolExecutor(8) as pool,
        ):
            damage = list(pool.map(lambda n: work(worlds[n][1], client, f"{server.url}/{n}"), range(len(worlds))))
        cells = [
            {"row": row, "fault": world.fault, "damage": found, "logged": [n in world.log for n in world.failed]}
            for (row, world), found in zip(worlds, damage, strict=True)
        ]
        for cell in cells:
            print(f"{cell['row']:22} {cell['fault']:10} {', '.join(cell['damage']) or 'holds'}")
        return cells

    @task
    def read_the_matrix(cells: list[dict[str, Any]]) -> None:
        fallen = [cell["fault"] for cell in cells if cell["row"] == "none" and cell["damage"]]
        prove("with none on, every fault does damage", observed=fallen, expected=FAULTS, how="rows")
        needed = {
            cell["row"].removeprefix("all but ") for cell in cells if cell["row"][:7] == "all but" and cell["damage"]
        }
        prove("each protection is needed against some fault", observed=sorted(needed), expected=sorted(PROTECTIONS))
        logged = [found for cell in cells for found in cell["logged"]]
        prove("every failure is in the log with its message", observed=sum(logged), expected=len(logged))
        held = [cell["fault"] for cell in cells if cell["row"] == "all" and not cell["damage"]]
        prove("with all on, the invariant holds under every fault", observed=held, expected=FAULTS, how="rows")

    read_the_matrix(inject_faults())
