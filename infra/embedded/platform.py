"""The whole platform: which services it has, and `up`, `down` and `status` of them all."""

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import psutil

from embedded import on_demand
from embedded.addresses import Ports, settle
from embedded.airflow import ApiServer, DagProcessor, Scheduler, Triggerer
from embedded.airflow_database import AirflowDatabase
from embedded.airflow_settings import AirflowSettings
from embedded.applications import FlightsApi, Gateway, Metrics
from embedded.connections import Connections
from embedded.credentials import Credentials
from embedded.home import Home
from embedded.moto import Moto
from embedded.ports import is_free
from embedded.postgres import Postgres, Role
from embedded.process import PidFile, end, marked
from embedded.prometheus import Prometheus, binary
from embedded.s3 import S3
from embedded.service import Service, ServiceError
from embedded.spark import Spark
from embedded.step import Step
from embedded.supervisor import Report, bring_up, take_down
from embedded.warehouse import Warehouse

_PORT_HOLDERS = {"airflow": "airflow-api", "gateway_metrics": "gateway", "flights_api": "flights-api"}


@dataclass(frozen=True)
class Platform:
    """One platform with its addresses and credentials; nothing need be running."""

    home: Home
    ports: Ports
    credentials: Credentials

    @classmethod
    def load(cls, home: Home) -> "Platform":
        """Read, or make, the credentials and ports of the platform in `home`. Raises OSError."""
        home.create()
        credentials = Credentials.load(home.root / "secrets.json")
        return cls(home, Ports.load(home.root / "ports.json"), credentials)

    def postgres(self) -> Postgres:
        """Return the database server."""
        keys = self.credentials
        # The warehouse's owner may open a replication slot: change data capture reads what it wrote from the log.
        roles = (Role("airflow", keys.airflow_database), Role("warehouse", keys.warehouse, replication=True))
        return Postgres(self.home, self.ports.postgres, keys.postgres, roles)

    def s3(self) -> S3:
        """Return the S3 server."""
        ports, keys = self.ports, self.credentials
        inner = (ports.s3_master, ports.s3_volume, ports.s3_filer, ports.s3_admin)
        return S3(self.home, ports.s3, *inner, keys.aws_access_key_id, keys.aws_secret_access_key)

    def gateway(self) -> Gateway:
        """Return the Redshift gateway."""
        postgres = self.postgres()
        return Gateway(
            self.home, self.ports.gateway, self.ports.gateway_metrics, postgres, self.s3(), postgres.roles[1]
        )

    def connections(self) -> Connections:
        """Return the addresses and credentials as clients need them."""
        return Connections(self.home, self.ports, self.credentials, self.postgres(), self.s3(), self.gateway())

    def airflow(self) -> AirflowSettings:
        """Return Airflow's settings."""
        postgres = self.postgres()
        url = postgres.url("airflow", postgres.roles[0])
        variables = self.connections().airflow()
        return AirflowSettings(self.home, self.ports.airflow, self.ports.metrics, url, self.credentials, variables)

    def services(self) -> list[Service]:
        """Return every service, those that take longest to start first."""
        keys, ports, postgres, s3, settings = self.credentials, self.ports, self.postgres(), self.s3(), self.airflow()
        moto = Moto(self.home, ports.moto, keys.aws_access_key_id, keys.aws_secret_access_key)
        flights = FlightsApi(self.home, ports.flights_api, s3, keys.flights_api, keys.flights_api_admin)
        components = [kind(self.home, settings, postgres) for kind in (Scheduler, DagProcessor, Triggerer)]
        metrics = Metrics(self.home, ports.metrics, settings.connections["AIRFLOW_CONN_LEDGER"])
        program = binary()
        prometheus = (
            [Prometheus(self.home, ports.prometheus, ports.metrics, ports.gateway_metrics, program)] if program else []
        )
        return [
            *(postgres, s3, Spark(self.home, ports.spark, keys.spark), ApiServer(self.home, settings), *components),
            *(moto, flights, self.gateway(), metrics, *prometheus),
        ]

    def steps(self) -> list[Step]:
        """Return the services and the work between their starts."""
        settings = self.airflow()
        return [
            *self.services(),
            AirflowDatabase(self.postgres(), settings),
            Warehouse(self.home, settings.connections),
        ]


