"""From S3 objects to the CSV that PostgreSQL's COPY eats: generators of blocks, run in a worker thread."""

from collections.abc import Iterator

import pyarrow as pa

from redshift_gateway import delimited, json_lines, parquet
from redshift_gateway.copy_statement import Format
from redshift_gateway.errors import GatewayError
from redshift_gateway.objects import read_failed
from redshift_gateway.source import Block, Source

_READERS = {Format.PARQUET: parquet.blocks, Format.JSON: json_lines.blocks, Format.CSV: delimited.blocks}


def blocks(source: Source) -> Iterator[Block]:
    """The object's rows as CSV. Raises GatewayError naming the object when it cannot be read or does not fit."""
    try:
        yield from _READERS[source.statement.format](source)
    except OSError as error:
        raise read_failed(source.item.uri, error) from None
    except pa.ArrowInvalid as error:
        raise GatewayError(f"{source.item.uri} cannot be read: {str(error)[:300]}", sqlstate="22000") from None
