"""From S3 objects to the CSV that PostgreSQL's COPY eats: generators of chunks, run in worker threads."""

from collections.abc import Callable, Generator, Iterator
from typing import Final

import pyarrow as pa

from redshift_gateway.copy import avro, delimited, fixed_width, json_lines, orc, parquet
from redshift_gateway.copy.source import Chunk, Source
from redshift_gateway.errors import GatewayError
from redshift_gateway.s3.objects import read_failed
from redshift_gateway.statements.copy import Format

_READERS: Final[dict[Format, Callable[[Source], Iterator[Chunk]]]] = {
    Format.AVRO: avro.chunks,
    Format.CSV: delimited.chunks,
    Format.FIXEDWIDTH: fixed_width.chunks,
    Format.JSON: json_lines.chunks,
    Format.ORC: orc.chunks,
    Format.PARQUET: parquet.chunks,
    Format.TEXT: delimited.chunks,
}


def chunks(source: Source) -> Generator[Chunk, None, None]:
    """The object's rows as CSV. Raises GatewayError naming the object when it cannot be read or does not fit."""
    try:
        yield from _READERS[source.statement.format](source)
    except OSError as error:
        raise read_failed(source.item.uri, error) from None
    except pa.ArrowInvalid as error:
        raise GatewayError(f"{source.item.uri} cannot be read: {str(error)[:300]}", sqlstate="22000") from None
