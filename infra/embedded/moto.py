"""The AWS APIs beside S3, from moto."""

import sys
from dataclasses import dataclass, field

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from embedded.ports import LOOPBACK, is_open
from embedded.service import NotReady, Service


@dataclass(frozen=True)
class Moto(Service):
    """SQS, SNS, DynamoDB, Kinesis and the rest, kept in memory; a wrong key is refused."""

    port: int
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"

    name = "moto"

    def address(self) -> str:
        """Return the endpoint's URL."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """Return our own entry, which seeds the key pair."""
        return [sys.executable, "-m", "embedded.moto_server", "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        """Pass the key pair where other users cannot read it."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def check(self) -> None:
        """Ask who we are: passes only when the seeded key is known."""
        if not is_open(self.port):  # cheaper than a client
            raise NotReady(f"port {self.port} is closed")
        client = boto3.session.Session().client(
            "sts",
            endpoint_url=self.address(),
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}),
        )
        try:
            client.get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise NotReady(str(error)) from None
