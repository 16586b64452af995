"""Redshift's COPY ... FROM 's3://...' as data.

https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
"""

from dataclasses import dataclass, field
from enum import Enum

from pydantic import SecretStr

from redshift_gateway.lexer import quote_name


class Format(Enum):
    """How the objects are written."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    TEXT = "text"  # the default of Redshift: delimited, without quotes


NOTHING = SecretStr("")


@dataclass(frozen=True)
class Credentials:
    """What the statement says about access to S3: a key pair, or a role, for which the gateway's own keys stand in."""

    access_key: SecretStr = NOTHING
    secret_key: SecretStr = NOTHING
    session_token: SecretStr = NOTHING
    role: str = ""


@dataclass(frozen=True)
class CopyStatement:
    """One COPY from S3. `table` holds the parts of a possibly qualified name."""

    table: tuple[str, ...]
    columns: tuple[str, ...]
    bucket: str
    prefix: str
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    format: Format = Format.TEXT
    compression: str | None = None
    delimiter: str = ","
    quote: str = '"'
    ignore_header: int = 0
    empty_as_null: bool = False
    null_as: str | None = None
    manifest: bool = False
    region: str = ""

    @property
    def qualified_table(self) -> str:
        """The table's name, quoted for SQL."""
        return ".".join(quote_name(part) for part in self.table)

    @property
    def uri(self) -> str:
        """The prefix as the statement wrote it."""
        return f"s3://{self.bucket}/{self.prefix}"
