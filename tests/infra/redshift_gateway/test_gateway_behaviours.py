"""Runs each entry of behaviours/*.yaml through a real client, and holds the README's table to them."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from behaviour_table import AREAS, README, Behaviour, behaviours, written

CASES = [pytest.param(b, id=f"{area}-{b.what}") for area in AREAS for b in behaviours(area)]


@pytest.fixture
def schema(connection: psycopg.Connection) -> Iterator[str]:
    """A schema of the test's own, first in the search path."""
    name = f"t{uuid.uuid4().hex[:10]}"
    connection.execute(f"create schema {name}")
    connection.execute(f"set search_path = {name}, public")
    yield name
    connection.execute(f"drop schema if exists {name} cascade")


@pytest.mark.parametrize("behaviour", CASES)
def test_behaviour(
    connection: psycopg.Connection, schema: str, put: Any, s3: Any, credentials: str, behaviour: Behaviour
) -> None:
    url, database = f"s3://{s3.bucket}/behaviours/{schema}", connection.info.dbname
    for key, content in behaviour.objects.items():
        put(
            f"behaviours/{schema}/{key}", content.replace("{s3}", url).encode() if isinstance(content, str) else content
        )

    def run(sql: str) -> Any:
        return connection.execute(sql.format(s3=url, credentials=credentials, schema=schema, database=database))

    for statement in _statements(behaviour.setup):
        run(statement)
    if behaviour.error is not None:
        for statement in behaviour.run[:-1]:
            run(statement)
        with pytest.raises(psycopg.Error) as refused:
            run(behaviour.run[-1])
        assert refused.value.sqlstate == behaviour.error.sqlstate
        assert behaviour.error.says.lower() in str(refused.value).lower()
        return
    for statement in behaviour.run:
        result = run(statement)
    if behaviour.check:
        result = run(behaviour.check)
    expected = [
        [v and v.replace("{schema}", schema).replace("{database}", database) for v in row]
        for row in _texts(behaviour.gives or [])
    ]
    assert _texts(result.fetchall()) == expected


def _statements(script: str) -> list[str]:
    return [s for s in map(str.strip, script.split(";\n")) if s.rstrip(";")]


def _texts(rows: list[Any]) -> list[list[str | None]]:
    """Rows with each value as a text, so that YAML's and the driver's types compare."""
    return [[None if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in row] for row in rows]


def test_the_table_in_the_readme_is_what_the_tests_say() -> None:
    text = README.read_text()
    assert written(text) == text, "run: python tests/infra/redshift_gateway/behaviour_table.py"
