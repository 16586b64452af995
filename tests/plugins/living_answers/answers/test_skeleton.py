"""The skeleton of an answer is an answer already: it parses, is declared, and can be broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from living_answers.answers.declaration import read
from living_answers.answers.skeleton import SkeletonError, write


def test_a_skeleton_is_an_answer(tmp_path: Path) -> None:
    file = write("etl", "my_answer", ["etl-vs-elt"], folder=tmp_path)
    answer = read(file)
    assert (answer.dag_id, answer.area, answer.questions) == ("my_answer", "etl", ("etl-vs-elt",))
    bag = DagBag(dag_folder=file, safe_mode=False)
    assert not bag.import_errors
    assert list(bag.dags) == ["my_answer"]


@pytest.mark.parametrize(
    ("area", "slug", "questions", "told"),
    [
        ("nowhere", "my_answer", [], "no area 'nowhere'; there are python"),
        ("etl", "My-Answer", [], "is no name for a DAG"),
        ("etl", "my_answer", ["nothing"], "etl has no question nothing"),
    ],
)
def test_what_cannot_be_written_is_named(area: str, slug: str, questions: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(SkeletonError, match=told):
        write(area, slug, questions, folder=tmp_path)


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    write("etl", "my_answer", [], folder=tmp_path)
    with pytest.raises(SkeletonError, match=r"there is a DAG my_answer already: etl/my_answer\.py"):
        write("quality", "my_answer", [], folder=tmp_path)
