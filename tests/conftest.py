"""Session fixtures: a real PostgreSQL and a real S3 server, each on free loopback ports and in a folder of its own.

GATEWAY_POSTGRES_BINARIES, a folder with `initdb` and `postgres`, has the tests run on another version of PostgreSQL:
tests/infra/redshift_gateway passes on 15 to 18.
"""

import contextlib
import os
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from embedded.home import Home
from embedded.ports import choose
from embedded.postgres import Postgres
from embedded.s3 import S3, TWIN
from embedded.service import Service

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


@dataclass(frozen=True)
class Database:
    """A running PostgreSQL server."""

    service: Postgres

    host = "127.0.0.1"
    user = "postgres"

    @property
    def url(self) -> str:
        return self.service.url()

    @property
    def port(self) -> int:
        return self.service.port

    @property
    def password(self) -> str:
        return self.service.password

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, give its URL, drop it in the end."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with self.service.connect() as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            yield self.service.url(name)
        finally:
            with self.service.connect() as connection:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@dataclass(frozen=True)
class ObjectStore:
    """A running S3 server with an empty bucket."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str
    bucket: str


@pytest.fixture(scope="session")
def state_folder() -> Iterator[Home]:
    """A short path outside pytest's own folders: those are closed to nobody, as whom PostgreSQL runs under root."""
    folder = Path(tempfile.mkdtemp(prefix="la-test-"))
    home = Home(folder)
    home.create()
    yield home
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(state_folder: Home) -> Iterator[Database]:
    programs = Path(named) if (named := os.environ.get("GATEWAY_POSTGRES_BINARIES")) else None
    with _postgres(state_folder, programs) as database:
        yield database


@pytest.fixture(scope="session")
def start_postgres() -> Iterator[Callable[[Path], contextlib.AbstractContextManager[Database]]]:
    """Starts another server, of the PostgreSQL whose programs are in a folder."""
    home = Home(Path(tempfile.mkdtemp(prefix="la-test-")))
    home.create()
    yield lambda programs: _postgres(home, programs)
    shutil.rmtree(home.root, ignore_errors=True)


@contextlib.contextmanager
def _postgres(home: Home, programs: Path | None) -> Iterator[Database]:
    settings = (("fsync", "off"), ("max_connections", "100"))
    password = secrets.token_urlsafe(12)
    service = Postgres(home, choose(_random_port(), set()), password, settings=settings, programs=programs)
    with _running(service):
        yield Database(service)


@pytest.fixture(scope="session")
def s3(state_folder: Home) -> Iterator[ObjectStore]:
    taken: set[int] = set()
    ports = [choose(_random_port(), taken, twin=TWIN) for _ in range(5)]
    service = S3(state_folder, *ports, access_key="AKIATESTTESTTESTTEST", secret_key=secrets.token_urlsafe(24))
    with _running(service):
        yield ObjectStore(service.address(), service.access_key, service.secret_key, service.region, service.bucket)


def _random_port() -> int:
    """Runs of the tests at the same time start from different ports, below the kernel's own range."""
    return 10_000 + secrets.randbelow(12_000)


@contextlib.contextmanager
def _running(service: Service) -> Iterator[None]:
    service.start()
    try:
        yield
    finally:
        service.stop()
