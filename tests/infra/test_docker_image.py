"""The image that the containers share, and the script that makes their secrets."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def make_env() -> dict[str, Any]:
    specification = importlib.util.spec_from_file_location("make_env", ROOT / "infra/docker/make_env.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return vars(module)


def test_the_script_writes_random_secrets_once_and_privately(tmp_path: Path) -> None:
    write, variables = make_env()["write"], make_env()["VARIABLES"]
    file = tmp_path / ".env"
    file.write_text("POSTGRES_PASSWORD='mine'")
    file.chmod(0o644)
    assert write(file) == len(variables) - 1
    assert write(file) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert values.keys() == variables.keys()
    assert values["POSTGRES_PASSWORD"] == "'mine'"
    assert len(set(values.values())) == len(values)
    assert json.loads(values["AIRFLOW_PASSWORDS"].strip("'")).keys() == {"admin", "viewer"}


def test_the_secrets_file_is_never_committed_nor_sent_to_the_builder() -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", ".env"], cwd=ROOT, timeout=30)
    assert ignored.returncode == 0
    lines = (ROOT / "infra/docker/Dockerfile.dockerignore").read_text().splitlines()
    assert lines[-1] == "**/.env*"


def test_hadolint_is_content_with_the_image() -> None:
    command = [Path(sys.executable).parent / "hadolint", ROOT / "infra/docker/Dockerfile"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout


def test_everything_the_image_copies_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "infra/docker/Dockerfile").read_text(), re.MULTILINE)
    kept = re.findall(r"^!(\S+)$", (ROOT / "infra/docker/Dockerfile.dockerignore").read_text(), re.MULTILINE)
    for path in {part for line in copied for part in line.split()} | set(kept):
        assert (ROOT / path).exists(), path


def test_spark_is_where_the_image_has_it() -> None:
    version = re.search(r"PYTHON=python:(\d+\.\d+)\.", (ROOT / "infra/docker/Dockerfile").read_text())
    assert version
    assert (
        f"SPARK_HOME: /opt/venv/lib/python{version[1]}/site-packages/pyspark"
        in (ROOT / "docker-compose.yml").read_text()
    )
