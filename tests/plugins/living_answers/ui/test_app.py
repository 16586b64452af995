"""The page over a real ledger: what it shows, to whom, and what it never lets through."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from living_answers.ui.app import app

SCRIPT = "<script>alert(1)</script>"
ADDRESSES = ["/", "/claims", "/systems", "/answer/load", "/question/etl-idempotent-pipelines", "/asset/answers.js"]


@pytest.fixture
def load(answers: Any) -> Any:
    """One answer, proven, with its counterexample broken on purpose before."""
    answers.write("load", questions=("etl-idempotent-pipelines",))
    answers.prove("load", "broken", way="twice")
    answers.judge("load", "broken", way="twice")
    answers.prove("load", "as it is")
    answers.judge("load", "as it is")
    return answers


def test_no_route_answers_without_a_login() -> None:
    client = TestClient(app)
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(routes) == len(app.routes) >= 7  # no documentation, no mounted folder
    for route in routes:
        address = route.path.format(dag_id="load", run_id="run", question_id="q", name="answers.css")
        assert route.methods == {"GET"}, "the page only reads"
        assert client.get(address).status_code == 401, address


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_says_what_a_browser_may_load(page: TestClient, load: Any, address: str) -> None:
    answer = page.get(address)
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("address", ["/", "/claims", "/systems", "/answer/load", "/question/py-memory-allocation"])
def test_pages_obey_their_own_policy_and_name_no_other_host(page: TestClient, load: Any, address: str) -> None:
    html = page.get(address).text
    assert " style=" not in html
    assert "<style" not in html
    assert " onclick=" not in html
    assert all(word not in html for word in ('src="http', 'src="//', 'rel="stylesheet" href="http'))


def test_the_index_shows_all_questions_with_their_status(page: TestClient, load: Any) -> None:
    html = page.get("/").text
    assert html.count('<li class="row"') == 280
    assert html.count('data-status="proven"') == 1
    assert html.count('data-status="not answered yet"') == 279
    assert "What does load do?" in html


def test_an_answer_shows_its_evidence_and_the_judgement(page: TestClient, load: Any) -> None:
    html = page.get("/answer/load").text
    assert "It did what it promises" in html
    assert "It failed where it should" in html
    assert "failed as it should" in html
    assert "1\xa0row<" in html
    assert "2\xa0rows<" in html
    assert 'data-run-way="twice"' in html
    assert "/dags/load/runs/as%20it%20is" in html


def test_a_counterexample_that_holds_is_a_failure(page: TestClient, answers: Any) -> None:
    answers.write("load")
    answers.prove("load", way="twice", holds=True)
    answers.judge("load", way="twice", faults=(f"the proof should fail and does not: {answers.proof}",))
    html = page.get("/answer/load").text
    assert "It did not fail as it should" in html
    assert "should fail" in html


def test_evidence_that_nobody_judged_is_shown_as_such(page: TestClient, answers: Any) -> None:
    answers.write("load")
    answers.prove("load")
    html = page.get("/answer/load").text
    assert "Not judged yet" in html
    assert "1 proof holds." in html


def test_a_changed_file_makes_its_evidence_stale(page: TestClient, load: Any) -> None:
    load.write("load", questions=("etl-idempotent-pipelines",), title="Something else?")
    assert 'data-status="stale"' in page.get("/").text
    assert "The file has changed since." in page.get("/answer/load").text


def test_a_claim_has_a_verdict_only_while_its_proof_holds(page: TestClient, answers: Any) -> None:
    answers.write("load", claims=answers.claim("wrong"))
    assert page.get("/claims").text.count('data-status="wrong"') == 0
    answers.prove("load")
    answers.judge("load")
    html = page.get("/claims").text
    assert html.count('data-status="wrong"') == 1
    assert "it does <code>that</code>" in html


def test_a_stand_in_is_labelled(page: TestClient, answers: Any) -> None:
    answers.write("load", stand_ins='{"python": "something like it"}')
    assert "something like it" in page.get("/answer/load").text
    assert "something like it" in page.get("/systems").text


def test_a_question_leads_to_its_answer(page: TestClient, load: Any) -> None:
    answer = page.get("/question/etl-idempotent-pipelines", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/answer/load")
    assert "must show at the least" in page.get("/question/py-memory-allocation").text


def test_a_question_with_two_answers_shows_both(page: TestClient, load: Any) -> None:
    load.write("other", questions=("etl-idempotent-pipelines", "dq-anomaly-alerts"))
    html = page.get("/").text
    assert "What does load do?" in html
    assert "What does other do?" in html


@pytest.mark.parametrize(
    "address", ["/answer/absent", "/question/absent", "/asset/absent", "/asset/..%2Fapp.py", "/answer/load/run/absent"]
)
def test_what_is_not_there_is_not_found(page: TestClient, load: Any, address: str) -> None:
    assert page.get(address).status_code == 404


def test_evidence_prose_and_code_are_text_whatever_they_hold(page: TestClient, answers: Any) -> None:
    answers.write("load", title=SCRIPT, stand_ins=repr({"python": SCRIPT}), claims=answers.claim("wrong", SCRIPT))
    hostile: dict[str, Any] = {"proof": SCRIPT, "observed": {SCRIPT: SCRIPT}, "expected": [[SCRIPT]]}
    answers.prove("load", way="twice", task_id=SCRIPT, unit=SCRIPT, difference=SCRIPT, partition=SCRIPT, **hostile)
    answers.judge("load", way="twice", faults=(SCRIPT,))
    for address in ("/", "/claims", "/systems", "/answer/load", "/answer/%3Cscript%3Ealert(1)%3C%2Fscript%3E"):
        html = page.get(address).text
        assert "<script>" not in html, address
    assert "&lt;script&gt;" in page.get("/answer/load").text


def test_what_somebody_may_not_read_is_not_there(page: TestClient, load: Any, log_in: Callable[..., None]) -> None:
    log_in(hidden=frozenset({"load"}))
    assert "What does load do?" not in page.get("/").text
    assert page.get("/answer/load").status_code == 404
    assert page.get("/question/etl-idempotent-pipelines").text.count("not answered yet") > 0


def test_who_may_not_run_gets_no_buttons(page: TestClient, load: Any, log_in: Callable[..., None]) -> None:
    log_in(runs=False)
    html = page.get("/answer/load").text
    assert "You may look at this DAG, but not run it." in html
    assert 'data-run-way="twice"' not in html


def test_a_file_that_is_being_written_takes_nothing_with_it(page: TestClient, load: Any) -> None:
    (load.folder / "etl" / "half.py").write_text("def half(")
    load.write("wrong", questions=("nobody-asks-this",))
    html = page.get("/").text
    assert "What does load do?" in html
    assert "half.py" in html
    assert "the notes ask no nobody-asks-this" in html


def test_a_ledger_out_of_reach_is_said_in_words(page: TestClient, load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", "postgresql://ledger:hidden-word@127.0.0.1:1/none")
    answer = page.get("/")
    assert answer.status_code == 503
    assert "hidden-word" not in answer.text


def test_a_run_under_way_is_followed(page: TestClient, load: Any, runs: Any) -> None:
    runs.active = "manual__1+2"
    assert 'data-run="manual__1+2"' in page.get("/answer/load").text
