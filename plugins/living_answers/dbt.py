"""dbt on the warehouse: its commands run in the venv of the engine on demand `dbt`, several in one process."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, cast

from living_answers import engines

PROJECT = Path(__file__).parents[2] / "jobs" / "dbt"
DRIVER = Path(__file__).with_name("dbt_driver.py")
Target = Literal["postgres", "redshift"]


class DbtFailed(RuntimeError):
    """dbt ended, or could not run a command; a model or a test that fails is no such error. Shows dbt's output."""


@dataclass(frozen=True, slots=True)
class Node:
    """A model or a test, and what became of it; ``rows`` and ``message`` are the engine's own words."""

    name: str
    kind: str
    status: str
    message: str | None
    rows: int | None


@dataclass(frozen=True, slots=True)
class Build:
    """What one command left; ``nodes`` in the order in which they ended."""

    success: bool
    error: str
    nodes: list[Node]

    def statuses(self) -> dict[str, str]:
        """Return the status of each node: success, pass, fail, error or skipped."""
        return {node.name: node.status for node in self.nodes}


@dataclass
class Session:
    """A dbt process at work on one schema."""

    _process: subprocess.Popen[str]
    _log: IO[str] = field(repr=False)

    def run(self, *command: str, variables: Mapping[str, Any] | None = None) -> Build:
        """Run one command, such as ``build``, and wait for it.

        Raises:
            DbtFailed: the process ended, or the command could not run at all.
        """
        words = [*command, *(["--vars", json.dumps(dict(variables))] if variables else [])]
        to, back = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        try:
            to.write(json.dumps(words) + "\n")
            to.flush()
        except BrokenPipeError:
            raise DbtFailed(self._output()) from None
        if not (line := back.readline()):
            raise DbtFailed(self._output())
        told = json.loads(line)
        if told["error"]:
            raise DbtFailed(f"{told['error']}\n{self._output()}")
        return Build(told["success"], told["error"], [Node(**node) for node in told["nodes"]])

    def _output(self) -> str:
        self._log.seek(0)
        return self._log.read()[-3000:]


@contextmanager
def session(schema: str, target: Target = "postgres", project: Path = PROJECT) -> Iterator[Session]:
    """Start dbt for one schema of the warehouse, on PostgreSQL itself or through the Redshift gateway.

    Raises:
        living_answers.engines.EngineMissing: dbt is not there.
    """
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "dbt.log").open("w+") as log:
        process = subprocess.Popen(
            [engines.settings("dbt")["venv"] + "/bin/python", "-P", str(DRIVER)],  # -P: our folder has a dbt.py too
            env=_environment(schema, target, project, folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:  # closes standard input at its end, which ends dbt
            yield Session(process, log)


def _environment(schema: str, target: Target, project: Path, folder: str) -> dict[str, str]:
    """The password goes by the environment: a command line is for all to read, and a profile would stand on disk."""
    from airflow.sdk import Connection

    where = Connection.get("ledger" if target == "postgres" else "redshift_default")
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE") if name in os.environ},
        "DBT_HOST": str(where.host),
        "DBT_PORT": str(where.port),
        "DBT_USER": str(where.login),
        "DBT_ENV_SECRET_PASSWORD": str(where.password),
        "DBT_DATABASE": "warehouse",
        "DBT_SCHEMA": schema,
        "DBT_TARGET": target,
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(project),
        "DBT_TARGET_PATH": f"{folder}/target",
        "DBT_LOG_PATH": f"{folder}/logs",
    }
