"""Every DAG file imports, quickly and without touching anything; every DAG has its page and its settings."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest
from airflow.sdk import DAG

DAGS = Path(__file__).parents[2] / "dags"
FILES = sorted(path for path in DAGS.rglob("*.py"))


@pytest.fixture(scope="module")
def dags() -> dict[Path, list[DAG]]:
    """The DAGs of each file, as Airflow's own parser sees them."""
    from airflow.dag_processing.dagbag import DagBag

    found: dict[Path, list[DAG]] = {}
    for file in FILES:
        bag = DagBag(dag_folder=file, safe_mode=False)
        assert not bag.import_errors, bag.import_errors
        found[file] = list(bag.dags.values())
    return found


def test_there_are_dags() -> None:
    assert len(FILES) >= 6


def test_every_file_holds_one_dag_named_like_it(dags: dict[Path, list[DAG]]) -> None:
    assert {file.stem: [dag.dag_id for dag in found] for file, found in dags.items()} == {
        file.stem: [file.stem] for file in FILES
    }


def test_every_dag_has_its_page_owner_tags_and_retries(dags: dict[Path, list[DAG]]) -> None:
    for dag in (dag for found in dags.values() for dag in found):
        assert dag.doc_md, dag.dag_id
        assert dag.tags, dag.dag_id
        assert not dag.catchup, dag.dag_id
        for task in dag.tasks:
            assert task.retries >= 1, (dag.dag_id, task.task_id)
            assert task.owner != "airflow", (dag.dag_id, task.task_id)


def test_the_pages_of_the_main_job_are_for_the_person_on_call(dags: dict[Path, list[DAG]]) -> None:
    for dag in (dag for found in dags.values() for dag in found if "main-job" in dag.tags):
        for heading in ("**What it does.**", "**How it fails.**", "**Then.**"):
            assert heading in str(dag.doc_md), (dag.dag_id, heading)


def test_no_dag_has_a_cycle(dags: dict[Path, list[DAG]]) -> None:
    for dag in (dag for found in dags.values() for dag in found):
        dag.check_cycle()


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_parsing_costs_milliseconds(file: Path, dags: dict[Path, list[DAG]]) -> None:
    """Once Airflow and the operators are imported (the DAG processor has them), a file adds next to nothing.

    No figure in seconds: the file is held against parsing and compiling nothing but its own text, a hundred times over.
    """
    text = file.read_text()
    start = time.process_time()
    for _ in range(100):
        compile(ast.parse(text), str(file), "exec")
    compiled = time.process_time() - start
    start = time.process_time()
    exec(compile(text, str(file), "exec"), {"__name__": "parsed", "__file__": str(file), "__doc__": ""})  # noqa: S102
    assert time.process_time() - start < compiled


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_nothing_asks_the_clock(file: Path) -> None:
    """Windows derive from the partition: a DAG that asked for today would not be the same when it is run again."""
    assert "datetime.now" not in file.read_text()
    assert "date.today" not in file.read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_file_stays_short(file: Path) -> None:
    text = file.read_text()
    page = ast.get_docstring(ast.parse(text), clean=False) or ""
    lines = [line for line in text.replace(page, "").splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(lines) <= 150
