"""What the commands share: where they write, the running platform, and the answers of the DAG files."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pydantic import SecretStr
from rich.console import Console

from living_answers.airflow_api import AirflowApi
from living_answers.cli import platform

if TYPE_CHECKING:
    from living_answers.answers.declaration import Declaration

# Tables need room: a pipe or a log file has no width of its own, and 80 columns would cut the names.
console = Console(width=None if sys.stdout.isatty() else 120)
errors = Console(stderr=True, soft_wrap=True)


def api_of_platform() -> AirflowApi:
    """Return Airflow as its admin sees it; this process then knows where the ledger is, too."""
    known = variables()
    return AirflowApi(known["AIRFLOW_URL"], known["AIRFLOW_USER"], SecretStr(known["AIRFLOW_PASSWORD"]))


def declared(areas: list[str] | None = None) -> dict[str, Declaration]:
    """Return the answers, and say on stderr which files are none."""
    from living_answers.answers.declaration import DeclarationError, read_all

    faults: list[DeclarationError] = []
    answers = read_all(areas=areas, faults=faults)
    for fault in faults:
        errors.print(f"not an answer: {fault}", style="yellow", markup=False, highlight=False)
    return answers


def variables() -> dict[str, str]:
    """The platform's addresses: those of the environment if they stand there, else the embedded platform's."""
    known = dict(os.environ) if "AIRFLOW_URL" in os.environ else platform.variables()
    os.environ.setdefault("AIRFLOW_CONN_LEDGER", known["WAREHOUSE_URL"])
    return known
