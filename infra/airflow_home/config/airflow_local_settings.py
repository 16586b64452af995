"""Airflow imports this module at its start; it is copied to AIRFLOW_HOME/config.

Workers and tasks are forks of the scheduler, so what the scheduler has imported a task need not: Great Expectations
alone takes five to ten seconds. Not in a thread: a fork in the middle of an import would leave its lock held for ever.
"""

import contextlib
import importlib
import os
import sys

HEAVY = (
    "sqlalchemy.dialects.postgresql.psycopg",
    "psycopg",
    "httpx",
    "boto3",
    "botocore.session",
    "pandas",
    "pyarrow.parquet",
    "redshift_connector",
    "airflow.providers.amazon.aws.transfers.s3_to_redshift",
    "airflow.providers.amazon.aws.hooks.redshift_sql",
    "airflow.providers.common.sql.operators.sql",
    "airflow.providers.standard.operators.hitl",
    "living_answers.ledger",
    "living_answers.proof",
    "living_answers.quality",
    "living_answers.spark",
    "living_answers.sources.flights",
    "pyspark.sql.connect.session",
    "great_expectations",
)


def _preload() -> None:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    for name in HEAVY:
        with contextlib.suppress(Exception):  # a broken module fails in its own task, where it can be read
            importlib.import_module(name)


if "scheduler" in sys.argv[:3]:
    _preload()
