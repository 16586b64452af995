"""The order of starts and stops, and what a failure does to the rest."""

import threading
import time
from dataclasses import dataclass

import pytest

from embedded.service import ServiceError
from embedded.supervisor import bring_up, take_down


@dataclass
class Fake:
    name: str
    needs: tuple[str, ...] = ()
    fails: bool = False
    seconds: float = 0.05


class Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.lock = threading.Lock()

    def report(self, name: str, state: str, seconds: float) -> None:
        with self.lock:
            self.events.append((name, state))

    def states(self) -> dict[str, str]:
        return dict(self.events)


class Step(Fake):
    def ensure(self) -> bool:
        time.sleep(self.seconds)
        if self.fails:
            raise ServiceError(f"{self.name} broke")
        return True

    def stop(self) -> None:
        time.sleep(self.seconds)


def test_needs_come_first_and_the_rest_at_the_same_time() -> None:
    recorder = Recorder()
    steps = [Step("c", ("a", "b")), *(Step(name, seconds=0.5) for name in ("a", "b", "d"))]
    began = time.monotonic()
    assert bring_up(steps, recorder.report) == []  # type: ignore[arg-type]
    assert time.monotonic() - began < 1.4
    assert recorder.events.index(("c", "starting")) > recorder.events.index(("a", "started"))
    assert recorder.events.index(("c", "starting")) > recorder.events.index(("b", "started"))


def test_a_failure_skips_what_needs_it_and_nothing_else() -> None:
    recorder = Recorder()
    steps = [Step("a", fails=True), Step("b", ("a",)), Step("c", ("b",)), Step("d")]
    failures = bring_up(steps, recorder.report)  # type: ignore[arg-type]
    assert [str(failure) for failure in failures] == ["a broke"]
    assert recorder.states() == {"a": "failed", "b": "skipped", "c": "skipped", "d": "started"}


@pytest.mark.parametrize("order", [1, -1])
def test_the_needed_stop_last(order: int) -> None:
    recorder = Recorder()
    steps = [Step("a"), Step("b", ("a",)), Step("c", ("b",))][::order]
    take_down(steps, recorder.report)  # type: ignore[arg-type]
    assert [name for name, _ in recorder.events] == ["c", "b", "a"]
