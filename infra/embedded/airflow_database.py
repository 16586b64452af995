"""Airflow's metadata: migrated once for each version, with the pool that the project's DAGs name."""

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

import psycopg

from embedded.airflow_settings import AIRFLOW_FILES, AirflowSettings
from embedded.home import REPOSITORY
from embedded.postgres import Postgres
from embedded.process import MARKER, tail
from embedded.service import ServiceError

POOLS = {"flights_api": (2, "Requests that the flights API gets at the same time")}


@dataclass(frozen=True)
class AirflowDatabase:
    """The step that makes the metadata database ready."""

    postgres: Postgres
    settings: AirflowSettings

    name: ClassVar[str] = "airflow-db"
    needs: ClassVar[tuple[str, ...]] = ("postgres",)

    def ensure(self) -> bool:
        """Migrate, unless the database says that this version of Airflow has done so."""
        self.settings.write_files()
        stamp = self.settings.folder / "migrated.json"
        if stamp.exists() and json.loads(stamp.read_text()) == self._state():
            return False
        self._migrate()
        stamp.write_text(json.dumps(self._state()))
        return True

    def _state(self) -> dict[str, str | None]:
        with self.postgres.connect("airflow") as connection:
            try:
                row = connection.execute("select version_num from alembic_version").fetchone()
            except psycopg.errors.UndefinedTable:
                row = None
        return {"airflow": version("apache-airflow-core"), "revision": row[0] if row else None}

    def _migrate(self) -> None:
        log = self.settings.home.log(self.name)
        environment = {**self.settings.environment(), "PATH": "/usr/bin:/bin", MARKER: str(self.settings.home.root)}
        with log.open("ab") as output:
            result = subprocess.run(
                [sys.executable, str(AIRFLOW_FILES / "migrate.py"), json.dumps(POOLS)],
                env=environment,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=180,
            )
        if result.returncode:
            raise ServiceError(f"airflow-db could not be migrated. The end of {log}:\n{tail(log)}")
