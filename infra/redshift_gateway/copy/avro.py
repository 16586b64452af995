"""Avro files, by the names of their fields or by a jsonpaths file.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-avro.html
"""

import io
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import pyarrow as pa

from redshift_gateway.copy.mapping import Mapper, mapper, text
from redshift_gateway.copy.rejects import BadValueError
from redshift_gateway.copy.source import Chunk, Record, Source
from redshift_gateway.errors import GatewayError

_ROWS: Final = 4096
_MORE: Final = 0x80  # set in each byte of a number but the last
_LARGEST_BLOCK: Final = 64 << 20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def chunks(source: Source) -> Iterator[Chunk]:
    """The rows of the file: fields without a column are ignored, missing ones are NULL."""
    import fastavro  # few loads need it

    fastavro.read.BLOCK_READERS["snappy"] = _snappy  # its own needs one more library
    get = mapper(source)
    with source.open_stream() as stream:
        try:
            reader = fastavro.reader(io.BufferedReader(stream, 1 << 18))  # pyright: ignore[reportArgumentType]
            if not isinstance(reader.writer_schema, dict) or reader.writer_schema.get("type") != "record":
                raise GatewayError(f"The Avro schema of {source.item.uri} is no record", sqlstate="22000")
            yield from _chunks(source, iter(reader), get)
        except (ValueError, EOFError, IndexError, struct.error, KeyError) as error:
            raise pa.ArrowInvalid(f"{type(error).__name__}: {error}") from None


def _snappy(stream: Any) -> io.BytesIO:
    """A block: its length, the bytes, and a checksum of four bytes, which Avro's readers may pass over."""
    import fastavro

    block = fastavro.read.BLOCK_READERS["null"](stream).read()[:-4]
    size = shift = 0
    for byte in block:  # snappy begins with the size of what it holds
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < _MORE:
            break
    if size > _LARGEST_BLOCK:
        raise ValueError("a block is larger than 64 MB")
    return io.BytesIO(pa.decompress(block, decompressed_size=size, codec="snappy", asbytes=True))


def _chunks(source: Source, reader: Iterator[Any], get: Mapper) -> Iterator[Chunk]:
    number = 0
    while batch := list(islice(reader, _ROWS)):
        yield source.load(_record(source, row, get, at) for at, row in enumerate(batch, number + 1))
        number += len(batch)


def _record(source: Source, row: Any, get: Mapper, number: int) -> Record:
    values = get(row)
    fields = values if isinstance(values, BadValueError) else [_text(source, v) for v in values]
    return Record(number, "", fields)


def _text(source: Source, value: Any) -> str | None:
    form = source.statement.time_format
    if isinstance(value, datetime) and form.startswith("epoch"):
        seconds = (value - _EPOCH).total_seconds()
        return str(int(seconds * 1000) if form == "epochmillisecs" else seconds)
    return text(value)
