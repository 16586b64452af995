"""Bringing the steps about in the order of their needs, at the same time where they allow it."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from embedded.service import Service, ServiceError
from embedded.step import Step

Report = Callable[[str, str, float], None]
"""Called with a step's name, its state (waiting, starting, started, running, failed, skipped, stopped) and seconds."""


def bring_up(steps: Sequence[Step], report: Report) -> list[ServiceError]:
    """Run all steps; what needs a failed step is skipped. Return the failures, in order of occurrence."""
    failures: list[ServiceError] = []
    done: dict[str, Future[bool]] = {step.name: Future() for step in steps}
    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        for step in steps:
            pool.submit(_run, step, done, failures, report)
    return failures


def take_down(services: Iterable[Service], report: Report) -> None:
    """Stop the services, each after those that need it."""
    waiting = {service.name: service for service in services}
    while waiting:
        needed = {need for service in waiting.values() for need in _all_needs(service)}
        batch = [service for name, service in waiting.items() if name not in needed] or list(waiting.values())
        threads = [threading.Thread(target=_stop, args=(service, report)) for service in batch]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for service in batch:
            del waiting[service.name]


def _all_needs(service: Service) -> tuple[str, ...]:
    """The database step is no service: what needs it needs PostgreSQL."""
    return (*service.needs, "postgres") if "airflow-db" in service.needs else service.needs


def _run(step: Step, done: dict[str, "Future[bool]"], failures: list[ServiceError], report: Report) -> None:
    try:
        report(step.name, "waiting", 0)
        if not all(done[need].result() for need in step.needs if need in done):
            report(step.name, "skipped", 0)
            done[step.name].set_result(False)
            return
        began = time.monotonic()
        report(step.name, "starting", 0)
        started = step.ensure()
        report(step.name, "started" if started else "running", time.monotonic() - began)
        done[step.name].set_result(True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the steps that wait must hear of it
        failures.append(error if isinstance(error, ServiceError) else ServiceError(f"{step.name}: {error!r}"))
        report(step.name, "failed", 0)
        done[step.name].set_result(False)


def _stop(service: Service, report: Report) -> None:
    began = time.monotonic()
    service.stop()
    report(service.name, "stopped", time.monotonic() - began)
