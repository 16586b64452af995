"""A session on the Spark Connect server of the Airflow connection ``spark_connect``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# By default a client goes on asking a dead server for more than a minute; these give up after about two seconds.
MAX_RETRIES = 3
FIRST_PAUSE_MS = 200
LONGEST_PAUSE_MS = 1000


@contextmanager
def connect_session(conn_id: str = "spark_connect") -> Iterator[SparkSession]:
    """Open a session of one's own and always stop it: a client that is not stopped can hang at exit.

    Raises:
        pyspark.errors.PySparkException: the server is not there, or refuses the token.
    """
    from airflow.sdk import Connection

    connection = Connection.get(conn_id)
    with open_session(f"sc://{connection.host}:{connection.port}/", connection.password or "") as session:
        yield session


@contextmanager
def open_session(remote: str, token: str = "") -> Iterator[SparkSession]:
    """Open a session at a Spark Connect URL; see :func:`connect_session`."""
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    channel = DefaultChannelBuilder(f"{remote};token={token}" if token else remote)
    session = ConnectSession(channel)
    policy = DefaultPolicy(max_retries=MAX_RETRIES, initial_backoff=FIRST_PAUSE_MS, max_backoff=LONGEST_PAUSE_MS)
    session.client.set_retry_policies([policy])
    try:
        yield session
    finally:
        session.stop()
