"""The project's own servers: the flights API, the Redshift gateway and the metrics endpoint."""

import sys
from dataclasses import dataclass, field

import psycopg

from embedded.http_check import get
from embedded.ports import LOOPBACK
from embedded.postgres import Postgres, Role
from embedded.s3 import S3
from embedded.service import NotReady, Service


@dataclass(frozen=True)
class FlightsApi(Service):
    """The source system; it publishes its weather files to S3 when it starts."""

    port: int
    s3: S3
    token: str = field(repr=False)
    admin_token: str = field(repr=False)

    name = "flights-api"
    needs = ("s3",)

    def address(self) -> str:
        """Return the API's URL."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """Return the API's command line."""
        return [sys.executable, "-m", "flights_api", "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        """Return the settings that the API reads, all with its prefix."""
        settings = {
            "TOKEN": self.token,
            "ADMIN_TOKEN": self.admin_token,
            "S3_ENDPOINT": self.s3.address(),
            "S3_ACCESS_KEY": self.s3.access_key,
            "S3_SECRET_KEY": self.s3.secret_key,
            "S3_BUCKET": self.s3.bucket,
        }
        return {f"FLIGHTS_API_{key}": value for key, value in settings.items()}

    def check(self) -> None:
        """Ask for its health."""
        get(f"{self.address()}/healthz")


@dataclass(frozen=True)
class Gateway(Service):
    """The Redshift-compatible face of PostgreSQL; clients log in to PostgreSQL through it."""

    port: int
    metrics_port: int
    postgres: Postgres
    s3: S3
    role: Role

    name = "gateway"
    needs = ("postgres", "s3")

    def address(self) -> str:
        """Return host and port."""
        return f"{LOOPBACK}:{self.port}"

    def url(self) -> str:
        """Return the libpq URL of the warehouse through the gateway, with its password."""
        return self.postgres.url(self.role.name, self.role).replace(f":{self.postgres.port}/", f":{self.port}/")

    def command(self) -> list[str]:
        """Return the gateway's command line; it needs no password of its own."""
        upstream = f"postgresql://{self.postgres.address()}/{self.role.name}"
        return [
            *(sys.executable, "-m", "redshift_gateway", "--host", LOOPBACK, "--port", str(self.port)),
            *("--postgres", upstream, "--s3-endpoint", self.s3.address(), "--metrics-port", str(self.metrics_port)),
        ]

    def environment(self) -> dict[str, str]:
        """Return the keys for statements that name a role: COPY then holds no secret."""
        return {
            "REDSHIFT_GATEWAY_ROLE_ACCESS_KEY": self.s3.access_key,
            "REDSHIFT_GATEWAY_ROLE_SECRET_KEY": self.s3.secret_key,
        }

    def check(self) -> None:
        """Log in to the warehouse through it and run a query."""
        try:
            with psycopg.connect(self.url(), connect_timeout=3) as connection:
                connection.execute("select 1")
        except psycopg.Error as error:
            raise NotReady(str(error).strip()) from None


@dataclass(frozen=True)
class Metrics(Service):
    """The Prometheus endpoint over the ledger, and the receiver of Airflow's own metrics."""

    port: int
    ledger_url: str = field(repr=False)

    name = "metrics"
    needs = ("postgres",)

    def address(self) -> str:
        """Return the endpoint that Prometheus scrapes."""
        return f"http://{LOOPBACK}:{self.port}/metrics"

    def command(self) -> list[str]:
        """Return the server's command line."""
        return [sys.executable, "-m", "living_answers.metrics", "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        """Tell it where the ledger is."""
        return {"AIRFLOW_CONN_LEDGER": self.ledger_url}

    def check(self) -> None:
        """Scrape it."""
        get(self.address())
