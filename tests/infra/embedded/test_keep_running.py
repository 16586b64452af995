"""What ends by itself is started again, what is stopped is not, and what cannot run is left alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embedded import keep_running


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def wait_for(file: Path, count: int) -> list[str]:
    for _ in range(200):
        if len(found := lines(file)) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{count} starts were expected, {lines(file)} were seen")


@pytest.fixture
def kept(tmp_path: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """A process that writes its pid and sleeps, kept running."""
    starts = tmp_path / "starts"
    body = f"import os, time; open({str(starts)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(120)"
    keeper = subprocess.Popen([sys.executable, "-m", "embedded.keep_running", sys.executable, "-c", body])
    yield keeper, starts
    keeper.kill()
    for pid in lines(starts):
        subprocess.run(["kill", "-9", pid], check=False, capture_output=True)


def test_a_killed_command_is_started_again(kept: tuple[subprocess.Popen[bytes], Path]) -> None:
    keeper, starts = kept
    (first,) = wait_for(starts, 1)
    os.kill(int(first), signal.SIGKILL)
    assert len(set(wait_for(starts, 2))) == 2
    assert keeper.poll() is None


def test_a_stopped_command_stays_stopped(kept: tuple[subprocess.Popen[bytes], Path]) -> None:
    keeper, starts = kept
    wait_for(starts, 1)
    keeper.terminate()
    keeper.wait(10)
    assert len(lines(starts)) == 1


def test_a_command_that_cannot_run_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keep_running, "MOST_STARTS", 2)
    assert keep_running.Keeper([sys.executable, "-c", "raise SystemExit(7)"]).run() == 7
    told = capfd.readouterr().err
    assert "ended with exit code 7, and is started again" in told
    assert "ended 2 times" in told
