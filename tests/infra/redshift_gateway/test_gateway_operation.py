"""The command as somebody who runs it sees it: options, exit codes, signals, log lines and the page for monitoring."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from redshift_gateway.__main__ import app
from redshift_gateway.server.gateway import Gateway
from redshift_gateway.server.postgres_url import PostgresTls, SslMode, parse
from redshift_gateway.tls import TlsSettings, write_self_signed


class Command:
    """A gateway in a process of its own, and what it has logged."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "redshift_gateway", *options]
        environment = os.environ | {"NO_COLOR": "1", "TERMINAL_WIDTH": "200"}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.lines: list[dict[str, Any]] = []

    def until(self, event: str) -> dict[str, Any]:
        """Reads the log up to this event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"no {event} among {[line['event'] for line in self.lines]}")

    def ended(self) -> tuple[int, str]:
        """The exit code and the rest of standard error."""
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@pytest.fixture
def start(postgres: Any, s3: Any) -> Iterator[Callable[..., Command]]:
    stack = contextlib.ExitStack()

    def begin(*options: str, postgres_url: str = f"postgresql://127.0.0.1:{postgres.port}") -> Command:
        command = Command("--postgres", postgres_url, "--s3-endpoint", s3.endpoint, "--port", "0", *options)
        stack.callback(command.process.wait)
        stack.callback(command.process.kill)
        return command

    with stack:
        yield begin


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def _taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def _look(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_life(start: Callable[..., Command], postgres: Any, tmp_path: Path) -> None:
    """Started, looked at, given another certificate and then a broken one, and stopped while a transaction is open."""
    certificate, metrics = tmp_path / "server.crt", _free_port()
    command = start(
        "--metrics-port",
        str(metrics),
        "--tls-self-signed",
        "--tls-certificate",
        str(certificate),
        "--grace-seconds",
        "60",
    )
    port = command.until("listening")["port"]
    assert _look(metrics, "/healthz") == (200, "ok\n")
    assert _look(metrics, "/readyz") == (200, "ok\n")
    assert "redshift_gateway_certificate_expires_timestamp_seconds 1.8" in _look(metrics, "/metrics")[1]
    address = f"postgresql://{postgres.user}:{postgres.password}@127.0.0.1:{port}/postgres?sslmode=verify-ca"

    def connect() -> psycopg.Connection:
        return psycopg.connect(address, sslrootcert=str(certificate), channel_binding="disable")

    with contextlib.closing(connect()) as open_session:
        open_session.execute("select 1")
        assert command.until("session_started").items() >= {"client": "127.0.0.1", "encrypted": True}.items()
        certificate.with_suffix(".key").unlink()
        write_self_signed(certificate, certificate.with_suffix(".key"), "127.0.0.1")
        command.process.send_signal(signal.SIGHUP)
        command.until("certificate")
        connect().close()
        certificate.write_bytes(b"no certificate")
        command.process.send_signal(signal.SIGHUP)
        command.until("certificates_kept")
        assert _look(metrics, "/readyz") == (200, "ok\n")
        command.process.send_signal(signal.SIGTERM)
        command.until("stopping")
        assert _look(metrics, "/healthz") == (200, "ok\n")
        assert _look(metrics, "/readyz") == (503, "the gateway is stopping\n")
        command.process.send_signal(signal.SIGTERM)  # nobody waits for the transaction any longer
        assert command.ended()[0] == 0
        with pytest.raises(psycopg.errors.AdminShutdown):
            open_session.execute("select 1")


def test_postgresql_and_s3_that_are_away(s3: Any) -> None:
    """They may come later: the gateway says what is away and goes on, and so does every session."""
    nobody, metrics = _free_port(), _free_port()
    away = ("--postgres", f"postgresql://127.0.0.1:{nobody}", "--s3-endpoint", f"http://127.0.0.1:{nobody}")
    command = Command(*away, "--port", "0", "--metrics-port", str(metrics))
    port = command.until("listening")["port"]
    assert "ConnectionRefusedError" in command.until("postgres_away")["reason"]
    assert "--s3-endpoint" in command.until("s3_away")["remedy"]
    assert _look(metrics, "/readyz")[0] == 503
    assert _look(metrics, "/healthz")[0] == 200
    with pytest.raises(psycopg.OperationalError, match="PostgreSQL cannot be reached"):
        psycopg.connect(f"postgresql://x@127.0.0.1:{port}/x")
    command.process.terminate()
    assert command.ended()[0] == 0


@pytest.mark.parametrize("option", ["--port", "--metrics-port"])
def test_a_port_that_is_taken(start: Callable[..., Command], option: str) -> None:
    with _taken_port() as port:
        code, log = start(option, str(port)).ended()
    last = json.loads(log.splitlines()[-1])
    assert (code, last["event"]) == (1, "cannot_start")
    assert "already in use" in last["reason"]
    assert str(port) in last["reason"]


def test_files_that_do_not_fit(gateway_settings: Any, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    for wrong in ({"tls": TlsSettings(missing)}, {"postgres_tls": PostgresTls(SslMode.REQUIRE, str(missing))}):
        with pytest.raises(FileNotFoundError, match=str(missing)):
            Gateway(replace(gateway_settings, **wrong))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "70000"], "--port"),
        (["--log-level", "loud"], "loud"),
        (["--max-sessions", "0"], "--max-sessions"),
        (["--s3-endpoint", "127.0.0.1:8333"], "http://127.0.0.1:8333"),
        (["--postgres", "postgresql://me:secret@127.0.0.1"], "each client logs in with its own"),
    ],
)
def test_options_that_cannot_be(options: list[str], said: str) -> None:
    right = ["--postgres", "postgresql://127.0.0.1", "--s3-endpoint", "http://127.0.0.1:1"]
    done = CliRunner().invoke(app, [*right, *options], env={"NO_COLOR": "1", "TERMINAL_WIDTH": "200"})
    assert done.exit_code == 2
    assert said in done.output
    assert "secret" not in done.output


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://db:6000", ("db", 6000, PostgresTls())),
        ("postgres://[::1]/warehouse", ("::1", 5432, PostgresTls())),
        ("postgresql://db?sslmode=disable", ("db", 5432, PostgresTls(SslMode.DISABLE))),
        ("postgresql://db?sslmode=require&sslrootcert=/ca", ("db", 5432, PostgresTls(SslMode.REQUIRE, "/ca"))),
        ("postgresql://db?sslrootcert=system", ("db", 5432, PostgresTls(SslMode.VERIFY_FULL, "system"))),
    ],
)
def test_the_url_of_postgresql(url: str, expected: tuple[Any, ...]) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:5432", "must begin with postgresql://"),
        ("postgresql://a,b:5432", "one host"),
        ("postgresql://%2Frun%2Fpostgresql", "one host"),
        ("postgresql://db:99999", "port"),
        ("postgresql://db?sslmode=allow", "sslmode must be one of disable, prefer"),
        ("postgresql://db?sslcert=/c&application_name=x", "application_name, sslcert: not supported"),
        ("postgresql://db?sslmode=verify-full", "needs sslrootcert"),
        ("postgresql://db?sslrootcert=/ca", "protects nothing: use verify-full"),
        ("postgresql://db?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
    ],
)
def test_a_url_that_cannot_be(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(url)


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    key = tmp_path / "precious.key"
    key.write_text("kept")
    with pytest.raises(FileExistsError):
        write_self_signed(tmp_path / "new.crt", key, "localhost")
    assert key.read_text() == "kept"
    assert not (tmp_path / "new.crt").exists()
