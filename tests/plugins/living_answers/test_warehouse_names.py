"""Names and scripts that become SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from living_answers.warehouse import quoted, statements

SCRIPTS = sorted(Path(__file__).parents[3].glob("dags/flights/sql/*.sql"))


def test_names_are_quoted() -> None:
    assert quoted("staging.flights_0a1b") == '"staging"."flights_0a1b"'


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a;drop table b", "A", "a.b.c", "1a", "a" * 64])
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no table name"):
        quoted(name)


def test_there_are_scripts() -> None:
    assert {script.name.split("_")[0] for script in SCRIPTS} == {"merge", "mart"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_has_a_header_and_no_placeholder_is_left(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("-- What: ")
    assert "Grain: " in text
    assert "Engine: Redshift, PostgreSQL" in text
    for statement in statements(script, stage=quoted("staging.x")):
        assert "$" not in statement
