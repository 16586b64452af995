"""What UNLOAD writes to S3: nothing of it can be seen before all of it is there.

Objects go up in parts, or are kept in memory while they are small; `commit` completes them all. Whatever is not
completed leaves no object: S3 keeps parts out of sight, and `abort` has them deleted.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redshift_gateway.errors import GatewayError
from redshift_gateway.s3.objects import ATTEMPTS, S3Settings, keys
from redshift_gateway.statements.unload import UnloadStatement

_PART = 8 << 20  # bytes; 10,000 parts, which is S3's limit, are more than the largest file
_SMALL = 256 << 10  # an object up to this size is kept until the end, while there is room
_KEPT = 8 << 20
_session = boto3.session.Session()
_session_lock = threading.Lock()


def client(settings: S3Settings, statement: UnloadStatement) -> Any:
    """A boto3 client with the statement's own credentials. Raises GatewayError when it has none."""
    pair = keys(settings, statement.credentials)
    config = Config(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.request_timeout,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    with _session_lock:  # boto3's sessions are not made for threads; its clients are
        return _session.client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=statement.region or settings.region,
            aws_access_key_id=pair.access_key.get_secret_value(),
            aws_secret_access_key=pair.secret_key.get_secret_value(),
            aws_session_token=pair.session_token.get_secret_value() or None,
            config=config,
        )


@contextlib.contextmanager
def failures(uri: str) -> Iterator[None]:
    """Turns S3's errors into the client's. Their codes and texts name no secret."""
    try:
        yield
    except ClientError as error:
        code, text = error.response["Error"].get("Code", "?"), error.response["Error"].get("Message", "")
        if code == "NoSuchBucket":
            raise GatewayError(f"The specified bucket does not exist: {uri}", sqlstate="58030") from None
        raise _failed(uri, f"{code}: {text[:300]}") from None
    except BotoCoreError as error:
        raise _failed(uri, type(error).__name__) from None


def _failed(uri: str, why: str) -> GatewayError:
    return GatewayError(f"S3ServiceException: writing {uri} failed", sqlstate="58030", detail=why)


@dataclass
class Upload:
    """An object that is being written. Looks like a file to pyarrow; one thread at a time."""

    uploads: "Uploads"
    key: str
    size: int = 0
    parts: list[dict[str, Any]] = field(default_factory=list)
    number: str = ""  # of the upload in parts, once there is one
    body: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def write(self, data: Any) -> int:
        """Adds bytes; full parts go up."""
        view = memoryview(data)
        if self.uploads.aborted:  # a writer that is thrown away writes what it has left
            return view.nbytes
        self.size += view.nbytes
        self.body += view
        if len(self.body) >= _PART:
            self._send()
        return view.nbytes

    def close(self) -> None:
        """The object has all its bytes, but nobody can see it yet."""
        if not self.closed and not self.uploads.aborted:
            self.closed = True
            if self.parts or not self.uploads.keeps(len(self.body)):
                self._send()

    def tell(self) -> int:
        """The position, as files have one."""
        return self.size

    def flush(self) -> None:
        """Files have this."""

    def _send(self) -> None:
        s3, target = self.uploads.s3, {"Bucket": self.uploads.bucket, "Key": self.key}
        if not self.number:
            self.number = s3.create_multipart_upload(**target, **self.uploads.encryption)["UploadId"]
        part = len(self.parts) + 1
        sent = s3.upload_part(**target, UploadId=self.number, PartNumber=part, Body=bytes(self.body))
        self.parts.append({"PartNumber": part, "ETag": sent["ETag"]})
        self.body.clear()


class Uploads:
    """The objects of one statement."""

    def __init__(self, s3: Any, bucket: str, *, encrypted: bool = False) -> None:
        """Nothing is written yet. What is `encrypted` is so by S3, with its own keys (SSE-S3)."""
        self.s3, self.bucket = s3, bucket
        self.encryption = {"ServerSideEncryption": "AES256"} if encrypted else {}
        self.objects: list[Upload] = []
        self.aborted = False
        self._kept = 0
        self._completed: list[str] = []

    def open(self, key: str) -> Upload:
        """A new object."""
        self.objects.append(upload := Upload(self, key))
        return upload

    def keeps(self, size: int) -> bool:
        """Whether an object of this size may stay in memory until the end."""
        kept = size <= _SMALL and self._kept + size <= _KEPT
        self._kept += size if kept else 0
        return kept

    def exists(self, prefix: str) -> bool:
        """Whether any object's key starts so."""
        return bool(self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"))

    def commit(self) -> None:
        """Completes all objects, in order. When one fails, `abort` takes back those before it."""
        for upload in self.objects:
            target = {"Bucket": self.bucket, "Key": upload.key}
            self._completed.append(upload.key)
            if upload.number:
                parts = {"Parts": upload.parts}
                self.s3.complete_multipart_upload(**target, UploadId=upload.number, MultipartUpload=parts)
            else:
                self.s3.put_object(**target, Body=bytes(upload.body), **self.encryption)
            upload.number = ""
            if self.encryption and self.encryption.keys() - self.s3.head_object(**target).keys():
                raise GatewayError("UNLOAD with ENCRYPTED: the S3 endpoint does not encrypt objects", sqlstate="0A000")

    def abort(self) -> None:
        """Deletes what was written, visible or not."""
        self.aborted = True
        for upload in self.objects:
            target = {"Bucket": self.bucket, "Key": upload.key}
            with contextlib.suppress(ClientError, BotoCoreError):
                if upload.number:
                    self.s3.abort_multipart_upload(**target, UploadId=upload.number)
                if upload.key in self._completed:
                    self.s3.delete_object(**target)

    def delete_others(self, prefix: str) -> None:
        """Deletes the objects whose keys start so and that are not of this statement."""
        mine = {o.key for o in self.objects}
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            old = [{"Key": o["Key"]} for o in page.get("Contents", []) if o["Key"] not in mine]
            if old:
                self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": old, "Quiet": True})
