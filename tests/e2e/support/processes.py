"""The processes of the platform's scheduler, for the tests that kill one."""

import psutil

from embedded.home import Home
from embedded.process import PidFile


def busy_workers(home: Home) -> list[psutil.Process]:
    """The workers (Airflow calls them supervisors) that have a task's process below them."""
    entry = PidFile.read(home.pid_file("airflow-scheduler"))
    assert entry, "the scheduler has no pid file"
    schedulers = psutil.Process(entry.pid).children()  # one: what keeps it running is its parent
    return [worker for scheduler in schedulers for worker in scheduler.children() if _tasks_of(worker)]


def _tasks_of(worker: psutil.Process) -> list[psutil.Process]:
    try:
        return worker.children()
    except psutil.NoSuchProcess:
        return []
