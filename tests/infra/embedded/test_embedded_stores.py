"""PostgreSQL and the S3 server as the embedded platform starts them."""

from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError

from embedded.home import Home
from embedded.ports import unused
from embedded.postgres import Postgres, Role


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
            tables = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
            assert tables == (1,)


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


def test_postgres_starts_below_a_folder_that_others_cannot_enter(tmp_path: Path) -> None:
    """As root, PostgreSQL must not run as root, and here nobody cannot reach its files."""
    tmp_path.chmod(0o700)
    home = Home(tmp_path / "platform")
    home.create()
    service = Postgres(home, unused(), "pw", (Role("someone", "else's"),))
    try:
        service.start()
        service.ready()
        with psycopg.connect(service.url("someone", service.roles[0])) as connection:
            assert connection.execute("select current_user").fetchone() == ("someone",)
            found = connection.execute("select calls from pg_stat_statements where query = 'select current_user'")
            assert found.fetchone() == (1,)
    finally:
        service.stop()


def test_only_a_role_that_is_told_so_may_read_the_log(tmp_path: Path) -> None:
    home = Home(tmp_path / "platform")
    home.create()
    service = Postgres(home, unused(), "pw", (Role("reader", "one", replication=True), Role("other", "two")))
    query = "select rolname, rolreplication from pg_roles where rolname in ('reader', 'other') order by rolname"
    try:
        service.start()
        for _ in range(2):  # the second time the roles are there, and altered
            service.ready()
        with service.connect() as connection:
            assert connection.execute(query).fetchall() == [("other", False), ("reader", True)]
    finally:
        service.stop()


def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "platform")
    home.create()
    service = Postgres(home, unused(), "pw")
    service.directory.mkdir()
    (service.directory / "PG_VERSION").write_text("18\n")
    try:
        service.start()
        assert service.answers() is None
    finally:
        service.stop()
