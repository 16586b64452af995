"""Redshift's COPY ... FROM 's3://...' as data.

https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
"""

from dataclasses import dataclass, field
from enum import Enum

from pydantic import SecretStr

from redshift_gateway.statements.lexer import quote_name


class Format(Enum):
    """How the objects are written."""

    CSV = "csv"
    JSON = "json"
    AVRO = "avro"
    PARQUET = "parquet"
    ORC = "orc"
    FIXEDWIDTH = "fixedwidth"
    TEXT = "text"  # the default of Redshift: delimited, without quotes

    @property
    def columnar(self) -> bool:
        """Whether the files have a schema of their own, and columns that are matched by position."""
        return self in (Format.PARQUET, Format.ORC)


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
    options: frozenset[str] = frozenset()  # the words of the options that were given
    compression: str | None = None
    mapping: str = "auto"  # of JSON and Avro: auto, auto ignorecase, noshred or the URL of a jsonpaths file
    widths: tuple[int, ...] = ()  # of FIXEDWIDTH, in characters
    delimiter: str = ""
    quote: str = '"'
    encoding: str = "utf8"
    ignore_header: int = 0
    null_as: str = "\\N"
    invalid_characters: str = ""  # what ACCEPTINVCHARS writes in their place
    date_format: str = ""
    time_format: str = ""
    max_errors: int = 0
    region: str = ""

    def has(self, option: str) -> bool:
        """Whether an option was given, by its first word."""
        return option in self.options

    @property
    def checked(self) -> bool:
        """Whether the gateway must itself know of each row whether it is good."""
        return self.max_errors > 1 or self.has("ignoreallerrors") or self.has("noload")

    @property
    def separator(self) -> str:
        """What separates fields: a comma for CSV and a pipe for text unless the statement says otherwise."""
        return self.delimiter or ("," if self.format is Format.CSV else "|")

    @property
    def qualified_table(self) -> str:
        """The table's name, quoted for SQL."""
        return ".".join(quote_name(part) for part in self.table)

    @property
    def uri(self) -> str:
        """The prefix as the statement wrote it."""
        return f"s3://{self.bucket}/{self.prefix}"
