"""Encryption between the gateway and PostgreSQL, and how clients log in where both ways are encrypted."""

import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redshift_connector
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from redshift_gateway.server.postgres_url import PostgresTls, SslMode
from redshift_gateway.tls import TlsSettings

IS_ENCRYPTED = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
SSL_REQUEST = struct.pack("!II", 8, 80877103)
CANCEL_CODE = struct.pack("!I", 80877102)
DISABLE, PREFER, REQUIRE, VERIFY_CA, VERIFY_FULL = SslMode


@dataclass(frozen=True)
class Files:
    """An authority, and the certificate that it has signed for `localhost`, with its key."""

    authority: Path
    certificate: Path
    key: Path


def _sign(name: str, issuer: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey) -> bytes:
    now, is_authority = datetime.now(UTC), name == issuer
    builder = x509.CertificateBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        key.public_key(),
        x509.random_serial_number(),
        now - timedelta(hours=1),
        now + timedelta(days=1),
    )
    builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _make(folder: Path) -> Files:
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    files = Files(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    files.authority.write_bytes(_sign("authority", "authority", authority_key, authority_key))
    files.certificate.write_bytes(_sign("localhost", "authority", key, authority_key))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    files.key.touch(0o600)
    files.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return files


@pytest.fixture(scope="module")
def files(oldest_postgres: Any) -> Iterator[Files]:
    """PostgreSQL has TLS while this file's tests run; the build that the other tests use has none."""
    folder = oldest_postgres.service.directory.parent / "certificates"
    folder.mkdir()
    made = _make(folder)
    if owner := oldest_postgres.service.identity():
        for path in (made.key, made.certificate):
            os.chown(path, owner.uid, owner.gid)
    with psycopg.connect(oldest_postgres.url, autocommit=True) as admin:
        for name, value in (("ssl_cert_file", made.certificate), ("ssl_key_file", made.key), ("ssl", "on")):
            admin.execute(f"alter system set {name} = '{value}'")
        _reload(admin, "on")
        yield made
        for name in ("ssl", "ssl_cert_file", "ssl_key_file"):
            admin.execute(f"alter system reset {name}")
        _reload(admin, "off")


def _reload(admin: psycopg.Connection, ssl: str) -> None:
    admin.execute("select pg_reload_conf()")
    deadline = time.monotonic() + 10
    while admin.execute("show ssl").fetchone() != (ssl,):
        assert time.monotonic() < deadline
        time.sleep(0.02)


Serving = Callable[..., Any]


@pytest.fixture
def serving(gateway_settings: Any, listening_gateway: Any, oldest_postgres: Any, running: Any) -> Serving:
    """A gateway in front of PostgreSQL at a host name, with encryption on either side as asked for."""

    @contextmanager
    def serve(
        mode: SslMode, root: Any = "", host: str = "localhost", client: TlsSettings | None = None, port: int = 0
    ) -> Iterator[Any]:
        upstream = PostgresTls(mode, str(root))
        settings = replace(
            gateway_settings,
            postgres_host=host,
            postgres_port=port or oldest_postgres.port,
            postgres_tls=upstream,
            tls=client or TlsSettings(),
        )
        with listening_gateway(settings) as (gateway, listens):
            yield running(gateway, listens, oldest_postgres, "postgres")

    return serve


def _by_psycopg(gateway: Any, client: str) -> bool:
    with gateway.connect(sslmode=client) as connection:
        return bool(connection.execute(IS_ENCRYPTED).fetchone()[0])


def _by_redshift_connector(gateway: Any, client: str) -> bool:
    encrypted = {"ssl": client == "require"} | ({"sslmode": "verify-ca"} if client == "require" else {})
    arguments = {"database": gateway.database, **gateway.arguments}
    with redshift_connector.connect(**encrypted, **arguments) as connection:
        return bool(connection.cursor().execute(IS_ENCRYPTED).fetchone()[0])


def _by_psql(gateway: Any, client: str) -> bool:
    if (program := shutil.which("psql")) is None:
        pytest.skip("psql is not on this machine")
    address = f"host=127.0.0.1 port={gateway.port} dbname={gateway.database} user={gateway.user} sslmode={client}"
    environment = {"PGPASSWORD": gateway.password, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [program, address, "-XAtc", IS_ENCRYPTED], env=environment, capture_output=True, text=True, timeout=20
    )
    if done.returncode:
        raise psycopg.OperationalError(done.stderr)
    return done.stdout.strip() == "t"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TlsSettings:
    """A certificate of the gateway's own making, which clients trust."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.crt"))
    return TlsSettings(tmp_path / "own.crt", self_signed=True)


DRIVERS = pytest.mark.parametrize("log_in", [_by_psycopg, _by_redshift_connector, _by_psql])


@DRIVERS
@pytest.mark.parametrize("mode", [DISABLE, PREFER, REQUIRE])
def test_a_plain_client(files: Files, serving: Serving, log_in: Callable[..., bool], mode: SslMode) -> None:
    with serving(mode) as gateway:
        assert log_in(gateway, "disable") is (mode is not DISABLE)


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated")  # redshift_connector's
@DRIVERS
@pytest.mark.parametrize("mode", [DISABLE, PREFER, REQUIRE])
def test_an_encrypted_client(
    files: Files, serving: Serving, own: TlsSettings, log_in: Callable[..., bool], mode: SslMode
) -> None:
    """libpq says that it could have bound: PostgreSQL takes that on a plain connection only."""
    libpq = log_in is not _by_redshift_connector
    with serving(mode, client=own) as gateway:
        if libpq and mode is REQUIRE:
            with pytest.raises(psycopg.OperationalError, match="channel_binding=disable"):
                log_in(gateway, "require")
        else:
            assert log_in(gateway, "require") is not (mode is DISABLE or libpq)


def test_a_client_that_only_prefers_encryption_gives_it_up(files: Files, serving: Serving, own: TlsSettings) -> None:
    with serving(REQUIRE, client=own) as gateway, gateway.connect(sslmode="prefer") as connection:
        assert not connection.pgconn.ssl_in_use
        assert connection.execute(IS_ENCRYPTED).fetchone() == (True,)
    with (
        serving(REQUIRE, client=replace(own, required=True)) as gateway,
        pytest.raises(psycopg.OperationalError, match="requires TLS"),
    ):
        gateway.connect(sslmode="prefer")


@pytest.mark.parametrize("mode", [PREFER, VERIFY_FULL])
def test_an_encrypted_client_that_does_not_bind(
    files: Files, serving: Serving, own: TlsSettings, mode: SslMode
) -> None:
    with (
        serving(mode, files.authority if mode is VERIFY_FULL else "", client=own) as gateway,
        gateway.connect(sslmode="require", channel_binding="disable") as connection,
    ):
        assert connection.execute(IS_ENCRYPTED).fetchone() == (True,)


@pytest.mark.parametrize("mode", [PREFER, VERIFY_FULL])
@pytest.mark.parametrize("binding", ["prefer", "require"])
def test_a_client_binds_where_both_show_the_same_certificate(
    files: Files, serving: Serving, binding: str, mode: SslMode
) -> None:
    same = TlsSettings(files.certificate, files.key)
    with (
        serving(mode, files.authority if mode is VERIFY_FULL else "", client=same) as gateway,
        gateway.connect(sslmode="verify-ca", sslrootcert=str(files.authority), channel_binding=binding) as connection,
    ):
        assert connection.execute(IS_ENCRYPTED).fetchone() == (True,)


def test_a_certificate_that_is_not_trusted(files: Files, serving: Serving, tmp_path: Path) -> None:
    other = _make(tmp_path)
    for mode in (REQUIRE, VERIFY_CA, VERIFY_FULL):  # require too, when a root certificate is named
        with serving(mode, other.authority) as gateway, pytest.raises(psycopg.OperationalError, match="not trusted"):
            gateway.connect()


def test_a_certificate_of_another_name(files: Files, serving: Serving) -> None:
    with (
        serving(VERIFY_FULL, files.authority, host="127.0.0.1") as gateway,
        pytest.raises(psycopg.OperationalError, match=r"not trusted: IP address mismatch.*\n.*sslmode=verify-full"),
    ):
        gateway.connect()
    with serving(VERIFY_CA, files.authority, host="127.0.0.1") as gateway, gateway.connect() as connection:
        assert connection.execute(IS_ENCRYPTED).fetchone() == (True,)


def test_a_statement_is_cancelled_and_nothing_is_readable_on_the_way(
    files: Files, serving: Serving, oldest_postgres: Any, proxy_to: Any
) -> None:
    proxy = proxy_to(oldest_postgres.host, oldest_postgres.port)
    with (
        serving(VERIFY_FULL, files.authority, port=proxy.port) as gateway,
        gateway.connect(autocommit=True) as client,
    ):
        timer = threading.Timer(0.3, client.cancel_safe)
        timer.start()
        started = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            client.execute("select pg_sleep(20)")
        assert time.monotonic() - started < 10
        timer.join()
    proxy.close()
    assert proxy.seen.count(SSL_REQUEST) == 2  # the session's and the cancel request's
    assert CANCEL_CODE not in proxy.seen
    assert b"pg_sleep" not in proxy.seen


def test_many_rows_both_ways(files: Files, serving: Serving) -> None:
    with serving(REQUIRE) as gateway, gateway.connect() as client:
        client.execute("create temp table t (a int, b text)")
        with client.cursor().copy("copy t from stdin") as copy:
            for i in range(50_000):
                copy.write_row((i, "x" * 50))
        assert len(client.execute("select * from t").fetchall()) == 50_000


def test_a_load_is_encrypted(files: Files, serving: Serving, put: Any, credentials: str) -> None:
    url = put("upstream/a.csv", b"1,x\n2,y\n")
    with serving(REQUIRE) as gateway, gateway.connect() as client:
        client.execute("create temp table t (a int, b varchar(9))")
        client.execute(f"copy t from '{url}' {credentials} csv")
        assert client.execute("select count(*) from t").fetchone() == (2,)


@pytest.mark.parametrize("mode", [REQUIRE, VERIFY_FULL])
def test_a_server_without_encryption(
    gateway_settings: Any, listening_gateway: Any, redshift: Any, files: Files, mode: SslMode
) -> None:
    root = str(files.authority) if mode is VERIFY_FULL else ""
    settings = replace(gateway_settings, postgres_tls=PostgresTls(mode, root))
    with (
        listening_gateway(settings) as (_, port),
        pytest.raises(psycopg.OperationalError, match=f"does not support SSL(.|\n)*sslmode={mode}: turn ssl on"),
    ):
        replace(redshift, port=port).connect()


@contextmanager
def _says(*answers: bytes) -> Iterator[int]:
    """A server that says this to the first words of each connection, and hangs up; its port."""

    def serve() -> None:
        for answer in answers:
            client, _ = listener.accept()
            client.recv(1000)
            client.sendall(answer)
            client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


REFUSED = b"SFATAL\0VFATAL\0C28000\0Mnot today\0\0"
REFUSAL = b"E" + struct.pack("!I", len(REFUSED) + 4) + REFUSED


@pytest.mark.parametrize(
    ("mode", "answers", "error"),
    [
        (PREFER, [b"S", REFUSAL], "not today"),  # the handshake fails: as libpq, once more without encryption
        (REQUIRE, [b"S"], "TLS with PostgreSQL failed|PostgreSQL cannot be reached"),
        (PREFER, [b"S" + REFUSAL], "received unencrypted data"),  # CVE-2021-23222
        (REQUIRE, [b"S" + REFUSAL], "received unencrypted data"),
        (PREFER, [REFUSAL], "answered the request for TLS with an error"),
        (DISABLE, [REFUSAL], "not today"),
        (DISABLE, [b""], "closed the connection unexpectedly"),
    ],
)
def test_servers_that_are_none(
    gateway_settings: Any, listening_gateway: Any, redshift: Any, mode: SslMode, answers: list[bytes], error: str
) -> None:
    with _says(*answers) as port:
        settings = replace(gateway_settings, postgres_port=port, postgres_tls=PostgresTls(mode))
        with (
            listening_gateway(settings) as (_, gateway_port),
            pytest.raises(psycopg.OperationalError, match=error),
        ):
            replace(redshift, port=gateway_port).connect()