def up(home: Home, report: Report, note: Callable[[str], None] = print) -> Platform:
    """Start what is not running and wait until all answers.

    Raises ServiceError naming the first service that failed, with the end of its log.
    """
    with _lock(home):
        platform = Platform.load(home)
        running = {service.name for service in platform.services() if _alive(service)}
        held = [name for name in Ports.__dataclass_fields__ if _holder(name) in running]
        _clear_remains(platform, running)
        ports, notes = settle(platform.ports, held)
        ports.save(home.root / "ports.json")
        for sentence in notes:
            note(sentence)
        platform = Platform(home, ports, platform.credentials)
        if failures := bring_up(platform.steps(), report):
            raise ServiceError("\n\n".join(str(failure) for failure in failures))
        return platform


def down(home: Home, report: Report) -> int:
    """Stop everything, orphans too. Return how many stray processes had to be killed."""
    if not home.root.exists():
        return 0
    with _lock(home):
        on_demand.withdraw(home)
        take_down([*Platform.load(home).services(), *on_demand.services(home)], report)
        strays = marked(home.root)
        end(None, strays, sig=Service.stop_signal, grace=0)
        for path in (home.root / "run").glob("*.pid"):
            path.unlink()
        return len(strays)


@dataclass(frozen=True)
class Status:
    """What one service is doing now."""

    name: str
    state: str
    address: str
    pid: int | None
    memory: int
    problem: str


def status(platform: Platform) -> list[Status]:
    """Talk to each service and return what it says."""
    return [_status(service) for service in [*platform.services(), *on_demand.services(platform.home)]]


def all_running(home: Home) -> bool:
    """Tell whether every service's process lives; a busy one that is slow to answer is no reason to start anything."""
    return all(_alive(service) for service in Platform.load(home).services())


def _status(service: Service) -> Status:
    entry = PidFile.read(service.home.pid_file(service.name))
    process = entry.process() if entry else None
    if not process:
        return Status(service.name, "stopped", service.address(), None, 0, "")
    problem = service.answers() or ""
    state = "failing" if problem else "running"
    return Status(service.name, state, service.address(), process.pid, _memory(process), problem)


def _memory(process: psutil.Process) -> int:
    """Return the bytes of the process and its children, shared pages split between those who share them."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.Error, AttributeError):
            total += int(member.memory_full_info().pss)
    return total


def _alive(service: Service) -> bool:
    entry = PidFile.read(service.home.pid_file(service.name))
    return bool(entry and entry.process())


def _clear_remains(platform: Platform, running: set[str]) -> None:
    """End what killed services left, and wait for their ports: threads hold them after the process looks dead."""
    killed = {service.name for service in platform.services() if PidFile.read(platform.home.pid_file(service.name))}
    killed -= running
    for service in platform.services():
        if service.name in killed:
            service.stop()
    ports = [port for name, port in asdict(platform.ports).items() if _holder(name) in killed]
    deadline = time.monotonic() + 5
    while not all(is_free(port) for port in ports) and time.monotonic() < deadline:
        time.sleep(0.1)


def _holder(port_name: str) -> str:
    return "s3" if port_name.startswith("s3") else _PORT_HOLDERS.get(port_name, port_name)


@contextlib.contextmanager
def _lock(home: Home) -> Iterator[None]:
    """Let one `up` or `down` at a time work on a platform."""
    home.create()
    with (home.root / "run" / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError("another `answers up` or `answers down` is at work here: wait for it") from None
        yield
