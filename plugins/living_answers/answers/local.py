"""Runs answers in processes of our own by Airflow's ``dag.test()``, beside the platform's scheduler.

The engines are the platform's, and so is the ledger: the same evidence is left. Only Airflow's own metadata is another
one, an SQLite file for each process, since the platform's scheduler would take the tasks for its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType

from living_answers import local_worker
from living_answers.answers.declaration import Declaration
from living_answers.answers.judge import Judgement
from living_answers.answers.judging import judge_run

RUN_SECONDS = 600
MIGRATE_SECONDS = 180
_LOG = "local.log"


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
            initializer=local_worker.prepare,
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
        ended = self._pool.submit(local_worker.run, answer.file, way).result(timeout=RUN_SECONDS)
        return judge_run(answer, ended.run_id, way=way, state=ended.state, failed_tasks=ended.failed_tasks)


def _migrated(folder: Path, environment: Mapping[str, str]) -> Path:
    """Return an SQLite file with Airflow's tables, made on first use and for each version of Airflow."""
    from importlib.metadata import version

    template = folder / f"airflow-{version('apache-airflow-core')}.db"
    if not template.exists():
        fresh = template.with_suffix(f".{os.getpid()}.new")  # two at once each make one; the last to finish stays
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        variables = {**os.environ, **environment, **local_worker.metadata_in(fresh)}
        subprocess.run(command, env=variables, check=True, capture_output=True, timeout=MIGRATE_SECONDS)
        fresh.rename(template)
    return template
