"""AWS SDK for pandas (awswrangler), unmodified and in a venv of its own, against the gateway."""

from typing import Any

import aws_client
import pytest

FILES = [[1, "a"], [2, "é"], [None, None]]


@pytest.fixture(scope="module")
def answer(redshift: Any, s3: Any) -> dict[str, Any]:
    return aws_client.run(
        "wrangle.py",
        gateway={**redshift.arguments, "database": redshift.database},
        lake=f"s3://{s3.bucket}/wrangler",
        s3_endpoint=s3.endpoint,
        access_key=s3.access_key,
        secret_key=s3.secret_key,
        region=s3.region,
    )


def test_data_frames_are_inserted_and_upserted(answer: dict[str, Any]) -> None:
    assert answer["upserted"] == [[1, "a"], [2, "é"], [3, "new"], [4, "new"], [5, "é"], [6, None], [7, "new"]]
    assert answer["upserted by its key"] == [[7, "newer"], [8, "newer"], [9, "newer"]]
    assert answer["wider"] == [[21, "x"], [22, "y"], [23, "z"]]


@pytest.mark.parametrize("method", ["delete", "truncate", "cascade", "drop"])
def test_tables_are_overwritten(answer: dict[str, Any], method: str) -> None:
    assert answer[f"overwritten by {method}"] == [[3, 1]]


def test_data_frames_are_copied_through_s3(answer: dict[str, Any], connection: Any) -> None:
    first, second, third = answer["copied"]
    assert first == [1, "a", "1.50", 0.5, True, "2026-01-01T00:00:00.000", "2026-01-01T10:00:00.123"]
    assert second == [2, "é", None, None, False, None, None]
    assert third == [None, None, "-2.25", 2.0, None, "2026-01-03T00:00:00.000", "2026-01-03T00:00:00.000"]
    assert answer["appended"] == [[4]]
    assert answer["upserted by copy"] == [[1, "changed"], [2, "changed"], [None, None]]
    assert answer["left of the stage"] == []
    assert answer["table"] == 3
    assert connection.execute(
        "select diststyle, sortkey1 from svv_table_info where schema = 'wrangled' and \"table\" = 'notes'"
    ).fetchone() == ("KEY(id)", "day")


def test_files_are_copied(answer: dict[str, Any]) -> None:
    assert answer["from parquet"] == FILES
    assert answer["from orc"] == FILES
    assert answer["from csv"] == [[1, "a"], [2, "é"], [None, ""]]  # an empty field is no NULL in Redshift's CSV


def test_queries_are_unloaded(answer: dict[str, Any]) -> None:
    assert answer["unloaded"] == [["1", "changed", "1.50"], ["2", "changed", None]]
    assert answer["left of the unload"] == []
    assert answer["files of PARQUET"] == ["id=1/0000_part_00.parquet", "id=2/0000_part_00.parquet", "manifest"]
    assert answer["files of CSV"] == ["id=1/0000_part_00", "id=2/0000_part_00", "manifest"]
