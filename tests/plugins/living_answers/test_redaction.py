"""No secret gets through, and innocent text does."""

import pytest

from living_answers.redaction import redact


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://me:hunter2@db:5432/x failed", "postgresql://me:***@db:5432/x failed"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        (
            "COPY t FROM 's3://b/k' credentials 'aws_access_key_id=A;aws_secret_access_key=B' CSV",
            "COPY t FROM 's3://b/k' credentials '***' CSV",
        ),
        (
            "COPY t ACCESS_KEY_ID 'A' SECRET_ACCESS_KEY 'B/c+' CSV",
            "COPY t ACCESS_KEY_ID 'A' SECRET_ACCESS_KEY '***' CSV",
        ),
        ("password=hunter2 host=db", "password=*** host=db"),
        ("sc://localhost:1/;token=abc", "sc://localhost:1/;token=***"),
        ("flight UA1545 from EWR: distance -1", "flight UA1545 from EWR: distance -1"),
        ("Expecting value: line 1 column 7", "Expecting value: line 1 column 7"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, masked: str) -> None:
    assert redact(text) == masked


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW_CONN_A", "postgres://me:canary%21one@db/x"),
        ("AIRFLOW_CONN_A", '{"conn_type": "aws", "login": "AKIA", "password": "canary!one"}'),
        ("AIRFLOW_CONN_A", '{"conn_type": "x", "extra": "{\\"aws_session_token\\": \\"canary!one\\"}"}'),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://airflow:canary%21one@db/airflow"),
        ("AWS_SECRET_ACCESS_KEY", "canary!one"),
        ("FLIGHTS_API_TOKEN", "canary!one"),
    ],
)
def test_a_secret_of_the_environment_is_masked(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert redact("it was canary!one, or so") == "it was ***, or so"


def test_a_broken_connection_hides_nothing_and_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_A", "{not json")
    monkeypatch.setenv("AIRFLOW_CONN_B", '{"extra": "not json"}')
    monkeypatch.setenv("AIRFLOW_CONN_C", "http://[broken")
    assert redact("text") == "text"
