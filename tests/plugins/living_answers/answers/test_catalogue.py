"""The catalogue is whole, and what answers declare exists in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from living_answers.answers.declaration import DeclarationError, read, read_all
from living_answers.catalogue import Catalogue, load

ANSWERS = read_all()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def test_no_entry_was_dropped(catalogue: Catalogue) -> None:
    assert (len(catalogue.questions), len(catalogue.claims), len(catalogue.systems)) == (280, 309, 128)
    assert sum(len(questions) for questions in catalogue.areas.values()) == 280


def test_there_are_answers() -> None:
    assert ANSWERS


@pytest.mark.parametrize("dag_id", ANSWERS)
def test_what_an_answer_names_is_in_the_catalogue(dag_id: str, catalogue: Catalogue) -> None:
    answer = ANSWERS[dag_id]
    assert set(answer.questions) <= catalogue.questions.keys()
    assert set(answer.claims) <= catalogue.claims.keys()
    assert set(answer.stand_ins) <= catalogue.systems.keys()
    assert {catalogue.questions[question].area for question in answer.questions} == {answer.area}


@pytest.mark.parametrize("dag_id", ANSWERS)
def test_an_answer_can_be_broken_at_proofs_that_it_has(dag_id: str) -> None:
    answer = ANSWERS[dag_id]
    assert answer.breaks
    assert all(way.fails for way in answer.breaks.values())
    body = answer.code.partition('"""')[2].partition('"""')[2]
    assert [
        name for name in sorted(answer.named_proofs) if not re.search(rf'prove(_raises)?\(\s*"{re.escape(name)}"', body)
    ] == []


@pytest.mark.parametrize("dag_id", ANSWERS)
def test_a_page_has_all_its_parts(dag_id: str) -> None:
    parts = (
        "**Say it.**",
        "**How it works.**",
        "**This run proves**",
        "**Break it.**",
        "**Where this stops.**",
        "**Sources.**",
    )
    assert [part for part in parts if part not in ANSWERS[dag_id].page] == []
    said = ANSWERS[dag_id].page.partition("**Say it.**")[2].partition("**How it works.**")[0]
    assert len(said.split()) <= 60, "Say it: as one would say it aloud, in at most 60 words"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("x = 1", "must hold an @answer"),
        ("@answer(questions=[name], breaks={})\ndef a(): ...", "literals only"),
        ("@answer(breaks={})\ndef a(): ...", "questions"),
        ("@answer(questions=['q'], breaks={'w': {'what': 'x'}})\ndef a(): ...", "fails"),
    ],
)
def test_a_file_that_is_no_answer_is_named_with_its_fault(code: str, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(code)
    with pytest.raises(DeclarationError, match=rf"(?s)wrong\.py: .*{fault}"):
        read(file)
