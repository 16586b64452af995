"""Spark as one warm Connect server: a task then waits for two seconds of client, not for thirteen of a fresh JVM."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from embedded import java
from embedded.credentials import write_private
from embedded.ports import LOOPBACK, is_open
from embedded.service import NotReady, Service, ServiceError


@dataclass(frozen=True)
class Spark(Service):
    """A Spark Connect server with two cores, behind a token."""

    port: int
    token: str = field(repr=False)
    memory: str = "1g"

    name = "spark"
    start_timeout = 180.0
    stop_timeout = 15.0

    def address(self) -> str:
        """Return the Connect URL without its token."""
        return f"sc://localhost:{self.port}"

    def remote(self) -> str:
        """Return the Connect URL with its token. By the name `localhost`: for 127.0.0.1 the client switches to TLS."""
        return f"{self.address()}/;token={self.token}"

    def command(self) -> list[str]:
        """Return spark-submit's command line; settings and token are in a file that only we can read."""
        return [
            *(str(spark_home() / "bin" / "spark-submit"), "--properties-file", str(self._properties())),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"),
        ]

    def environment(self) -> dict[str, str]:
        """Point at Java and at loopback."""
        found = java.find()
        if not found:
            raise ServiceError("spark needs Java 17 or newer: install one (apt install openjdk-17-jre-headless)")
        home = java.with_shim(found, self.home.data("java"))
        return {"JAVA_HOME": str(home), "SPARK_HOME": str(spark_home()), "SPARK_LOCAL_IP": LOOPBACK}

    def prepare(self) -> None:
        """Write the settings."""
        settings = {
            "spark.master": "local[2]",
            "spark.driver.memory": self.memory,
            # The jobs are small: compiling them with C2, and collecting garbage with threads, costs more than it gives.
            # Ready after 11.6 instead of 19.4 CPU seconds here. For data at scale, give a job a session of its own.
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.driver.host": LOOPBACK,
            "spark.driver.bindAddress": LOOPBACK,
            "spark.log.level": "WARN",
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.warehouse.dir": str(self.directory / "warehouse"),
            "spark.local.dir": str(self.directory / "tmp"),
            "spark.connect.grpc.binding.address": LOOPBACK,
            "spark.connect.grpc.binding.port": str(self.port),
            "spark.connect.authenticate.token": self.token,
        }
        write_private(self._properties(), "".join(f"{key} {value}\n" for key, value in settings.items()))

    def check(self) -> None:
        """Ask for its version with our token."""
        if not is_open(self.port):
            raise NotReady(f"port {self.port} is closed")
        _ask_version(self.port, self.token)

    def _properties(self) -> Path:
        return self.directory / "spark.conf"


def spark_home() -> Path:
    """Return the folder of the pyspark package. Raises ServiceError if it is not installed."""
    spec = find_spec("pyspark")
    if not spec or not spec.origin:
        raise ServiceError("pyspark is missing: run `make up`, which installs requirements.lock")
    return Path(spec.origin).parent


def _ask_version(port: int, token: str) -> None:
    import grpc  # type: ignore[import-untyped]  # heavy, and needed here alone
    from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc

    version = base_pb2.AnalyzePlanRequest.SparkVersion()
    request = base_pb2.AnalyzePlanRequest(session_id="00000000-0000-4000-8000-000000000000", spark_version=version)
    try:
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            stub = base_pb2_grpc.SparkConnectServiceStub(channel)
            stub.AnalyzePlan(request, timeout=20, metadata=[("authorization", f"Bearer {token}")])
    except grpc.RpcError as error:
        raise NotReady(f"{error.code().name}: {error.details()}") from None
