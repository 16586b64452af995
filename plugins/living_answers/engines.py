"""Where engines on demand are: what `answers up --with NAME` left for DAGs to read.

It is a folder, so that an engine started while Airflow runs is found at once: `NAME.json` holds the engine's settings
(addresses, never a secret), and `NAME` is a link to its venv where it has one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path


class EngineMissing(RuntimeError):
    """The engine is not up. The message says how to start it."""


def folder() -> Path:
    """Return the folder: LIVING_ANSWERS_ENGINES if it is set, else `engines` in Airflow's own folder."""
    home = Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow")
    return Path(os.environ.get("LIVING_ANSWERS_ENGINES") or home / "engines")


def settings(name: str) -> dict[str, str]:
    """Return what a client of the engine must know.

    Raises:
        EngineMissing: nobody has started it.
    """
    try:
        told: dict[str, str] = json.loads((folder() / f"{name}.json").read_text())
    except FileNotFoundError:
        raise EngineMissing(f"the engine {name} is not up: start it by `answers up --with {name}`") from None
    return told


def python(name: str) -> str:
    """Return the interpreter of the engine's venv, for `@task.external_python`; looks at nothing, so it may be called
    while a DAG file is parsed."""
    return str(folder() / name / "bin" / "python")
