"""MariaDB: the server that Debian's MySQL packages became, with a user who may make databases of his own."""

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from os import chown
from pathlib import Path
from shutil import which
from typing import ClassVar

import pymysql

from embedded.credentials import write_private
from embedded.engine import Engine, EngineError, Progress
from embedded.ports import LOOPBACK, is_open
from embedded.process import Identity
from embedded.service import NotReady, Service, ServiceError
from embedded.unprivileged import drop, identity, wrapper

PACKAGE = "mariadb-server-core"
USER = "answers"
SECONDS = 120
SETTINGS = {
    "bind-address": LOOPBACK,
    "socket": "mariadb.sock",  # in the data folder
    "pid-file": "mariadb.pid",
    "log-bin": "binlog",
    "binlog-format": "ROW",  # MIXED by default; change data capture reads rows
    "binlog-expire-logs-seconds": "3600",
    "server-id": "1",
    "character-set-server": "utf8mb4",
    "default-time-zone": "+00:00",
    "innodb-buffer-pool-size": "32M",  # 128 MB by default
    "innodb-log-file-size": "16M",
    "innodb-flush-log-at-trx-commit": "2",  # a machine that loses its power may lose a second of answers' scratch data
    "max-connections": "100",
    "local-infile": "0",
}
GRANTS = f"""
flush privileges;
create user {USER}@'{LOOPBACK}' identified by '%s';
grant all on `answer\\_%%`.* to {USER}@'{LOOPBACK}';
grant process, binlog monitor on *.* to {USER}@'{LOOPBACK}';
"""
SYSTEM_TABLES = ("mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data", "mysql_sys_schema")


@dataclass(frozen=True)
class Server(Service):
    """One server. Its `root` has no password and comes in by the socket alone, as the system's own root."""

    port: int
    program: Path

    name = "mariadb"

    def address(self) -> str:
        """Return host and port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def option_file(self) -> Path:
        """What clients read: MySQL's own format for address, user and password, readable by the owner alone."""
        return self.home.root / "mariadb.cnf"

    def identity(self) -> Identity | None:
        """Return nobody if we are root and nobody can reach the files: MariaDB refuses to run as root."""
        return identity(self.directory.parent, self.program)

    def environment(self) -> dict[str, str]:
        """Let it find the libraries that were unpacked beside it."""
        libraries = [str(folder) for folder in self._base().glob("lib/*-linux-gnu")]
        return {"LD_LIBRARY_PATH": ":".join(libraries)} if self._base() != Path("/usr") else {}

    def command(self) -> list[str]:
        """Return the server's command line."""
        return [*self._program(), f"--port={self.port}", *(f"--{key}={value}" for key, value in SETTINGS.items())]

    def prepare(self) -> None:
        """Create the system tables if there are none, and tell clients the port; a half-made folder is discarded."""
        if not (self.option_file.exists() and (self.directory / "initialised").exists()):
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory.mkdir(parents=True, mode=0o700)
            if owner := self.identity():
                chown(self.directory, owner.uid, owner.gid)
            password = secrets.token_urlsafe(24)
            self._bootstrap(password)
            (self.directory / "initialised").touch()
        else:
            password = read_options(self.option_file)["password"]
        lines = ("[client]", f"host={LOOPBACK}", f"port={self.port}", f"user={USER}", f"password={password}", "")
        write_private(self.option_file, "\n".join(lines))

    def check(self) -> None:
        """Run a query."""
        if not is_open(self.port):
            raise NotReady(f"port {self.port} is closed")
        try:
            with pymysql.connect(read_default_file=str(self.option_file), connect_timeout=5) as connection:
                connection.ping(reconnect=False)
        except (pymysql.Error, OSError) as error:
            raise NotReady(str(error)) from None

    def _bootstrap(self, password: str) -> None:
        """What mariadb-install-db does, and our user. The secret goes in by standard input."""
        tables = (self._base() / "share" / "mysql" / f"{name}.sql" for name in SYSTEM_TABLES)
        # Root of the database is then whom the socket tells to be root of the system; no password opens that door.
        begin = "create database if not exists mysql;\nuse mysql;\nset @auth_root_socket = 'root';\n"
        script = "".join([begin, *(file.read_text() for file in tables), GRANTS % password])
        command = [*self._program(), "--bootstrap", "--log-warnings=0", "--enforce-storage-engine="]
        done = subprocess.run(
            [*command, "--max-allowed-packet=8M", "--innodb-log-file-size=16M"],
            input=script.encode(),
            capture_output=True,
            timeout=SECONDS,
            cwd="/",
            env=self.full_environment(),
            **drop(self.identity()),
        )  # type: ignore[call-overload]
        if done.returncode:
            raise ServiceError(f"mariadb: its system tables cannot be made: {done.stderr.decode()[-1000:]}")

    def _program(self) -> list[str]:
        folders = [f"--basedir={self._base()}", f"--datadir={self.directory}", "--lc-messages=en_US"]
        away = wrapper(self.name, self.directory.parent, self.program)
        return [*away, str(self.program), "--no-defaults", *folders, "--skip-name-resolve", "--performance-schema=OFF"]

    def _base(self) -> Path:
        return self.program.parent.parent


