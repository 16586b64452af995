"""Runs answers in processes of our own by Airflow's ``dag.test()``, beside the platform's scheduler.

The engines are the platform's, and so is the ledger: the same evidence is left. Only Airflow's own metadata is another
one, an SQLite file for each process, since the platform's scheduler would take the tasks for its own.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType

from living_answers.answers.declaration import Declaration
from living_answers.answers.judge import Judgement
from living_answers.answers.judging import judge_run

RUN_SECONDS = 600
MIGRATE_SECONDS = 180
_LOG = "local.log"


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    run_id: str
    state: str
    failed_tasks: tuple[str, ...]


class LocalRunner:
    """Runs answers in a pool of ``jobs`` processes; what the tasks print goes to ``local.log`` in ``folder``."""

    def __init__(self, folder: Path, environment: Mapping[str, str], jobs: int) -> None:
        """Prepare the metadata database, if this folder has none yet (some ten seconds).

        Raises:
            subprocess.CalledProcessError: Airflow could not make its tables.
        """
        self.log = folder / _LOG
        folder.mkdir(parents=True, exist_ok=True)
        template = _migrated(folder, environment)
        self._pool = ProcessPoolExecutor(
            max_workers=jobs,
            mp_context=get_context("spawn"),  # a fork would share the parent's connections
            initializer=_prepare,
            initargs=(dict(environment), template, self.log),
        )

    def __enter__(self) -> LocalRunner:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def run(self, answer: Declaration, way: str | None = None) -> Judgement:
        """Run an answer once, here, and judge it.

        Raises:
            TimeoutError: it has not ended within ten minutes.
        """
        ended = self._pool.submit(_run, answer.file, way).result(timeout=RUN_SECONDS)
        return judge_run(answer, ended.run_id, way=way, state=ended.state, failed_tasks=ended.failed_tasks)


def _migrated(folder: Path, environment: Mapping[str, str]) -> Path:
    """Return an SQLite file with Airflow's tables, made on first use and for each version of Airflow."""
    from importlib.metadata import version

    template = folder / f"airflow-{version('apache-airflow-core')}.db"
    if not template.exists():
        fresh = template.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        variables = {**os.environ, **environment, **_database(fresh)}
        subprocess.run(command, env=variables, check=True, capture_output=True, timeout=MIGRATE_SECONDS)
        fresh.rename(template)
    return template


def _database(file: Path) -> dict[str, str]:
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{file}", "AIRFLOW__METRICS__OTEL_ON": "False"}


def _prepare(environment: dict[str, str], template: Path, log: Path) -> None:
    """Give this process of the pool its own metadata, and send all that it prints to the log."""
    mine = template.with_name(f"worker-{os.getpid()}.db")
    shutil.copy(template, mine)
    os.environ.update({**environment, **_database(mine)})
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    import atexit

    atexit.register(mine.unlink, missing_ok=True)


def _run(file: Path, way: str | None) -> Ended:
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(file)  # dag.test() reads the whole folder anew: let it be one file
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=file, safe_mode=False)
    if bag.import_errors:
        raise ImportError(f"{file.name} does not import: {bag.import_errors[str(file)]}")
    logging.getLogger(__name__).info("%s, broken by %s", file.stem, way)
    run = bag.dags[file.stem].test(run_conf={"break_it": way} if way else None)
    failed = tuple(ti.task_id for ti in run.get_task_instances() if ti.state == "failed")
    return Ended(str(run.run_id), str(run.state), failed)
