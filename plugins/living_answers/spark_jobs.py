"""Runs a program of ``jobs/`` on the Spark Connect server of the Airflow connection ``spark_connect``.

The job is a process of its own, as with spark-submit: it is killed with its limits, and its memory goes with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 120


class JobFailed(RuntimeError):
    """A job ended with another status than 0. The message holds the end of what it wrote to standard error."""


def run(job: Path, *, report: Path, **options: Path | str) -> dict[str, Any]:
    """Run ``job`` with its options as ``--name value`` and return the JSON report that it writes.

    Raises:
        JobFailed: the job failed.
        subprocess.TimeoutExpired: it did not end within two minutes.
    """
    from airflow.sdk import Connection

    connection = Connection.get("spark_connect")
    arguments = [part for name, value in {**options, "report": report}.items() for part in (f"--{name}", str(value))]
    remote = f"sc://{connection.host}:{connection.port}/"
    # The token goes by the environment: a command line is for all to read. An empty one would mean TLS to the client.
    token = {"SPARK_CONNECT_AUTHENTICATE_TOKEN": connection.password} if connection.password else {}
    done = subprocess.run(
        [sys.executable, str(job), "--remote", remote, *arguments],
        env={**os.environ, **token},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise JobFailed(f"{job.name} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(report.read_text())
    return result


def only_file(folder: Path, suffix: str) -> Path:
    """Return the one data file that Spark wrote into ``folder``.

    Raises:
        FileNotFoundError: there is none, or more than one.
    """
    files = sorted(path for path in folder.glob(f"*{suffix}") if not path.name.startswith(("_", ".")))
    if len(files) != 1:
        raise FileNotFoundError(f"expected one {suffix} file in {folder}, found {len(files)}")
    return files[0]
