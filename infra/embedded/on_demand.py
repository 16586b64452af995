"""Starting, remembering, showing and stopping engines on demand.

What was asked for stands in `engines.json` in the state folder, with its ports, so that the next `up` starts it again.
What DAGs must know of an engine that is up stands in AIRFLOW_HOME/engines, where they find it without a restart of
Airflow: a file of settings for each engine and, for one with a venv, a link to it.
"""

import contextlib
import fcntl
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from embedded.addresses import Ports
from embedded.engine import Engine, EngineError, Progress, kinds, silent
from embedded.home import Home
from embedded.ports import choose
from embedded.process import PidFile
from embedded.service import Service, ServiceError
from embedded.supervisor import Report

LOCK_SECONDS = 900.0


def quiet(_name: str, _state: str, _seconds: float) -> None:
    """Report nothing."""


def wanted(home: Home) -> dict[str, dict[str, int]]:
    """Return the engines that somebody asked for, each with its ports. What is no longer an engine is left out."""
    path = home.root / "engines.json"
    asked: dict[str, dict[str, int]] = json.loads(path.read_text()) if path.exists() else {}
    return {name: asked[name] for name in asked if name in kinds()}


def services(home: Home) -> list[Service]:
    """Return the processes of the engines that were asked for and fetched."""
    engines = ((kinds()[name](home), ports) for name, ports in wanted(home).items())
    found = (engine.service(ports) for engine, ports in engines if engine.fetched())
    return [service for service in found if service]


def ensure(
    home: Home, names: Iterable[str], report: Report = quiet, progress: Progress = silent
) -> dict[str, str | None]:
    """Fetch and start the engines; return, for each name, None if it is up, else why it is not.

    Harmless to repeat, and at once where all is up. Other processes that ask for engines wait for each other.
    """
    outcome: dict[str, str | None] = {}
    for name in dict.fromkeys(names):
        try:
            if not _is_up(home, name):
                with _lock(home):
                    _bring_up(home, name, report, progress)
            outcome[name] = None
        except (EngineError, ServiceError, OSError) as error:
            report(name, "failed", 0)
            outcome[name] = str(error)
    return outcome


def withdraw(home: Home) -> None:
    """Take back what DAGs were told, as the engines are stopped."""
    for path in _told(home).glob("*"):
        path.unlink()


def _is_up(home: Home, name: str) -> bool:
    ports = wanted(home).get(name)
    if ports is None or not (_told(home) / f"{name}.json").exists():
        return False
    engine = kinds()[name](home)
    if not engine.fetched():
        return False
    service = engine.service(ports)
    return service is None or (service.running() and service.answers() is None)


def _bring_up(home: Home, name: str, report: Report, progress: Progress) -> None:
    if name not in kinds():
        raise EngineError(f"{name}: there is no such engine; there are {', '.join(sorted(kinds()))}")
    engine = kinds()[name](home)
    began = time.monotonic()
    if not engine.fetched():
        engine.fetch(progress)
    report(name, "starting", 0)
    ports = _settle(home, engine)
    service = engine.service(ports)
    started = service.ensure() if service else False
    _tell(home, engine, engine.settings(ports))
    report(name, "started" if started else "running", time.monotonic() - began)


def _settle(home: Home, engine: Engine) -> dict[str, int]:
    """Return the engine's ports, remembered or new, and remember that it was asked for."""
    asked = wanted(home)
    others = [*asked.values(), Ports.load(home.root / "ports.json").__dict__]
    taken = {port for ports in others for port in ports.values()}
    ports = asked.get(engine.name, {})
    if ports.keys() != dict(engine.ports).keys() or not _holds(home, engine, ports):
        taken -= set(ports.values())
        ports = {use: choose(ports.get(use, port), taken) for use, port in engine.ports.items()}
    _write(home.root / "engines.json", {**asked, engine.name: ports})
    return ports


def _holds(home: Home, engine: Engine, ports: dict[str, int]) -> bool:
    """Tell whether a living process of the engine holds its ports."""
    service = engine.service(ports)
    entry = PidFile.read(home.pid_file(service.name)) if service else None
    return bool(entry and entry.process())


def _tell(home: Home, engine: Engine, settings: dict[str, str]) -> None:
    folder = _told(home)
    folder.mkdir(parents=True, exist_ok=True)
    if venv := settings.get("venv"):
        partial = folder / f"{engine.name}.part"
        partial.unlink(missing_ok=True)
        partial.symlink_to(venv)
        partial.replace(folder / engine.name)
    _write(folder / f"{engine.name}.json", settings)


def _told(home: Home) -> Path:
    return home.root / "airflow" / "engines"


def _write(path: Path, value: object) -> None:
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(value, indent=1))
    partial.replace(path)


@contextlib.contextmanager
def _lock(home: Home) -> Iterator[None]:
    """Let one process at a time fetch and start engines; the others wait."""
    home.create()
    with (home.root / "run" / "engines.lock").open("w") as file:
        _wait(lambda: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB))
        yield


def _wait(attempt: Callable[[], None]) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return attempt()
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EngineError("another process has been fetching engines for a quarter of an hour") from None
        time.sleep(0.2)
