"""The refine job as a program: under spark-submit, and against a Spark Connect server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from living_answers import spark as library

JOB = Path(__file__).parents[2] / "jobs" / "refine_flights.py"


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = [part for name in ("raw", "out", "quarantine") for part in (f"--{name}", str(folder / name))]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # SPARK_REMOTE and what pyspark leaves behind would turn spark-submit into a client.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    return subprocess.run(
        [*command, str(JOB), *paths, "--report", str(folder / "report.json"), "--day", "2013-01-01"],
        env={**inherited, "PATH": path, "SPARK_LOCAL_IP": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path, served: Callable[[str], list[dict[str, Any]]], to_lines: Callable[..., str]) -> Path:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "page-00001.jsonl").write_text(to_lines(served("2013-01-01")[:50]))
    return tmp_path


def test_spark_submit_runs_the_job_alone(folder: Path) -> None:
    settings = ["--master", "local[2]", "--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=2"]
    submit = Path(sys.executable).parent / "spark-submit"
    done = run([str(submit), *settings], folder)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((folder / "report.json").read_text())["rows_out"] == 50
    assert pq.read_table(folder / "out").num_rows == 50


def test_a_missing_folder_fails_and_says_which(tmp_path: Path, spark_remote: str) -> None:
    address, _, token = spark_remote.partition(";token=")
    done = run([sys.executable], tmp_path, SPARK_REMOTE=address, SPARK_CONNECT_AUTHENTICATE_TOKEN=token)
    assert done.returncode == 1
    assert f"{tmp_path}/raw" in done.stderr
    assert not (tmp_path / "report.json").exists()


def test_the_library_opens_and_stops_a_session(spark_remote: str) -> None:
    address, _, token = spark_remote.partition(";token=")
    with library.open_session(address, token) as session:
        assert session.range(3).count() == 3
    assert session.is_stopped
