"""Airflow's REST API, as far as the command line and the tests need it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
    wait_random_exponential,
)

#: The DAGs of the main job in the order in which the assets lead a day through them.
MAIN_JOB = ("flights_ingest", "flights_refine", "flights_validate", "flights_load", "flights_marts")
ENDED = frozenset({"success", "failed"})
#: How long a restart of Airflow's API may take before we give up; at the first login nobody waits.
RESTART_SECONDS = 60


class AirflowApiError(RuntimeError):
    """Airflow refused a request. The message holds its own words."""


class NotThere(AirflowApiError):
    """Airflow does not know it: no such DAG or run, or a DAG file that has not been parsed yet."""


class RunTimeout(TimeoutError):
    """A run did not end in time. The message names what it waited for."""


@dataclass
class AirflowApi:
    """A client of one Airflow; logs in on first use. Requests that only read are repeated upon a transport error."""

    url: str
    user: str
    password: SecretStr
    timeout: float = 30.0
    parse_seconds: float = 120.0
    _client: httpx.Client | None = field(default=None, repr=False)

    def trigger(self, dag_id: str, *, partition_key: str | None = None, conf: dict[str, Any] | None = None) -> str:
        """Start a run and return its id.

        Raises:
            AirflowApiError: unknown DAG, or params or partition key that it refuses.
        """
        body = {"logical_date": None, "partition_key": partition_key, "conf": conf or {}}
        return str(self._post(f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def backfill(self, dag_id: str, first: str, last: str, *, reprocess: str = "none") -> int:
        """Start a backfill over days, both ends included; return its id."""
        body = {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "reprocess_behavior": reprocess,
            "max_active_runs": 4,
        }
        return int(self._post("/api/v2/backfills", body)["id"])

    def unpause(self, dag_id: str) -> None:
        """Switch a DAG on; on a platform that has just started, wait until its file has been parsed.

        Raises:
            NotThere: there is no such DAG, even after two minutes.
        """
        attempts = Retrying(
            retry=retry_if_exception_type(NotThere),
            stop=stop_after_delay(self.parse_seconds),
            wait=wait_fixed(1),
            reraise=True,
        )
        attempts(self._request, "PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def dags(self) -> list[dict[str, Any]]:
        """Return all DAGs, by id."""
        found: list[dict[str, Any]] = self._get("/api/v2/dags", limit=1000, order_by="dag_id")["dags"]
        return found

    def details(self, dag_id: str) -> dict[str, Any]:
        """Return a DAG's details, its documentation among them.

        Raises:
            AirflowApiError: there is no such DAG.
        """
        return self._get(f"/api/v2/dags/{dag_id}/details")

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        return self._get(f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")

    def runs(self, dag_id: str, limit: int = 100) -> list[dict[str, Any]]:
        """Return the newest runs of a DAG, newest first."""
        found: list[dict[str, Any]] = self._get(f"/api/v2/dags/{dag_id}/dagRuns", limit=limit, order_by="-id")[
            "dag_runs"
        ]
        return found

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        found: list[dict[str, Any]] = self._get(path, limit=200)["task_instances"]
        return found

    def wait(self, dag_id: str, run_id: str, seconds: float) -> str:
        """Wait until a run has ended and return its state.

        Raises:
            RunTimeout: it has not ended in time.
        """
        for _ in ticks(seconds):
            state = str(self.run(dag_id, run_id)["state"])
            if state in ENDED:
                return state
        raise RunTimeout(f"{dag_id} {run_id} has not ended within {seconds:.0f} s")

    def _get(self, path: str, **params: Any) -> dict[str, Any]:
        attempts = Retrying(
            retry=retry_if_exception_type(httpx.TransportError),
            stop=stop_after_attempt(4),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            reraise=True,
        )
        answer: dict[str, Any] = attempts(self._request, "GET", path, params=params)
        return answer

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._request("POST", path, json=body)

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        # Nothing was sent when a connection is refused, so any request may be sent again: Airflow may be restarting.
        attempts = Retrying(
            retry=retry_if_exception_type(httpx.ConnectError),
            stop=stop_after_delay(RESTART_SECONDS),
            wait=wait_random_exponential(multiplier=0.5, max=5),
            reraise=True,
        )
        response = attempts(self._session().request, method, path, **arguments)
        if response.is_error:
            kind = NotThere if response.status_code == httpx.codes.NOT_FOUND else AirflowApiError
            raise kind(f"{method} {path}: {response.status_code} {response.text[:500]}")
        answer: dict[str, Any] = response.json()
        return answer

    def _session(self) -> httpx.Client:
        if self._client is None:
            client = httpx.Client(base_url=self.url, timeout=self.timeout)
            login = {"username": self.user, "password": self.password.get_secret_value()}
            try:
                response = client.post("/auth/token", json=login)
            except httpx.TransportError as error:
                told = f"Airflow at {self.url} does not answer ({error}): is the platform up? answers up starts it"
                raise AirflowApiError(told) from error
            if response.is_error:
                raise AirflowApiError(
                    f"Airflow at {self.url} refuses the login of {self.user!r}: {response.status_code}"
                )
            client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
            self._client = client
        return self._client


def ticks(seconds: float, pause: float = 0.5) -> Iterator[float]:
    """Yield the seconds passed, every ``pause`` seconds, until ``seconds`` are over."""
    start = time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        yield passed
        time.sleep(pause)
