"""After all that the other tests did: no secret of the platform stands anywhere but where it must."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from support import days, search
from support.pipeline import DAGS, Pipeline

from embedded.platform import Platform
from embedded.process import PidFile
from living_answers.airflow_api import AirflowApi

#: An access key's id is no secret, but a name; AWS itself writes it in its logs.
NO_SECRETS = {"aws_access_key_id"}
CANARY = "canary-5f0c1d_7"

Searches = dict[str, Callable[[search.Secrets], list[str]]]


@pytest.fixture(scope="module")
def secrets(platform: Platform, pipeline: Pipeline, api: AirflowApi) -> dict[str, str]:
    """Every secret by its name; at least one day has gone through the platform that we search."""
    if not api.runs("flights_marts", limit=1):
        pipeline.run([days.BACKFILLED[0]])
    generated = json.loads((platform.home.root / "secrets.json").read_text())
    assert generated == asdict(platform.credentials)
    return {name: value for name, value in generated.items() if name not in NO_SECRETS}


@pytest.fixture(scope="module")
def searches(
    platform: Platform, variables: dict[str, str], s3: Any
) -> dict[str, Callable[[search.Secrets], list[str]]]:
    """What is searched, by name."""
    home, airflow, postgres = platform.home, platform.airflow().folder, platform.postgres()

    def database(name: str) -> Callable[[search.Secrets], list[str]]:
        def look(wanted: search.Secrets) -> list[str]:
            with postgres.connect(name) as connection:
                return search.in_database(connection, wanted)

        return look

    def metrics(wanted: search.Secrets) -> list[str]:
        return search.in_text(httpx.get(variables["METRICS_URL"]).raise_for_status().text, "the metrics", wanted)

    entries = [PidFile.read(path) for path in (home.root / "run").glob("*.pid")]
    return {
        "Airflow's database: XCom, rendered fields, runs, audit log": database("airflow"),
        "the warehouse and the ledger": database("warehouse"),
        "Airflow's logs": lambda wanted: search.in_files([airflow / "logs"], wanted),
        "the services' logs, the gateway's among them": lambda wanted: search.in_files([home.root / "logs"], wanted),
        "the Data Docs": lambda wanted: search.in_files([home.root / "data-docs"], wanted),
        "the metrics": metrics,
        "the lake": lambda wanted: search.in_lake(s3, "lake", wanted),
        "the command lines": lambda wanted: search.in_command_lines([e.pid for e in entries if e], wanted),
    }


def test_no_secret_is_found_anywhere(secrets: dict[str, str], searches: Searches) -> None:
    assert len(secrets) > 10
    found = {where: look(secrets) for where, look in searches.items()}
    assert {where: hits for where, hits in found.items() if hits} == {}


def test_airflow_shows_no_secret_of_a_connection(secrets: dict[str, str], api: AirflowApi) -> None:
    """What the UI and the REST API tell an admin: rendered fields, XCom, settings and connections."""
    for dag_id in DAGS:
        for run in api.runs(dag_id, limit=5):
            for task in api.tasks(dag_id, run["dag_run_id"]):
                assert search.in_text(json.dumps(task), f"{dag_id} {task['task_id']}", secrets) == []
    for path in ("connections", "variables", "plugins"):
        assert search.in_text(json.dumps(api._get(f"/api/v2/{path}")), path, secrets) == []


@pytest.fixture
def canary(platform: Platform, s3: Any) -> Iterator[dict[str, str]]:
    """A text planted where each search must find it."""
    root, postgres = platform.home.root, platform.postgres()
    files = [platform.airflow().folder / "logs" / "canary.log", root / "logs" / "canary.log", root / "data-docs" / "c"]
    for file in files:
        file.write_text(f"password={CANARY}")
    for name in ("airflow", "warehouse"):
        with postgres.connect(name) as connection:
            connection.execute("CREATE TABLE canary AS SELECT %s::jsonb AS value, %s::bytea AS bytes", _planted())
    s3.put_object(Bucket="lake", Key="test/canary", Body=CANARY.encode())
    yield {"canary": CANARY}
    for file in files:
        file.unlink()
    for name in ("airflow", "warehouse"):
        with postgres.connect(name) as connection:
            connection.execute("DROP TABLE canary")
    s3.delete_object(Bucket="lake", Key="test/canary")


def _planted() -> tuple[str, bytes]:
    return json.dumps({"password": CANARY}), CANARY.encode()


def test_the_search_finds_what_is_planted(canary: dict[str, str], searches: Searches) -> None:
    everywhere = {where for where in searches if "metrics" not in where and "command lines" not in where}
    assert {where for where, look in searches.items() if look(canary)} == everywhere
    assert search.in_text(f'x{{a="{CANARY}"}} 1', "the metrics", canary)


def test_the_search_of_command_lines_finds_what_is_planted() -> None:
    command = [sys.executable, "-c", "print(flush=True); import time; time.sleep(30)", CANARY]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it runs now: while it starts, its command line may still be empty
        found = search.in_command_lines([process.pid], {"canary": CANARY})
        process.kill()
    assert found != []
