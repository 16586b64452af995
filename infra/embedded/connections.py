"""Addresses and credentials of the platform, as Airflow connections and as shell variables."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from embedded.addresses import Ports
from embedded.applications import Gateway
from embedded.credentials import Credentials
from embedded.home import Home
from embedded.ports import LOOPBACK
from embedded.postgres import Postgres
from embedded.prometheus import binary
from embedded.s3 import S3

MOTO_SERVICES = (
    *("CLOUDFORMATION", "CLOUDWATCH", "CLOUDWATCH_LOGS", "DYNAMODB", "DYNAMODB_STREAMS", "EVENTBRIDGE", "FIREHOSE"),
    *("GLUE", "IAM", "KINESIS", "KMS", "LAMBDA", "SECRETS_MANAGER", "SFN", "SNS", "SQS", "SSM", "STS"),
)
"""The AWS services that moto answers for, as botocore spells them in AWS_ENDPOINT_URL_..."""


@dataclass(frozen=True)
class Connections:
    """How clients reach the services of one platform."""

    home: Home
    ports: Ports
    credentials: Credentials
    postgres: Postgres
    s3: S3
    gateway: Gateway

    def airflow(self) -> Mapping[str, str]:
        """Return the variables from which Airflow takes its connections; they come from nowhere else."""
        keys = self.credentials
        redshift = {"ssl": False, "application_name": "airflow"}
        return {
            "AIRFLOW_CONN_AWS_DEFAULT": self._aws(self.s3.address()),
            "AIRFLOW_CONN_MOTO": self._aws(self._moto()),
            "AIRFLOW_CONN_REDSHIFT_COPY": self._role(),
            "AIRFLOW_CONN_REDSHIFT_DEFAULT": _connection(
                "redshift", self.ports.gateway, "warehouse", keys.warehouse, schema="warehouse", extra=redshift
            ),
            "AIRFLOW_CONN_LEDGER": self.postgres.url("warehouse", self.postgres.roles[1]),
            "AIRFLOW_CONN_FLIGHTS_API": _connection(
                "http", self.ports.flights_api, None, keys.flights_api, schema="http", host=LOOPBACK
            ),
            "AIRFLOW_CONN_SPARK_CONNECT": _connection("generic", self.ports.spark, None, keys.spark),
            "AIRFLOW_VAR_LAKE_BUCKET": self.s3.bucket,
            "LIVING_ANSWERS_FAILPOINTS": str(self.home.root / "failpoints"),
            "LIVING_ANSWERS_METRICS_URL": self._metrics(),
            "LIVING_ANSWERS_DATA_DOCS": str(self.home.root / "data-docs"),
            "LIVING_ANSWERS_DATA_DOCS_URL": self._data_docs(),
        }

    def shell(self) -> Mapping[str, str]:
        """Return the variables with which psql, boto3, Spark or a notebook connect."""
        keys = self.credentials
        moto = {f"AWS_ENDPOINT_URL_{service}": self._moto() for service in MOTO_SERVICES}
        prometheus = {"PROMETHEUS_URL": f"http://{LOOPBACK}:{self.ports.prometheus}"} if binary() else {}
        return {
            "AWS_ENDPOINT_URL": self.s3.address(),
            "AWS_ENDPOINT_URL_S3": self.s3.address(),
            **moto,
            "AWS_ACCESS_KEY_ID": keys.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.aws_secret_access_key,
            "AWS_DEFAULT_REGION": self.s3.region,
            "LAKE_BUCKET": self.s3.bucket,
            "WAREHOUSE_URL": self.postgres.url("warehouse", self.postgres.roles[1]),
            "REDSHIFT_URL": self.gateway.url(),
            "FLIGHTS_API_URL": f"http://{LOOPBACK}:{self.ports.flights_api}",
            "FLIGHTS_API_TOKEN": keys.flights_api,
            "FLIGHTS_API_ADMIN_TOKEN": keys.flights_api_admin,
            "SPARK_REMOTE": f"sc://localhost:{self.ports.spark}/;token={keys.spark}",
            "AIRFLOW_URL": f"http://localhost:{self.ports.airflow}",
            "AIRFLOW_USER": "admin",
            "AIRFLOW_PASSWORD": keys.airflow_admin,
            "DATA_DOCS_URL": f"{self._data_docs()}/index.html",
            "METRICS_URL": self._metrics(),
            **prometheus,
        }

    def _aws(self, endpoint: str) -> str:
        keys = self.credentials
        extra = {"endpoint_url": endpoint, "region_name": self.s3.region}
        return json.dumps(
            {
                "conn_type": "aws",
                "login": keys.aws_access_key_id,
                "password": keys.aws_secret_access_key,
                "extra": extra,
            }
        )

    def _role(self) -> str:
        """Return the role that COPY names in place of keys, which the operator would write to its log."""
        extra = {"role_arn": "arn:aws:iam::000000000000:role/redshift-copy", "endpoint_url": self.s3.address()}
        return json.dumps({"conn_type": "aws", "extra": extra})

    def _moto(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.moto}"

    def _data_docs(self) -> str:
        return f"http://localhost:{self.ports.airflow}/data-docs"

    def _metrics(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.metrics}/metrics"


def exports(variables: Mapping[str, str]) -> str:
    """Return the variables as lines that a shell can evaluate."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def _connection(kind: str, port: int, login: str | None, password: str, **more: object) -> str:
    """Return an Airflow connection in its JSON form."""
    values = {"conn_type": kind, "host": "localhost", "port": port, "login": login, "password": password, **more}
    return json.dumps({key: value for key, value in values.items() if value is not None})
