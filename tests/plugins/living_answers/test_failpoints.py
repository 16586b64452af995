"""A failpoint strikes once, where it is armed, and nowhere else."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from living_answers import failpoints
from living_answers.failpoints import FailpointError, UnknownFailpointError, arm, armed, failpoint

DAY = "2013-01-01T00:00:00+00:00"
NAME = "load.after_merge"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(failpoints.FOLDER_VARIABLE, str(tmp_path / "failpoints"))
    return tmp_path / "failpoints"


def test_nothing_happens_unless_it_is_armed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failpoint(NAME, DAY)
    arm(folder, NAME, "2013-01-02")
    failpoint(NAME, DAY)
    failpoint("load.after_claim", "2013-01-02")
    monkeypatch.delenv(failpoints.FOLDER_VARIABLE)
    failpoint(NAME, "2013-01-02")
    assert armed(folder) == [f"{NAME}@2013-01-02"]


def test_kill_is_sigkill_and_strikes_once(folder: Path) -> None:
    arm(folder, NAME, DAY)
    code = f"from living_answers.failpoints import failpoint; failpoint({NAME!r}, {DAY!r}); print('alive')"
    runs = [
        subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=30)
        for _ in range(2)
    ]
    assert runs[0].returncode == -signal.SIGKILL
    assert (runs[1].returncode, runs[1].stdout) == (0, "alive\n")
    assert armed(folder) == []


def test_raise_and_sleep(folder: Path) -> None:
    arm(folder, NAME, DAY, "raise")
    with pytest.raises(FailpointError, match=NAME):
        failpoint(NAME, DAY)
    failpoint(NAME, DAY)
    arm(folder, NAME, DAY, "sleep 0.05")
    started = time.perf_counter()
    failpoint(NAME, DAY)
    assert time.perf_counter() - started >= 0.05


def test_unknown_names_and_actions_are_refused_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="action"):
        arm(folder, NAME, DAY, "explode")
    monkeypatch.delenv(failpoints.FOLDER_VARIABLE)
    with pytest.raises(UnknownFailpointError, match="REGISTRY"):
        failpoint("load.no_such_place", DAY)


def test_the_registry_cannot_be_changed_and_each_name_says_its_step() -> None:
    with pytest.raises(TypeError):
        failpoints.REGISTRY["x"] = "y"  # type: ignore[index]
    assert all("." in name and text for name, text in failpoints.REGISTRY.items())


def test_every_failpoint_is_somewhere_in_the_code_and_every_one_there_is_registered() -> None:
    root = Path(__file__).parents[3]
    sources = [path.read_text() for folder in ("dags", "plugins") for path in (root / folder).rglob("*.py")]
    placed = {name for source in sources for name in re.findall(r'failpoint\(\s*"([^"]+)"', source)}
    assert placed == set(failpoints.REGISTRY)
