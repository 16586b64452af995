"""S3 objects: what a COPY's prefix names, and how they are read. Only the configured endpoint is ever contacted."""

import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs
from pydantic import SecretStr

from redshift_gateway.errors import GatewayError, not_supported
from redshift_gateway.statements.copy import NOTHING, CopyStatement, Credentials

ATTEMPTS = 3
_SMALL = 1 << 20


@dataclass(frozen=True)
class S3Settings:
    """Where S3 is. The key pair serves statements that name an IAM role, and no others."""

    endpoint: str
    region: str = "us-east-1"
    role_access_key: SecretStr = NOTHING
    role_secret_key: SecretStr = NOTHING
    connect_timeout: float = 5.0
    request_timeout: float = 30.0


@dataclass(frozen=True)
class S3Object:
    """An object to load, with its path as pyarrow writes it: bucket/key."""

    path: str
    size: int

    @property
    def uri(self) -> str:
        """The name that error messages use."""
        return f"s3://{self.path}"


def connect(settings: S3Settings, statement: CopyStatement) -> Any:
    """A pyarrow file system with the statement's own credentials. Raises GatewayError when it has none."""
    pair = keys(settings, statement.credentials)
    address = urlsplit(settings.endpoint)
    return fs.S3FileSystem(
        access_key=pair.access_key.get_secret_value(),
        secret_key=pair.secret_key.get_secret_value(),
        session_token=pair.session_token.get_secret_value() or None,
        region=statement.region or settings.region,
        scheme=address.scheme,
        endpoint_override=address.netloc,
        connect_timeout=settings.connect_timeout,
        request_timeout=settings.request_timeout,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )


def keys(settings: S3Settings, given: Credentials) -> Credentials:
    """The key pair to use. Raises GatewayError when there is none."""
    if given.role:
        given = replace(given, access_key=settings.role_access_key, secret_key=settings.role_secret_key)
    if given.access_key.get_secret_value() and given.secret_key.get_secret_value():
        return given
    if given.role:
        raise GatewayError("The gateway has no S3 keys for statements that name an IAM role", sqlstate="42501")
    raise GatewayError("S3 needs CREDENTIALS, IAM_ROLE or ACCESS_KEY_ID and SECRET_ACCESS_KEY", sqlstate="42601")


def find(system: Any, statement: CopyStatement) -> list[S3Object]:
    """The objects that the statement loads, in order of their keys.

    Raises GatewayError for an empty prefix, as Redshift does, and for a bucket that is gone or keys that are refused.
    """
    try:
        if system.get_file_info(statement.bucket).type == fs.FileType.NotFound:
            raise GatewayError(f"The specified bucket does not exist: s3://{statement.bucket}", sqlstate="58030")
        found = _from_manifest(system, statement) if statement.has("manifest") else _with_prefix(system, statement)
    except OSError as error:
        raise read_failed(statement.uri, error) from None
    except pa.ArrowInvalid:  # a folder without a name, as in a//b, is no path to Arrow
        raise not_supported(f"COPY from a key such as {statement.uri}") from None
    if statement.format.columnar:  # writers leave markers such as _SUCCESS beside their Parquet files
        found = [o for o in found if not o.path.rpartition("/")[2].startswith(("_", "."))]
    if not found:
        raise GatewayError(f"The specified S3 prefix '{statement.prefix}' does not exist", sqlstate="58030")
    return found


def _with_prefix(system: Any, statement: CopyStatement) -> list[S3Object]:
    """A prefix is no folder: day=1 names day=1/a and day=10/a. S3FileSystem lists folders, so two steps are needed."""
    path = f"{statement.bucket}/{statement.prefix}"
    folder = path.rpartition("/")[0]
    infos = []
    for info in system.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
        if not info.path.startswith(path.rstrip("/") if info.type == fs.FileType.Directory else path):
            continue
        if info.type == fs.FileType.Directory:
            infos += system.get_file_info(fs.FileSelector(info.path, recursive=True, allow_not_found=True))
        else:
            infos.append(info)
    files = {i.path: i.size for i in infos if i.type == fs.FileType.File and i.path.startswith(path)}
    return [S3Object(p, files[p]) for p in sorted(files) if not p.endswith("/")]


def _from_manifest(system: Any, statement: CopyStatement) -> list[S3Object]:
    """https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html"""
    with system.open_input_stream(f"{statement.bucket}/{statement.prefix}") as stream:
        try:
            entries = json.loads(stream.read())["entries"]
            sized = all("content_length" in e.get("meta", {}) for e in entries)
            wanted = [(str(e["url"]).removeprefix("s3://"), bool(e.get("mandatory", False))) for e in entries]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise GatewayError(
                f"The manifest {statement.uri} is not valid JSON with entries", sqlstate="22023"
            ) from None
    if statement.format.columnar and not sized:
        raise GatewayError(
            f"The manifest {statement.uri} has an entry without meta.content_length, which COPY from "
            f"{statement.format.name} needs",
            sqlstate="22023",
        )
    found = []
    for path, mandatory in wanted:
        info = system.get_file_info(path)
        if info.type == fs.FileType.File:
            found.append(S3Object(path, info.size))
        elif mandatory:
            raise GatewayError(f"The mandatory file s3://{path} of the manifest does not exist", sqlstate="58030")
    return found


def read_whole(system: Any, uri: str) -> bytes:
    """A small object's content, such as a jsonpaths file's. Raises GatewayError."""
    try:
        with system.open_input_stream(uri.removeprefix("s3://")) as stream:
            return bytes(stream.read(_SMALL))
    except OSError as error:
        raise read_failed(uri, error) from None
    except pa.ArrowInvalid:
        raise not_supported(f"COPY with a file such as {uri}") from None


def open_stream(system: Any, item: S3Object, compression: str | None) -> Any:
    """The object's content as a readable stream, decompressed as it is read."""
    stream = system.open_input_stream(item.path, compression=None)  # the statement says, not the name
    return pa.CompressedInputStream(stream, compression) if compression else stream


def read_failed(uri: str, error: OSError) -> GatewayError:
    """What a failed read means to the client. pyarrow's texts name keys and codes, never credentials."""
    if "Truncated compressed stream" in str(error):
        return GatewayError(f"The compressed file {uri} is truncated", sqlstate="22000")
    return GatewayError(f"S3ServiceException: reading {uri} failed", sqlstate="58030", detail=str(error)[:500])
