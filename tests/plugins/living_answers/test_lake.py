"""The lake on a real S3 server."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest

from living_answers.lake import Lake, LakeError


@pytest.fixture
def lake(s3: Any) -> Lake:
    made = Lake(bucket=s3.bucket)
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
    )
    # Beside Airflow there is no connection to look up: the client takes the place that the property would fill.
    made.__dict__["client"] = client
    return made


@pytest.fixture
def prefix() -> str:
    return f"tests/{uuid.uuid4().hex}/"


def test_writing_twice_leaves_one_object(lake: Lake, prefix: str) -> None:
    first, again = lake.put(prefix + "a", b"one"), lake.put(prefix + "a", b"one")
    assert first == again == lake.content_id(prefix + "a")
    assert lake.put(prefix + "a", b"two") != first
    assert lake.keys(prefix) == [prefix + "a"]
    assert lake.get(prefix + "a") == b"two"


def test_json_comes_back_as_it_went(lake: Lake, prefix: str) -> None:
    lake.put_json(prefix + "a.json", {"b": [1, None, "ü"]})
    assert lake.get_json(prefix + "a.json") == {"b": [1, None, "ü"]}


def test_files_go_up_and_come_down(lake: Lake, prefix: str, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"x" * 100_000)
    lake.upload(tmp_path / "a.bin", prefix + "a.bin")
    lake.download([prefix + "a.bin"], tmp_path / "down")
    assert (tmp_path / "down" / "a.bin").read_bytes() == b"x" * 100_000


def test_deleting_what_is_gone_is_no_error(lake: Lake, prefix: str) -> None:
    lake.put(prefix + "a", b"")
    lake.delete([prefix + "a", prefix + "never"])
    lake.delete([])
    assert lake.keys(prefix) == []


def test_a_missing_object_is_named_with_the_remedy(lake: Lake, prefix: str) -> None:
    assert lake.etag(prefix + "none") is None
    with pytest.raises(LakeError, match=f"{prefix}none: NoSuchKey; .*rerun the step"):
        lake.get(prefix + "none")
    with pytest.raises(LakeError, match=r"rerun the step"):
        lake.content_id(prefix + "none")


def test_a_missing_bucket_is_named_with_the_remedy(lake: Lake) -> None:
    gone = Lake(bucket=f"gone-{uuid.uuid4().hex[:8]}")
    gone.__dict__["client"] = lake.client
    with pytest.raises(LakeError, match=r"s3://gone-.*/: NoSuchBucket; the bucket is gone"):
        gone.check()
    with pytest.raises(LakeError, match=r"NoSuchBucket"):
        gone.keys("a")


def test_a_bucket_that_is_there_passes_the_check(lake: Lake) -> None:
    lake.check()
