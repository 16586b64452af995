"""The arrows that import-linter cannot see: dags and jobs are folders of programs, not packages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SERVICES = {"embedded", "flights_api", "redshift_gateway"}
FORBIDDEN = {
    "dags": {*SERVICES, "jobs", *(file.stem for file in (ROOT / "jobs").glob("*.py"))},
    "jobs": {*SERVICES, "airflow", "living_answers"},
    "plugins": {"dags", *(file.stem for file in (ROOT / "jobs").glob("*.py"))},
}


def imported(file: Path) -> Iterator[str]:
    """Yield the top-level name of each module that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(file.read_text(), file)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_arrows_point_one_way(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    allowed = {ROOT / "plugins/living_answers/cli/platform.py": {"embedded"}}
    wrong = {file: FORBIDDEN[folder].intersection(imported(file)) - allowed.get(file, set()) for file in files}
    assert not {str(file): names for file, names in wrong.items() if names}
