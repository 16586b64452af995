"""The lake: one S3 bucket, reached through the Airflow connection ``aws_default``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError


class LakeError(Exception):
    """The lake cannot serve a request. The message names the bucket, the key and the remedy."""


@dataclass(frozen=True)
class Lake:
    """Objects of one bucket, by key. Every write replaces the whole object, so writing twice leaves one."""

    bucket: str

    @classmethod
    def connect(cls) -> Lake:
        """The bucket that the Airflow variable ``lake_bucket`` names.

        Raises:
            LakeError: the bucket is gone.
        """
        from airflow.sdk import Variable

        lake = cls(bucket=Variable.get("lake_bucket"))
        lake.check()
        return lake

    def check(self) -> None:
        """Ask for the bucket. SeaweedFS makes a missing one when an object is written, and would hide that it was lost.

        Raises:
            LakeError: the bucket is gone.
        """
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            raise LakeError(self._explain(error, "", missing="NoSuchBucket")) from error

    @cached_property
    def client(self) -> Any:
        """The boto3 client of ``aws_default``, with bounded retries and timeouts."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        from botocore.config import Config

        config = Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 5, "mode": "standard"})
        return S3Hook(aws_conn_id="aws_default", config=config).get_conn()

    def put(self, key: str, body: bytes) -> str:
        """Store ``body`` under ``key``; return its ETag, which changes with the content."""
        return str(self._call("put_object", key, Body=body)["ETag"]).strip('"')

    def put_json(self, key: str, value: Any) -> str:
        return self.put(key, json.dumps(value, indent=1, sort_keys=True).encode())

    def get(self, key: str) -> bytes:
        """Return the object's bytes.

        Raises:
            LakeError: no such object or bucket.
        """
        body: bytes = self._call("get_object", key)["Body"].read()
        return body

    def get_json(self, key: str) -> Any:
        return json.loads(self.get(key))

    def etag(self, key: str) -> str | None:
        """Return the object's ETag, or ``None`` where there is none."""
        try:
            return str(self.client.head_object(Bucket=self.bucket, Key=key)["ETag"]).strip('"')
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise LakeError(self._explain(error, key)) from error

    def content_id(self, key: str) -> str:
        """Return what tells this content from any other: the ETag.

        Raises:
            LakeError: there is no such object.
        """
        etag = self.etag(key)
        if etag is None:
            raise LakeError(f"s3://{self.bucket}/{key}: the object is not there: rerun the step that writes it")
        return etag

    def keys(self, prefix: str) -> list[str]:
        """Return all keys under ``prefix``, in order."""
        return [item["Key"] for page in self._pages(prefix) for item in page.get("Contents", [])]

    def delete(self, keys: list[str]) -> None:
        """Delete ``keys``; those that are gone already are no error."""
        for start in range(0, len(keys), 1000):
            batch = [{"Key": key} for key in keys[start : start + 1000]]
            self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True})

    def download(self, keys: list[str], folder: Path) -> None:
        """Copy the objects into ``folder``, each under the last part of its key, streamed."""
        folder.mkdir(parents=True, exist_ok=True)
        for key in keys:
            try:
                self.client.download_file(self.bucket, key, str(folder / Path(key).name))
            except ClientError as error:
                raise LakeError(self._explain(error, key)) from error

    def upload(self, file: Path, key: str) -> None:
        """Store a local file under ``key``, streamed.

        Raises:
            LakeError: the bucket is gone, or the server refuses.
        """
        from boto3.exceptions import S3UploadFailedError

        try:
            self.client.upload_file(str(file), self.bucket, key)
        except S3UploadFailedError as error:
            raise LakeError(
                f"s3://{self.bucket}/{key}: {error}; is the bucket there, and the disk not full?"
            ) from error

    def _pages(self, prefix: str) -> Iterator[dict[str, Any]]:
        try:
            yield from self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        except ClientError as error:
            raise LakeError(self._explain(error, prefix)) from error

    def _call(self, operation: str, key: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self.client, operation)(Bucket=self.bucket, Key=key, **arguments)
        except ClientError as error:
            raise LakeError(self._explain(error, key)) from error
        return answer

    def _explain(self, error: ClientError, key: str, missing: str = "NoSuchKey") -> str:
        code = error.response.get("Error", {}).get("Code", "unknown")
        code = missing if code == "404" else code  # HEAD has no body that could say what is missing
        remedy = {
            "NoSuchBucket": "the bucket is gone: create it again (answers up does), then rerun the day's ingest",
            "NoSuchKey": "the object is not there: rerun the step that writes it",
            "InternalError": "the S3 server failed: is its disk full? See its log; the task's retry goes on from here",
        }.get(code, "see the S3 server's log")
        return f"s3://{self.bucket}/{key}: {code}; {remedy}"