class MariaDB(Engine):
    """Taken from the machine where it is installed, else from Debian's packages, unpacked without root."""

    name = "mariadb"
    what = "MariaDB (10.11 of Debian 12, unless the machine has its own)"
    ports: ClassVar[Mapping[str, int]] = {"mysql": 23306}

    def fetched(self) -> bool:
        """Look for the server."""
        return self._installed() is not None or (self._folder() / "checked").exists()

    def fetch(self, progress: Progress) -> None:
        """Unpack the package, and those that it needs and the machine lacks. apt checks their signatures."""
        if not (which("apt-get") and which("dpkg")):
            raise EngineError(f"mariadb: install {PACKAGE}, as there is no apt-get to fetch it")
        packages = [PACKAGE, *_missing_dependencies()]
        with tempfile.TemporaryDirectory() as folder:
            for number, package in enumerate(packages):
                progress(package, number, len(packages))
                _run(["apt-get", "download", package], Path(folder))
            for file in Path(folder).glob("*.deb"):
                _run(["dpkg", "-x", str(file), str(self._folder())], Path(folder))
        self._try()
        (self._folder() / "checked").touch()
        progress(PACKAGE, len(packages), len(packages))

    def service(self, ports: Mapping[str, int]) -> Server:
        """Return the server."""
        return Server(self.home, ports["mysql"], self._installed() or self._unpacked())

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Tell where the server is, and the file that has the password."""
        option_file = self.service(ports).option_file
        return {"host": LOOPBACK, "port": str(ports["mysql"]), "option_file": str(option_file)}

    def _try(self) -> None:
        server = Server(self.home, 0, self._unpacked())
        try:
            environment = server.full_environment()
            subprocess.run([str(server.program), "--version"], env=environment, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", b"") or b""
            raise EngineError(f"mariadb: what was unpacked does not run: {error} {said.decode()[-300:]}") from None

    def _folder(self) -> Path:
        return self.cache / "mariadb"

    def _unpacked(self) -> Path:
        return self._folder() / "usr" / "sbin" / "mariadbd"

    def _installed(self) -> Path | None:
        found = which("mariadbd") or which("mariadbd", path="/usr/sbin")
        return Path(found).resolve() if found else None


def read_options(path: Path) -> dict[str, str]:
    """Return the options of the file's `[client]` group."""
    parser = ConfigParser(interpolation=None)
    parser.read_string(path.read_text())
    return dict(parser["client"])


def _missing_dependencies() -> Iterator[str]:
    """Yield the real packages that the server depends on and that are not installed."""
    depends = _run(["apt-cache", "depends", "--important", PACKAGE], Path("/"))
    names = [line.rpartition(" ")[2] for line in depends.splitlines() if line.strip().startswith("Depends: ")]
    for name in names:
        status = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", name], capture_output=True, text=True)
        if status.stdout != "installed" and not name.startswith("<"):
            yield name


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise EngineError(f"mariadb: {' '.join(command)} took more than {SECONDS} s") from None
    if done.returncode:
        raise EngineError(f"mariadb: {' '.join(command)} failed: {done.stderr.strip()[-300:]}")
    return done.stdout


ENGINE = MariaDB
