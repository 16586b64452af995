"""Airflow's configuration, tuned for two cores; the reasons stand beside the values."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from embedded.credentials import Credentials, write_private
from embedded.home import REPOSITORY, Home
from embedded.ports import LOOPBACK

AIRFLOW_FILES = REPOSITORY / "infra" / "airflow_home"
"""What Airflow's own processes import."""

USERS = {"admin": "admin", "viewer": "viewer"}
"""User names and their roles."""

TUNING = {
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__PARALLELISM": "4",  # each worker costs 60 to 90 MB; tasks wait for the network as much as they compute
    "CORE__MAX_ACTIVE_TASKS_PER_DAG": "4",
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__DAG_DISCOVERY_SAFE_MODE": "False",  # it skips files without the word dag, as an answer may be
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",  # a chain of assets stops at a paused DAG; none runs by the clock
    "CORE__LAZY_LOAD_PLUGINS": "True",
    "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "2",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",  # 1 by default: a second for each hop of a chain
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",  # 300 by default: a dead worker goes unnoticed for 5 minutes
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # bounds a stall when a task's sockets close before it can be reaped
    "DAG_PROCESSOR__PARSING_PROCESSES": "2",
    "DAG_PROCESSOR__REFRESH_INTERVAL": "15",  # a new DAG file is seen after as many seconds
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",  # parsing unchanged files is what an idle platform does most
    "DATABASE__SQL_ALCHEMY_POOL_SIZE": "3",
    # The API server asks for a connection in its event loop; where it must wait for one, heartbeats wait with it.
    "DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": "40",
    "METRICS__OTEL_ON": "True",
    "METRICS__LEGACY_NAMES_ON": "False",  # else every metric comes twice, once with the DAG's id in its name
    "LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING, py4j=WARNING",
    "API__WORKERS": "1",
    "API__HOST": LOOPBACK,
    "API__EXPOSE_CONFIG": "False",
}


@dataclass(frozen=True)
class AirflowSettings:
    """Everything that each Airflow process must be told alike."""

    home: Home
    port: int
    metrics_port: int
    database_url: str = field(repr=False)
    credentials: Credentials
    connections: Mapping[str, str] = field(repr=False)
    dags: Path = REPOSITORY / "dags"

    @property
    def folder(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home.root / "airflow"

    def url(self) -> str:
        """Return the address of the UI."""
        return f"http://localhost:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the environment of an Airflow process."""
        secrets = self.credentials
        generated = {
            "CORE__DAGS_FOLDER": str(self.dags),
            "CORE__PLUGINS_FOLDER": str(self.folder / "plugins"),
            "CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{self.port}/execution/",
            "CORE__FERNET_KEY": secrets.fernet_key,
            "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords()),
            "DATABASE__SQL_ALCHEMY_CONN": self.database_url.replace("postgresql:", "postgresql+psycopg2:", 1),
            "LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url(),
            "API__SECRET_KEY": secrets.api_secret_key,
            "API_AUTH__JWT_SECRET": secrets.jwt_secret,
        }
        settings = {f"AIRFLOW__{key}": value for key, value in {**TUNING, **generated}.items()}
        return {"AIRFLOW_HOME": str(self.folder), **settings, **self._libraries(), **self.connections}

    def write_files(self) -> None:
        """Write the passwords and the module that Airflow imports at its start."""
        (self.folder / "plugins").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        passwords = {"admin": self.credentials.airflow_admin, "viewer": self.credentials.airflow_viewer}
        write_private(self._passwords(), json.dumps(passwords))
        shutil.copytree(AIRFLOW_FILES / "config", self.folder / "config", dirs_exist_ok=True)

    def _libraries(self) -> dict[str, str]:
        return {
            # One thread for each BLAS: four workers on two cores would start sixteen.
            "OPENBLAS_NUM_THREADS": "1",
            # Airflow's own settings for the exporter are deprecated in favour of these.
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://{LOOPBACK}:{self.metrics_port}/v1/metrics",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "2",
            "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        }

    def _passwords(self) -> Path:
        return self.folder / "passwords.json"
