"""Nothing stands alone: no question said to be answered, no file and no claim is without its answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from living_answers.answers import index
from living_answers.answers.declaration import DAGS, NOT_AREAS, read_all
from living_answers.answers.standing import answers_of
from living_answers.catalogue import load

ROOT = Path(__file__).parents[4]
ANSWERS = read_all()
CATALOGUE = load()
#: Areas whose every question has an answer; the README says so of these.
WHOLE = ("ingestion", "etl", "sql", "warehouse", "quality", "reliability", "observability", "performance")


@pytest.mark.parametrize("area", WHOLE)
def test_every_question_of_a_whole_area_has_an_answer(area: str) -> None:
    assert [question.id for question in CATALOGUE.areas[area] if not answers_of(question.id, ANSWERS)] == []


@pytest.mark.parametrize("area", WHOLE)
def test_every_claim_that_points_at_a_whole_area_has_a_verdict(area: str) -> None:
    questions = {question.id for question in CATALOGUE.areas[area]}
    pointing = {claim.id for claim in CATALOGUE.claims.values() if questions & set(claim.questions)}
    assert sorted(pointing - {claim for answer in ANSWERS.values() for claim in answer.claims}) == []


def test_a_claim_has_one_verdict_and_from_an_answer_to_one_of_its_questions() -> None:
    given = [(claim, answer) for answer in ANSWERS.values() for claim in answer.claims]
    assert len(given) == len({claim for claim, _ in given}), "two answers give a verdict on the same claim"
    strange = [c for c, answer in given if not set(CATALOGUE.claims[c].questions) & set(answer.questions)]
    assert strange == []


def test_every_folder_of_dags_is_an_area_and_every_file_beside_an_answer_is_its_own() -> None:
    folders = {folder.name for folder in DAGS.iterdir() if folder.is_dir()} - NOT_AREAS
    assert folders <= CATALOGUE.areas.keys()
    beside = [file for area in folders for file in (DAGS / area / "sql").glob("*.sql")]
    assert [file.name for file in beside if not any(file.stem.startswith(dag_id) for dag_id in ANSWERS)] == []


def test_the_index_says_of_no_question_that_it_is_answered_when_it_is_not() -> None:
    """A new answer need not be in the index yet: adding one takes one file, and no change elsewhere."""
    written = set(linked((ROOT / "docs/questions.md").read_text()))
    assert written
    assert written - set(linked(index.markdown(CATALOGUE, ANSWERS))) == set(), (
        "write it anew: answers list --markdown > docs/questions.md"
    )


def linked(text: str) -> list[tuple[str, str]]:
    """Each question of the index with each file that is said to answer it."""
    lines = [line for line in text.splitlines() if line.startswith("- `")]
    return [(line.split("`")[1], file) for line in lines for file in re.findall(r"\]\(\.\./(dags/[^)]+)\)", line)]
