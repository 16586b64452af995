"""Redshift's UNLOAD ('select ...') TO 's3://...' as data.

https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

from dataclasses import dataclass, field

from redshift_gateway.statements.copy import Credentials, Format

MEGABYTE = 1_000_000
ROW_GROUP = 32 * MEGABYTE
LARGEST_FILE = 6200 * MEGABYTE  # "The maximum size for a data file is 6.2 GB"
_EXTENSIONS = {None: "", "gzip": ".gz", "bz2": ".bz2", "zstd": ".zst"}


@dataclass(frozen=True)
class UnloadStatement:
    """One UNLOAD. `query` is PostgreSQL's SQL already."""

    query: str
    bucket: str
    prefix: str
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    format: Format = Format.TEXT
    compression: str | None = None
    delimiter: str = ""  # nothing: the format's own
    header: bool = False
    add_quotes: bool = False
    escape: bool = False
    null_as: str = ""
    partition_by: tuple[str, ...] = ()
    include: bool = False  # the partition columns stay in the files
    manifest: bool = False
    verbose: bool = False
    allow_overwrite: bool = False
    clean_path: bool = False
    encrypted: bool = False  # by S3, with keys of its own
    parallel: bool = True
    max_file_size: int = LARGEST_FILE
    row_group_size: int = 0  # nothing: ROW_GROUP
    extension: str | None = None
    region: str = ""

    @property
    def uri(self) -> str:
        """The prefix as the statement wrote it."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def folder(self) -> str:
        """What all keys start with: PARTITION BY makes a folder of the prefix."""
        return f"{self.prefix}/" if self.partition_by and not self.prefix.endswith("/") else self.prefix

    @property
    def separator(self) -> str:
        """What stands between two fields of a line."""
        return self.delimiter or ("," if self.format is Format.CSV else "|")

    def file_name(self, number: int) -> str:
        """The name of a partition's file. A cluster of one slice writes slice 0000; serial files have a number only."""
        name = f"0000_part_{number:02d}" if self.parallel else f"{number:03d}"
        if self.extension is not None:
            return f"{name}.{self.extension}"
        return name + (".parquet" if self.format is Format.PARQUET else _EXTENSIONS[self.compression])
