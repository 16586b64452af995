"""A process that runs DAG files by ``dag.test()``, with metadata of its own. ``answers.local`` keeps a pool of them.

Outside ``living_answers.answers``, whose import loads Airflow: Airflow reads its settings when it is imported, so they
must stand in the environment before.
"""

from __future__ import annotations

import atexit
import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    run_id: str
    state: str
    failed_tasks: tuple[str, ...]


def metadata_in(file: Path) -> dict[str, str]:
    """Return the settings that make an SQLite file Airflow's metadata database."""
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{file}", "AIRFLOW__METRICS__OTEL_ON": "False"}


def prepare(environment: dict[str, str], template: Path, log: Path) -> None:
    """Give this process a copy of the metadata, and send all that it prints to the log."""
    mine = template.with_name(f"worker-{os.getpid()}.db")
    shutil.copy(template, mine)
    atexit.register(mine.unlink, missing_ok=True)
    os.environ.update({**environment, **metadata_in(mine)})
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def run(file: Path, way: str | None) -> Ended:
    """Run the DAG of that file once, here.

    Raises:
        ImportError: the file does not import.
    """
    from airflow import settings
    from airflow.dag_processing.dagbag import DagBag

    # dag.test() reads the whole folder anew, each time: let it be the one file.
    settings.DAGS_FOLDER = str(file)

    bag = DagBag(dag_folder=file, safe_mode=False)
    if bag.import_errors:
        raise ImportError(f"{file.name} does not import: {bag.import_errors[str(file)]}")
    ended = bag.dags[file.stem].test(run_conf={"break_it": way} if way else None)
    failed = tuple(ti.task_id for ti in ended.get_task_instances() if ti.state == "failed")
    return Ended(str(ended.run_id), str(ended.state), failed)
