"""dbt with dbt-redshift, unmodified and in a venv of its own, against the gateway."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded.engine import EngineError, silent
from embedded.home import REPOSITORY
from embedded.tool_venv import ToolVenv

PROJECT = Path(__file__).parent / "dbt_project"


@pytest.fixture(scope="module")
def dbt_program() -> Path:
    venv = ToolVenv("dbt", Path(os.environ.get("ANSWERS_CACHE") or REPOSITORY / ".platform" / "cache"))
    try:
        venv.make(silent)
    except EngineError as error:
        pytest.skip(f"dbt cannot be fetched: {error}")
    return venv.program("dbt")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp("dbt") / "project"))


@pytest.fixture(scope="module")
def dbt(dbt_program: Path, project: Path, redshift: Any) -> Callable[..., None]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(project),
        "GATEWAY_PORT": str(redshift.port),
        "GATEWAY_USER": redshift.user,
        "GATEWAY_PASSWORD": redshift.password,
        "GATEWAY_DATABASE": redshift.database,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }

    def run(*command: str) -> None:
        done = subprocess.run(
            [dbt_program, *command, "--profiles-dir", "."],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:]

    return run


def test_seeds_models_snapshots_tests_and_documents(dbt: Callable[..., None], project: Path, connection: Any) -> None:
    dbt("build")  # seed, run, snapshot and test
    seed = project / "seeds" / "raw_orders.csv"
    seed.write_text(seed.read_text().replace("2,bob,20.00", "2,bob,25.00") + "4,cat,1.00,2026-01-04 00:00:00\n")
    dbt("seed")
    dbt("run")  # the incremental models merge
    dbt("snapshot")
    dbt("docs", "generate")

    merged = connection.execute("select id, amount::text from shop.order_days_merged order by id").fetchall()
    assert merged == [(1, "10.50"), (2, "25.00"), (3, None), (4, "1.00")]
    appended = connection.execute("select id, day_number from shop.order_days order by id").fetchall()
    assert appended == [(1, 0), (2, 1), (3, 2), (4, 3)]
    history = connection.execute(
        "select amount::text from shop_shop.order_history where id = 2 order by dbt_valid_from"
    )
    assert history.fetchall() == [("20.00",), ("25.00",)]
    assert connection.execute("select ids from shop.customers where customer = 'bob'").fetchone() == ("2",)
    assert connection.execute(
        "select diststyle, sortkey1, sortkey_num from svv_table_info where schema = 'shop' and \"table\" = 'orders'"
    ).fetchone() == ("KEY(customer)", "ordered_at", 2)
    catalogue = json.loads((project / "target" / "catalog.json").read_text())
    assert catalogue["nodes"]["model.shop.orders"]["stats"]["diststyle"]["value"] == "KEY(customer)"
