"""Runs the programs of `aws_clients/`, in a venv of their own.

AWS SDK for pandas wants another pyarrow than ours, and sqlalchemy-redshift's reflection an older SQLAlchemy.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from embedded.engine import EngineError, silent
from embedded.home import REPOSITORY
from embedded.tool_venv import ToolVenv

PROGRAMS = Path(__file__).parent / "aws_clients"


def run(program: str, **given: Any) -> dict[str, Any]:
    """What the program prints, given what it is told on its standard input. Skips the test if there is no venv."""
    venv = ToolVenv("aws_clients", Path(os.environ.get("ANSWERS_CACHE") or REPOSITORY / ".platform" / "cache"))
    try:
        venv.make(silent)
    except EngineError as error:
        pytest.skip(f"the AWS clients cannot be fetched: {error}")
    done = subprocess.run(
        [venv.program("python"), PROGRAMS / program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
