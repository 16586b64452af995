"""One embedded platform for all end-to-end tests, in a folder and on ports of its own."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import SecretStr
from support.pipeline import DAGS, Pipeline, wait_until
from support.warehouse import Warehouse

from embedded.addresses import Ports
from embedded.home import Home
from embedded.platform import Platform, down, up
from living_answers.airflow_api import AirflowApi
from living_answers.demo.faults import FaultControl

HERE = Path(__file__).parent
#: A folder in which the platform stays up from run to run: for whoever writes these tests.
KEEP_VARIABLE = "LIVING_ANSWERS_E2E_HOME"
#: What engines on demand fetch (hundreds of megabytes) is kept here for the next run, as in daily use.
CACHE = HERE.parents[1] / ".platform" / "cache"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-crash-matrix", action="store_true", help="write docs/crash-matrix.md from what was seen")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These come last, so that a broken unit is heard of first; the search for secrets looks back at all of them."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(600))
    items.sort(key=lambda item: (HERE in item.path.parents, item.path.name == "test_secrets.py"))


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    kept = os.environ.get(KEEP_VARIABLE)
    home = Home(Path(kept or tempfile.mkdtemp(prefix="la-e2e-")))
    home.create()
    if not (home.root / "ports.json").exists():
        _random_ports().save(home.root / "ports.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSWERS_CACHE", os.environ.get("ANSWERS_CACHE") or str(CACHE))
        try:
            yield up(home, _silent)
        finally:
            if not kept:
                down(home, _silent)
                shutil.rmtree(home.root, ignore_errors=True)


def _random_ports() -> Ports:
    """Away from the preferred ones, which a platform in daily use has, and from the kernel's own range."""
    base = 12_000 + secrets.randbelow(8_000)
    return Ports(**{field.name: base + 2 * number for number, field in enumerate(fields(Ports))})


def _silent(name: str, state: str, seconds: float) -> None:
    pass


@pytest.fixture(scope="session")
def variables(platform: Platform) -> dict[str, str]:
    """What `answers env` prints."""
    return dict(platform.connections().shell())


@pytest.fixture(scope="session")
def api(variables: dict[str, str]) -> AirflowApi:
    """Airflow as its admin sees it, with the main job's DAGs switched on."""
    client = AirflowApi(variables["AIRFLOW_URL"], "admin", SecretStr(variables["AIRFLOW_PASSWORD"]))
    wait_until(lambda: set(DAGS) <= {dag["dag_id"] for dag in client.dags()}, 120, "the DAGs are not parsed")
    for dag_id in DAGS:
        client.unpause(dag_id)
    return client


@pytest.fixture(scope="session")
def viewer(platform: Platform) -> AirflowApi:
    """Airflow as somebody who may look and not touch."""
    return AirflowApi(platform.airflow().url(), "viewer", SecretStr(platform.credentials.airflow_viewer))


@pytest.fixture(scope="session")
def pipeline(api: AirflowApi, platform: Platform) -> Pipeline:
    return Pipeline(api, platform.airflow().folder / "logs")


@pytest.fixture(scope="session")
def warehouse(variables: dict[str, str]) -> Warehouse:
    return Warehouse(variables["WAREHOUSE_URL"])


@pytest.fixture(scope="session")
def levers(variables: dict[str, str]) -> FaultControl:
    """The source's levers; who pulls one puts it back."""
    return FaultControl(variables["FLIGHTS_API_URL"], SecretStr(variables["FLIGHTS_API_ADMIN_TOKEN"]))


@pytest.fixture
def faults(levers: FaultControl) -> Iterator[FaultControl]:
    """The source's levers; the source is mended when the test is over."""
    yield levers
    levers.clear()


@pytest.fixture(scope="session")
def failpoints(platform: Platform) -> Path:
    """The folder in which failpoints are armed."""
    return Path(platform.connections().airflow()["LIVING_ANSWERS_FAILPOINTS"])


@pytest.fixture(scope="session")
def s3(variables: dict[str, str]) -> Any:
    """A client of the platform's S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_DEFAULT_REGION"],
    )


@pytest.fixture
def airflow_connections(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's connections in this process's environment, so that operators and hooks run here as in a task."""
    for name, value in platform.connections().airflow().items():
        monkeypatch.setenv(name, value)
