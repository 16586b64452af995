"""The S3 server: SeaweedFS in its one-process form (`weed mini`)."""

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from embedded.credentials import write_private
from embedded.ports import LOOPBACK, is_open
from embedded.service import NotReady, Service, ServiceError

TWIN = 10_000
"""SeaweedFS opens a gRPC port this far above each of its ports."""


@dataclass(frozen=True)
class S3(Service):
    """An S3 endpoint with one administrator's key pair and one bucket."""

    port: int
    master_port: int
    volume_port: int
    filer_port: int
    admin_port: int
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str = "lake"
    region: str = "us-east-1"

    name = "s3"
    start_timeout = 60.0

    def address(self) -> str:
        """Return the endpoint's URL."""
        return f"http://{LOOPBACK}:{self.port}"

    def client(self) -> Any:
        """Return a boto3 client with short timeouts."""
        config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.address(),
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=config,
        )

    def command(self) -> list[str]:
        """Return the server's command line; the key pair is in a file of its own."""
        names = ("s3", "master", "volume", "filer", "admin")
        ports = (self.port, self.master_port, self.volume_port, self.filer_port, self.admin_port)
        flags = [f"-{name}.port={port}" for name, port in zip(names, ports, strict=True)]
        return [
            *(weed(), "mini", f"-dir={self.directory / 'volumes'}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}"),
            *("-master.telemetry=false", "-webdav=false", "-admin.ui=false", "-volume.preStopSeconds=0"),
            *(f"-s3.config={self._identities()}", "-s3.port.iceberg=0", "-s3.port.lance=0", *flags),
        ]

    def environment(self) -> dict[str, str]:
        """Bound the Go heap, and keep the server's socket files out of the shared temporary folder."""
        return {"GOMEMLIMIT": "300MiB", "TMPDIR": str(self.directory / "tmp")}

    def prepare(self) -> None:
        """Write the key pair where the server reads it."""
        for folder in ("volumes", "tmp"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        pair = {"accessKey": self.access_key, "secretKey": self.secret_key}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "admin", "credentials": [pair], "actions": actions}
        write_private(self._identities(), json.dumps({"identities": [identity]}))

    def check(self) -> None:
        """List the buckets with our key: answers only when the filer behind it is there."""
        if not is_open(self.port):  # cheaper than a client
            raise NotReady(f"port {self.port} is closed")
        try:
            self.client().list_buckets()
        except (BotoCoreError, ClientError) as error:
            raise NotReady(str(error)) from None

    def ready(self) -> None:
        """Create the bucket."""
        client = self.client()
        if self.bucket not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=self.bucket)

    def _identities(self) -> Path:
        return self.directory / "identities.json"


def weed() -> str:
    """Return the path of SeaweedFS's program. Raises ServiceError if it is not installed."""
    beside_python = Path(sys.executable).parent / "weed"
    found = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if not found:
        raise ServiceError("SeaweedFS is missing: run `make up`, which installs requirements.lock")
    return found
