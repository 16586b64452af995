"""A gateway in a thread of this process, in front of the session's PostgreSQL and S3, and what its tests need."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from oldest_postgres import programs as oldest_programs
from pyarrow import fs

from embedded.engine import EngineError
from redshift_gateway.s3.objects import S3Settings
from redshift_gateway.server.gateway import Gateway, Settings


@dataclass(frozen=True)
class Running:
    """A gateway that listens, with the database that a test has for itself."""

    gateway: Gateway
    port: int
    user: str
    password: str
    database: str

    @property
    def arguments(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "user": self.user, "password": self.password}

    def connect(self, **more: Any) -> psycopg.Connection:
        return psycopg.connect(dbname=self.database, **self.arguments, **more)


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[tuple[Gateway, int]]:
    """A gateway with these settings, in a thread; its port."""
    loop, gateway = asyncio.new_event_loop(), Gateway(settings)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(gateway.start(), loop).result(10)
    yield gateway, port
    asyncio.run_coroutine_threadsafe(gateway.stop(grace=0.5), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="session")
def oldest_postgres(start_postgres: Callable[[Path], Any]) -> Iterator[Any]:
    """A server of the oldest version that the gateway supports, beside the session's. It may be given TLS."""
    try:
        programs = oldest_programs()
    except EngineError as error:
        pytest.skip(f"PostgreSQL 15 cannot be fetched: {error}")
    with start_postgres(programs) as running:
        yield running


@pytest.fixture(scope="session")
def running() -> Callable[[Gateway, int, Any, str], Running]:
    """A gateway in front of a PostgreSQL, as a test addresses it."""
    return lambda gateway, port, postgres, database: Running(gateway, port, postgres.user, postgres.password, database)


@pytest.fixture(scope="session")
def listening_gateway() -> Callable[[Settings], Any]:
    """Starts a gateway with settings of the test's own."""
    return listening


@pytest.fixture(scope="session")
def gateway_settings(postgres: Any, s3: Any) -> Settings:
    return Settings(
        postgres.host, postgres.port, S3Settings(s3.endpoint, request_timeout=2.0, connect_timeout=2.0), port=0
    )


@pytest.fixture(scope="session")
def shared_gateway(gateway_settings: Settings) -> Iterator[tuple[Gateway, int]]:
    with listening(gateway_settings) as started:
        yield started


@pytest.fixture(scope="module")
def module_database(postgres: Any) -> Iterator[str]:
    with postgres.database() as url:
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture(scope="module")
def redshift(shared_gateway: tuple[Gateway, int], postgres: Any, module_database: str) -> Running:
    gateway, port = shared_gateway
    return Running(gateway, port, postgres.user, postgres.password, module_database)


@pytest.fixture
def connection(redshift: Running) -> Iterator[psycopg.Connection]:
    with redshift.connect(autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def credentials(s3: Any) -> str:
    return f"credentials 'aws_access_key_id={s3.access_key};aws_secret_access_key={s3.secret_key}'"


@pytest.fixture(scope="session")
def lake(s3: Any) -> fs.S3FileSystem:
    address = urlsplit(s3.endpoint)
    return fs.S3FileSystem(
        access_key=s3.access_key,
        secret_key=s3.secret_key,
        region=s3.region,
        scheme=address.scheme,
        endpoint_override=address.netloc,
    )


@pytest.fixture(scope="session")
def get(s3: Any, lake: fs.S3FileSystem) -> Callable[[str], dict[str, bytes]]:
    """Reads the objects whose keys start so; their contents by key."""

    def read(prefix: str) -> dict[str, bytes]:
        path = f"{s3.bucket}/{prefix}"
        infos = lake.get_file_info(fs.FileSelector(path.rpartition("/")[0], allow_not_found=True, recursive=True))
        files = sorted(i.path for i in infos if i.type == fs.FileType.File and i.path.startswith(path))
        return {
            file.removeprefix(f"{s3.bucket}/"): lake.open_input_stream(file, compression=None).read() for file in files
        }

    return read


@pytest.fixture(scope="session")
def put(s3: Any, lake: fs.S3FileSystem) -> Callable[[str, bytes], str]:
    """Writes an object and gives its URL."""

    def write(key: str, content: bytes) -> str:
        with lake.open_output_stream(f"{s3.bucket}/{key}") as stream:
            stream.write(content)
        return f"s3://{s3.bucket}/{key}"

    return write


class CutProxy:
    """Passes TCP on to a server until it has passed `budget` bytes back, then cuts every connection.

    Of HTTP's GETs it passes as many as `requests` says; the others it answers itself, with an error.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target, self.budget, self.hang = target, 1 << 60, False
        self.requests = 1 << 60
        self.seen = bytearray()  # all that was sent to the server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
                for source, sink, counted in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass, args=(source, sink, counted), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                self.budget -= len(data) if counted else 0
                if self.budget < 0:
                    if self.hang:
                        threading.Event().wait(8)
                    break
                self.seen += b"" if counted else data
                self.requests -= not counted and data.startswith(b"GET ")
                if not counted and self.requests < 0:
                    source.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
                else:
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="session")
def proxy_to() -> Callable[[str, int], CutProxy]:
    """Starts a proxy to another server."""
    return lambda host, port: CutProxy((host, port))


@pytest.fixture(scope="module")
def module_proxy(s3: Any) -> Iterator[CutProxy]:
    """A proxy that the tests of a file share, each setting it as it wants."""
    address = urlsplit(s3.endpoint)
    proxy = CutProxy((str(address.hostname), int(address.port or 80)))
    yield proxy
    proxy.close()


@pytest.fixture
def cut_proxy(s3: Any) -> Iterator[CutProxy]:
    address = urlsplit(s3.endpoint)
    proxy = CutProxy((str(address.hostname), int(address.port or 80)))
    yield proxy
    proxy.close()
