"""A private Prometheus, Alertmanager or push gateway, for an answer that watches something for a few seconds.

The programs come with the engine on demand ``prometheus``. Each is a process on a free port of the loopback, has its
data in a folder that the caller gives, and ends with the block.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from living_answers import engines
from living_answers.waiting import wait_for

LOOPBACK = "127.0.0.1"
# In a user namespace of its own, Debian's Alertmanager finds its templates where it expects them.
_WITH_SHARE = 'mount --bind "$1" /usr/share && shift && exec "$@"'


@contextmanager
def prometheus(folder: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    """Run Prometheus with these settings (prometheus.yml as a mapping); yield its address."""
    file = _write(folder / "prometheus.json", settings)
    url = free_address()
    command = [engines.settings("prometheus")["prometheus"], f"--config.file={file}", "--log.level=warn"]
    command += [f"--storage.tsdb.path={folder / 'prometheus'}", f"--web.listen-address={url[7:]}"]
    with _running(command, folder / "prometheus.log", f"{url}/-/ready"):
        yield url


@contextmanager
def alertmanager(folder: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    """Run Alertmanager with these settings (alertmanager.yml as a mapping); yield its address."""
    file = _write(folder / "alertmanager.json", settings)
    url = free_address()
    told = engines.settings("prometheus")
    command = [told["alertmanager"], f"--config.file={file}", f"--storage.path={folder / 'alertmanager'}"]
    command += [f"--web.listen-address={url[7:]}", "--cluster.listen-address=", "--log.level=info"]
    if share := told.get("alertmanager_share"):
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _WITH_SHARE, "sh", share, *command]
    with _running(command, folder / "alertmanager.log", f"{url}/-/ready"):
        yield url


@contextmanager
def pushgateway(folder: Path) -> Iterator[str]:
    """Run a push gateway; yield its address."""
    url = free_address()
    command = [engines.settings("prometheus")["pushgateway"], f"--web.listen-address={url[7:]}"]
    with _running(command, folder / "pushgateway.log", f"{url}/-/ready"):
        yield url


def query(url: str, expression: str) -> list[tuple[dict[str, str], float]]:
    """Ask a Prometheus; return labels and value of each series. Raises ValueError if it does not understand."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}, timeout=20).json()
    if answer["status"] != "success":
        raise ValueError(f"{expression}: {answer['error']}")
    if answer["data"]["resultType"] == "scalar":
        return [({}, float(answer["data"]["result"][1]))]
    return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]


def value(url: str, expression: str) -> float | None:
    """Return the value of the first series that a query finds, or None."""
    found = query(url, expression)
    return found[0][1] if found else None


def free_address() -> str:
    """Return an address of the loopback at which nobody listens."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return f"http://{LOOPBACK}:{probe.getsockname()[1]}"


def _write(file: Path, settings: Mapping[str, Any]) -> Path:
    """JSON is YAML, so the programs read it."""
    file.write_text(json.dumps(settings, indent=1))
    return file


@contextmanager
def _running(command: Sequence[str], log: Path, ready: str) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=log.parent, env={**os.environ, "GOMEMLIMIT": "100MiB"}
        )
    try:
        wait_for(lambda: _answers(process, log, ready))
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(process: subprocess.Popen[bytes], log: Path, ready: str) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"{log.stem} ended at once: {log.read_text()[-600:]}")
    try:
        return httpx.get(ready, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
