"""PostgreSQL and the S3 server as the embedded platform starts them."""

from typing import Any

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError


def test_postgres_is_18_and_asks_for_the_password(postgres: Any) -> None:
    with psycopg.connect(postgres.url) as connection:
        assert connection.info.server_version // 10000 >= 15
        assert connection.execute("show wal_level").fetchone() == ("logical",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url.replace(postgres.password, "wrong"))


def test_each_database_is_fresh(postgres: Any) -> None:
    for _ in range(2):
        with postgres.database() as url, psycopg.connect(url) as connection:
            connection.execute("create table only_once (id int)")


def test_s3_keeps_an_object_and_refuses_a_wrong_key(s3: Any) -> None:
    def client(secret: str) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=s3.endpoint,
            region_name=s3.region,
            aws_access_key_id=s3.access_key,
            aws_secret_access_key=secret,
        )

    client(s3.secret_key).put_object(Bucket=s3.bucket, Key="a/b.txt", Body=b"body")
    assert client(s3.secret_key).get_object(Bucket=s3.bucket, Key="a/b.txt")["Body"].read() == b"body"
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client("wrong").get_object(Bucket=s3.bucket, Key="a/b.txt")
