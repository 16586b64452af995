"""Encryption between clients and the gateway, through real clients."""

import socket
import ssl
import stat
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import psycopg2
import pytest
import redshift_connector

from redshift_gateway import tls
from redshift_gateway.tls import TlsSettings, server_tls, write_self_signed

SSL_REQUEST = struct.pack("!II", 8, 80877103)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls") / "server.crt"


@pytest.fixture(scope="module")
def encrypted(gateway_settings: Any, listening_gateway: Any, redshift: Any, certificate: Path) -> Iterator[Any]:
    """A gateway that makes its own certificate and insists on encryption."""
    own = TlsSettings(certificate, self_signed=True, required=True)
    with listening_gateway(replace(gateway_settings, tls=own)) as (gateway, port):
        yield replace(redshift, gateway=gateway, port=port)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_psycopg_trusts_the_certificate(encrypted: Any, certificate: Path, mode: str) -> None:
    with encrypted.connect(sslmode=mode, sslrootcert=str(certificate)) as client:
        assert client.pgconn.ssl_in_use
        rows = client.execute("select i, repeat('x', 100) from generate_series(1, 50000) i").fetchall()
        assert len(rows) == 50_000


def test_data_goes_in_encrypted(encrypted: Any) -> None:
    with encrypted.connect(sslmode="require") as client:
        client.execute("create temp table t (a int, b text)")
        with client.cursor().copy("copy t from stdin") as copy:
            for i in range(50_000):
                copy.write_row((i, "x" * 50))
        assert client.execute("select count(*) from t").fetchone() == (50_000,)


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated")  # redshift_connector's
def test_other_drivers_encrypt(encrypted: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"dbname": encrypted.database, **encrypted.arguments}
    with psycopg2.connect(sslmode="require", **arguments) as client, client.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    arguments = {"database": encrypted.database, **encrypted.arguments}
    with redshift_connector.connect(ssl=True, sslmode="verify-full", **arguments) as client:
        assert client.cursor().execute("select 1").fetchone() == [1]


def test_plain_is_refused_where_encryption_is_required(encrypted: Any) -> None:
    with pytest.raises(psycopg.OperationalError, match="requires TLS"):
        encrypted.connect(sslmode="disable")


def test_a_gateway_without_a_certificate_declines(redshift: Any) -> None:
    with redshift.connect(sslmode="prefer") as client:
        assert not client.pgconn.ssl_in_use
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        redshift.connect(sslmode="require")


def test_an_encrypted_statement_is_cancelled(encrypted: Any) -> None:
    with encrypted.connect(sslmode="require", autocommit=True) as client:
        started = time.monotonic()
        timer = threading.Timer(0.3, client.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            client.execute("select pg_sleep(20)")
        assert time.monotonic() - started < 10
        timer.join()


def test_what_is_sent_before_the_encryption_does_not_pass_for_encrypted(encrypted: Any) -> None:
    """CVE-2021-23214: bytes of a man in the middle, put before the client's own."""
    with socket.create_connection(("127.0.0.1", encrypted.port), timeout=5) as client:
        client.sendall(SSL_REQUEST + b"\0\0\0\x08evil")
        answer = b""
        while data := client.recv(1000):
            answer += data
    assert not answer.startswith(b"S")
    assert b"unencrypted data" in answer


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_handshake_that_fails_ends_the_connection(encrypted: Any, hello: bytes) -> None:
    with socket.create_connection(("127.0.0.1", encrypted.port), timeout=5) as client:
        client.sendall(SSL_REQUEST)
        assert client.recv(1) == b"S"
        client.sendall(hello)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1000):
            pass
    with encrypted.connect(sslmode="require") as after:
        assert after.execute("select 1").fetchone() == (1,)


def test_old_versions_of_tls_are_refused(encrypted: Any) -> None:
    made = server_tls(TlsSettings(self_signed=True), "127.0.0.1")
    assert made is not None
    assert made.context.minimum_version == ssl.TLSVersion.TLSv1_2
    with pytest.raises(psycopg.OperationalError):
        encrypted.connect(sslmode="require", ssl_min_protocol_version="TLSv1", ssl_max_protocol_version="TLSv1.1")


def test_the_key_is_private_and_both_are_kept(certificate: Path, encrypted: Any) -> None:
    assert stat.S_IMODE(certificate.with_suffix(".key").stat().st_mode) == 0o600
    before = certificate.read_bytes()
    server_tls(TlsSettings(certificate, self_signed=True), "127.0.0.1")
    assert certificate.read_bytes() == before


def test_a_certificate_that_is_given(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    write_self_signed(certificate, key, "warehouse.example")
    assert server_tls(TlsSettings(certificate, key), "0.0.0.0") is not None
    shown = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectAltName"], capture_output=True, check=False
    )
    assert shown.returncode or b"warehouse.example" in shown.stdout
    with pytest.raises(OSError):  # noqa: PT011 - a missing key is the operating system's error
        server_tls(TlsSettings(certificate, tmp_path / "none.pem"), "localhost")
    with pytest.raises(ValueError, match="without a certificate"):
        server_tls(TlsSettings(required=True), "localhost")


@pytest.mark.parametrize(("days", "soon"), [(29, True), (31, False)])
def test_a_certificate_that_expires_soon_is_known(monkeypatch: pytest.MonkeyPatch, days: int, soon: bool) -> None:
    monkeypatch.setattr(tls, "_VALID", timedelta(days=days))
    made = server_tls(TlsSettings(self_signed=True), "localhost")
    assert made is not None
    assert made.expires_soon is soon
