"""Prometheus's programs are taken from PATH; where they cannot be had, the message says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded import prometheus
from embedded.engine import EngineError, kinds, silent
from embedded.home import Home

Engine = kinds()["prometheus"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all of PATH; nothing was unpacked before."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("ANSWERS_CACHE", raising=False)
    monkeypatch.setattr(prometheus, "CACHE", tmp_path / "none")
    return folder


def test_programs_on_path_are_used(path: Path, tmp_path: Path) -> None:
    for name in ("prometheus", "promtool", "prometheus-alertmanager", "pushgateway"):
        (path / name).write_text("#!/bin/sh\n")
        (path / name).chmod(0o755)
    engine = Engine(Home(tmp_path / "home"))
    assert engine.fetched()
    told = engine.settings({})
    assert told["alertmanager"] == str(path / "prometheus-alertmanager")
    assert told["pushgateway"] == str(path / "pushgateway")
    assert "alertmanager_share" not in told
    assert told["url"].startswith("http://127.0.0.1:")


@pytest.mark.usefixtures("path")
def test_without_apt_the_message_names_what_is_missing(tmp_path: Path) -> None:
    engine = Engine(Home(tmp_path / "home"))
    assert not engine.fetched()
    with pytest.raises(EngineError, match=r"prometheus, prometheus-alertmanager, prometheus-pushgateway on PATH"):
        engine.fetch(silent)


def test_what_was_unpacked_tells_where_its_templates_are(path: Path, tmp_path: Path) -> None:
    engine = Engine(Home(tmp_path / "home"))
    unpacked = engine.cache / "prometheus" / "usr" / "bin"
    unpacked.mkdir(parents=True)
    for name in ("prometheus-alertmanager", "prometheus-pushgateway"):
        (unpacked / name).touch()
    for name in ("prometheus", "promtool"):
        (path / name).write_text("#!/bin/sh\n")
        (path / name).chmod(0o755)
    assert engine.fetched()
    assert engine.settings({})["alertmanager_share"] == str(engine.cache / "prometheus" / "usr" / "share")
