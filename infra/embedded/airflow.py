"""Airflow's four components. Each is ready when it says so itself: the API by HTTP, the others by a heartbeat."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psycopg

from embedded.airflow_settings import AirflowSettings
from embedded.home import REPOSITORY
from embedded.http_check import get_json
from embedded.postgres import Postgres
from embedded.process import PidFile
from embedded.service import NotReady, Service


@dataclass(frozen=True)
class _Component(Service):
    settings: AirflowSettings

    needs: ClassVar[tuple[str, ...]] = ("airflow-db",)
    start_timeout = 180.0  # seconds on a quiet machine, minutes when others use its cores
    stop_timeout = 15.0
    arguments: ClassVar[tuple[str, ...]]

    def command(self) -> list[str]:
        """Return the component's command line. It ends with its database, and must then be started again."""
        return [*(sys.executable, "-m", "embedded.keep_running"), *(sys.executable, "-m", "airflow", *self.arguments)]

    def environment(self) -> dict[str, str]:
        """Return Airflow's environment."""
        return self.settings.environment()


@dataclass(frozen=True)
class ApiServer(_Component):
    """The UI, the REST API, and the execution API that tasks report to."""

    name = "airflow-api"
    arguments: ClassVar[tuple[str, ...]] = ("api-server",)

    def address(self) -> str:
        """Return the UI's address."""
        return self.settings.url()

    def check(self) -> None:
        """Ask for its health, which includes the database's."""
        health = get_json(f"http://127.0.0.1:{self.settings.port}/api/v2/monitor/health")
        if "healthy" not in str(health.get("metadatabase")):
            raise NotReady(f"metadata database: {health.get('metadatabase')}")


@dataclass(frozen=True)
class _Heart(_Component):
    """A component that has no port: it writes a heartbeat into the metadata."""

    postgres: Postgres

    job: ClassVar[str]

    def check(self) -> None:
        """Look for a heartbeat of this very process."""
        entry = PidFile.read(self.home.pid_file(self.name))
        try:
            with self.postgres.connect("airflow") as connection:
                beat = connection.execute(
                    "select 1 from job where job_type = %s and state = 'running'"
                    " and start_date >= to_timestamp(%s) and latest_heartbeat > now() - interval '60 s'",
                    [self.job, entry.created - 1 if entry else 0],
                ).fetchone()
        except psycopg.Error as error:
            raise NotReady(str(error).strip()) from None
        if not beat:
            raise NotReady("no heartbeat")


@dataclass(frozen=True)
class Scheduler(_Heart):
    """Decides what runs, and forks the workers that run it."""

    name = "airflow-scheduler"

    def environment(self) -> dict[str, str]:
        """Return Airflow's environment, and what tells of a changed library: tasks are forks that have it loaded."""
        return {**super().environment(), "LIVING_ANSWERS_LIBRARY": _digest(REPOSITORY / "plugins")}

    # The API server reads logs from the same disk, so nobody needs the scheduler's log server (100 MB).
    arguments: ClassVar[tuple[str, ...]] = ("scheduler", "--skip-serve-logs")
    job: ClassVar[str] = "SchedulerJob"


@dataclass(frozen=True)
class DagProcessor(_Heart):
    """Parses the DAG files."""

    name = "airflow-dag-processor"
    arguments: ClassVar[tuple[str, ...]] = ("dag-processor",)
    job: ClassVar[str] = "DagProcessorJob"


@dataclass(frozen=True)
class Triggerer(_Heart):
    """Waits on behalf of deferred tasks."""

    name = "airflow-triggerer"
    arguments: ClassVar[tuple[str, ...]] = ("triggerer", "--skip-serve-logs")
    job: ClassVar[str] = "TriggererJob"


def _digest(folder: Path) -> str:
    """Return a digest of the Python files' names and times: another one means that a process must load them anew."""
    files = sorted(folder.rglob("*.py"))
    told = "\n".join(f"{file} {file.stat().st_mtime_ns}" for file in files)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
