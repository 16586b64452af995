"""Looks for texts wherever the platform leaves any: databases, logs, published pages, command lines, the lake."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

Secrets = Mapping[str, str]


def in_text(text: str, where: str, secrets: Secrets) -> list[str]:
    """Name the secrets that stand in a text, in clear or as PostgreSQL shows bytes."""
    return [f"{name} in {where}" for name, secret in secrets.items() if secret in text or secret.encode().hex() in text]


def in_files(folders: Iterable[Path], secrets: Secrets) -> list[str]:
    """Search every file below the folders."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [hit for path in files for hit in in_text(path.read_bytes().decode("latin-1"), str(path), secrets)]


def in_database(connection: psycopg.Connection[Any], secrets: Secrets) -> list[str]:
    """Search every column of every row of every table, as text."""
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    return [hit for table in tables for hit in _in_table(connection, table, secrets)]


def _in_table(connection: psycopg.Connection[Any], table: tuple[str, str], secrets: Secrets) -> Iterator[str]:
    patterns = [f"%{form}%" for secret in secrets.values() for form in (_escaped(secret), secret.encode().hex())]
    query = sql.SQL("SELECT one::text FROM {} AS one WHERE one::text LIKE ANY(%s) LIMIT 5").format(
        sql.Identifier(*table)
    )
    for (row,) in connection.execute(query, (patterns,)):
        yield from in_text(row, ".".join(table), secrets)


def _escaped(secret: str) -> str:
    return secret.replace("\\", r"\\").replace("_", r"\_").replace("%", r"\%")


def in_lake(s3: Any, bucket: str, secrets: Secrets) -> list[str]:
    """Search every object of the bucket."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    bodies = ((key, s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys)
    return [hit for key, body in bodies for hit in in_text(body.decode("latin-1"), f"s3://{bucket}/{key}", secrets)]


def in_command_lines(pids: Iterable[int], secrets: Secrets) -> list[str]:
    """Search the command lines of processes, which everybody on the machine can read."""
    lines = ((pid, " ".join(psutil.Process(pid).cmdline())) for pid in pids)
    return [hit for pid, line in lines for hit in in_text(line, f"the command line of process {pid}", secrets)]
