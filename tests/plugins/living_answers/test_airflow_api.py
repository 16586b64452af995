"""The REST client against a web server that answers as Airflow was seen to (the e2e tests use the real one)."""

from __future__ import annotations

import threading

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from living_answers.airflow_api import AirflowApi, AirflowApiError, NotThere, RunTimeout
from living_answers.follow import Follower

RUNS = "/api/v2/dags/{}/dagRuns"


@pytest.fixture
def api(httpserver: HTTPServer) -> AirflowApi:
    login = {"username": "admin", "password": "secret-password"}
    httpserver.expect_request("/auth/token", method="POST", json=login).respond_with_json(
        {"access_token": "t0ken"}, status=201
    )
    return AirflowApi(httpserver.url_for(""), "admin", SecretStr("secret-password"))


def test_a_trigger_sends_the_partition_key_and_the_token(api: AirflowApi, httpserver: HTTPServer) -> None:
    httpserver.expect_request(
        RUNS.format("d"),
        method="POST",
        headers={"Authorization": "Bearer t0ken"},
        json={"logical_date": None, "partition_key": "2013-01-01", "conf": {}},
    ).respond_with_json({"dag_run_id": "manual__1"})
    assert api.trigger("d", partition_key="2013-01-01") == "manual__1"


def test_a_refusal_is_told_in_airflows_words_and_without_the_password(api: AirflowApi, httpserver: HTTPServer) -> None:
    httpserver.expect_request(RUNS.format("d")).respond_with_json({"detail": "no such key"}, status=422)
    with pytest.raises(AirflowApiError, match=r"(?s)422 .*no such key") as raised:
        api.trigger("d", partition_key="x")
    assert "secret-password" not in str(raised.value) + repr(api)


def test_a_wrong_login_is_named(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/auth/token").respond_with_json({}, status=401)
    with pytest.raises(AirflowApiError, match="refuses the login of 'admin': 401"):
        AirflowApi(httpserver.url_for(""), "admin", SecretStr("no")).dags()


def test_a_platform_that_is_down_is_named_with_the_remedy() -> None:
    with pytest.raises(AirflowApiError, match=r"does not answer .* answers up starts it"):
        AirflowApi("http://127.0.0.1:9", "admin", SecretStr("no")).dags()


def test_run_ids_are_quoted_in_the_path(api: AirflowApi, httpserver: HTTPServer) -> None:
    httpserver.expect_request(RUNS.format("d") + "/manual__2013-01-01T00:00:00+00:00").respond_with_json(
        {"state": "ok"}
    )
    assert api.run("d", "manual__2013-01-01T00:00:00+00:00") == {"state": "ok"}


def test_waiting_ends_with_the_run_or_with_its_patience(api: AirflowApi, httpserver: HTTPServer) -> None:
    httpserver.expect_request(RUNS.format("d") + "/done").respond_with_json({"state": "failed"})
    httpserver.expect_request(RUNS.format("d") + "/slow").respond_with_json({"state": "running"})
    assert api.wait("d", "done", seconds=5) == "failed"
    with pytest.raises(RunTimeout, match="slow has not ended within 1 s"):
        api.wait("d", "slow", seconds=1)


def _run(run_id: str, day: str, state: str) -> dict[str, object]:
    return {"dag_run_id": run_id, "partition_key": day, "state": state, "duration": 1.5}


def test_a_second_pass_is_told_from_the_first(api: AirflowApi, httpserver: HTTPServer) -> None:
    path, day = RUNS.format("d"), "2013-01-01"
    first, second = _run("first", day, "success"), _run("second", day, "running")
    for runs in ([first], [first], [second, first]):
        httpserver.expect_oneshot_request(path).respond_with_json({"dag_runs": runs})
    follower = Follower(api, [day], ("d",))
    assert follower.look() == {}
    assert [cell.run_id for cell in follower.look().values()] == ["second"]


@pytest.mark.parametrize(
    ("state", "ended", "failed"), [("success", True, False), ("failed", True, True), ("running", False, False)]
)
def test_a_day_ends_with_the_last_dag_or_with_a_failure(
    api: AirflowApi, httpserver: HTTPServer, state: str, ended: bool, failed: bool
) -> None:
    path, day = RUNS.format("d"), "2013-01-01"
    for runs in ([], [_run("r", day, state)]):
        httpserver.expect_oneshot_request(path).respond_with_json({"dag_runs": runs})
    follower = Follower(api, [day], ("d",))
    cells = follower.look()
    assert (follower.ended(cells, day), follower.failed(cells, day)) == (ended, failed)


def test_a_restart_of_airflow_is_waited_for(api: AirflowApi, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v2/dags").respond_with_json({"dags": []})
    assert api.dags() == []
    port = httpserver.port
    httpserver.stop()
    again = threading.Timer(1.0, httpserver.start)
    again.start()
    httpserver.port = port
    assert api.dags() == []


def test_a_dag_that_is_not_parsed_yet_is_waited_for(api: AirflowApi, httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/auth/token").respond_with_json({"access_token": "t0ken"}, status=201)
    httpserver.expect_ordered_request("/api/v2/dags/d").respond_with_json({"detail": "not found"}, status=404)
    httpserver.expect_ordered_request("/api/v2/dags/d", method="PATCH").respond_with_json({})
    api.unpause("d")
    httpserver.check()


def test_a_dag_that_never_comes_is_named(api: AirflowApi, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v2/dags/d").respond_with_json({"detail": "Dag d was not found"}, status=404)
    api.parse_seconds = 0.1
    with pytest.raises(NotThere, match="Dag d was not found"):
        api.unpause("d")
