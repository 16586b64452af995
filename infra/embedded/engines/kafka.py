"""Apache Kafka: one broker that is its own controller (KRaft), from the project's own jars."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from embedded import java
from embedded.engine import Engine, Progress
from embedded.maven import MavenJars
from embedded.ports import LOOPBACK, is_open
from embedded.service import NotReady, Service, ServiceError

CLUSTER = "bGl2aW5nLWFuc3dlcnMtMQ"
"""The cluster's id: sixteen bytes in base64, as Kafka wants it."""

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",  # a typing error would make a topic
    # One broker holds the only replica of everything.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "offsets.topic.num.partitions": "4",  # 50 by default, each with files of its own
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",  # 3 s by default, in which more consumers may join
    "log.cleaner.dedupe.buffer.size": "4194304",  # 128 MB by default: half of our heap
    "log.retention.hours": "24",
    "num.network.threads": "2",
    "num.io.threads": "2",
}


@dataclass(frozen=True)
class Broker(Service):
    """One broker and controller. It asks for no password, and listens on loopback only."""

    port: int
    controller_port: int
    jars: MavenJars

    name = "kafka"
    stop_timeout = 15.0

    def address(self) -> str:
        """Return the bootstrap server."""
        return f"{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """Return the broker's command line."""
        return [*self._java(), "-Xmx256m", "kafka.Kafka", str(self.directory / "server.properties")]

    def prepare(self) -> None:
        """Write the settings, and format the log folder if it is new."""
        listeners = f"PLAINTEXT://{self.address()},CONTROLLER://{LOOPBACK}:{self.controller_port}"
        settings = {
            **SETTINGS,
            "listeners": listeners,
            "advertised.listeners": f"PLAINTEXT://{self.address()}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self.controller_port}",
            "log.dirs": str(self.directory / "logs"),
        }
        file = self.directory / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        if (self.directory / "logs" / "meta.properties").exists():
            return
        format_logs = [*self._java(), "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(file)]
        done = subprocess.run(format_logs, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise ServiceError(f"kafka: its log folder cannot be formatted: {done.stderr[-1000:]}")

    def check(self) -> None:
        """Ask the broker for its metadata."""
        if not is_open(self.port):  # cheaper than a client
            raise NotReady(f"port {self.port} is closed")
        quiet = {"bootstrap.servers": self.address(), "log_level": 0}
        try:
            AdminClient(quiet).list_topics(timeout=5)
        except KafkaException as error:
            raise NotReady(str(error)) from None

    def _java(self) -> list[str]:
        found = java.find()
        if not found:
            raise ServiceError("kafka needs Java 17 or newer: apt install openjdk-17-jre-headless")
        # As for Spark: a small broker earns back neither C2 nor threads that collect garbage.
        tuning = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        return [str(found.home / "bin" / "java"), *tuning, "-cp", f"{self.jars.folder}/*"]


class Kafka(Engine):
    """The broker and its jars."""

    name = "kafka"
    what = "Apache Kafka 4.1, one broker (KRaft)"
    ports: ClassVar[Mapping[str, int]] = {"broker": 29092, "controller": 29093}

    def fetched(self) -> bool:
        """Look for the jars."""
        return self._jars().fetched()

    def fetch(self, progress: Progress) -> None:
        """Fetch the jars: 43 MB."""
        self._jars().fetch(progress)

    def service(self, ports: Mapping[str, int]) -> Broker:
        """Return the broker."""
        return Broker(self.home, ports["broker"], ports["controller"], self._jars())

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Tell where the broker is, in librdkafka's words."""
        return {"bootstrap.servers": f"{LOOPBACK}:{ports['broker']}"}

    def _jars(self) -> MavenJars:
        return MavenJars("kafka", self.cache)


ENGINE = Kafka
