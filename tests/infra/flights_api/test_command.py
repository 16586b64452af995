"""`python -m flights_api`: what it says when it cannot start, and what it keeps to itself."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLIGHTS_API_")} | settings
    port = settings.pop("port", "1")
    command = [sys.executable, "-m", "flights_api", "--port", port]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_missing_token_and_a_short_one_are_named_and_not_shown():
    ended = start(FLIGHTS_API_ADMIN_TOKEN="canary")
    assert ended.returncode == 1
    assert "FLIGHTS_API_TOKEN: Field required" in ended.stderr
    assert "FLIGHTS_API_ADMIN_TOKEN" in ended.stderr
    assert "canary" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_taken_port_ends_it_with_the_reason():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = start(FLIGHTS_API_TOKEN="canary-one", FLIGHTS_API_ADMIN_TOKEN="canary-two", port=port)
    assert ended.returncode != 0
    assert "address already in use" in ended.stderr
    assert "canary" not in ended.stderr + ended.stdout


def test_it_listens_on_loopback_alone_and_stays_small(api):
    process = psutil.Process(api.pid)
    listening = [each.laddr.ip for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    peak = next(line for line in Path(f"/proc/{api.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 300_000, "kB"
    assert process.memory_info().rss < 250_000_000
