"""What COPY through the Redshift gateway costs: memory by the size of the input, and rate by the number of files.

Each format is loaded at a small and a large size by a gateway of its own, whose peak memory is read from the kernel.
Then the same rows, compressed by bzip2, which is slow to unpack, come in one, two and four files.

    PYTHONPATH=infra:benchmarks python benchmarks/gateway_copy.py [--megabytes 300] [--formats CSV Parquet]

With 10240 megabytes of one format there should be 40 GB of disk: the object, and the rows in PostgreSQL.
"""

import argparse
import bz2
import io
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import psutil
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from load import Bench, running_gateway, started
from pyarrow import fs, orc
from rich.console import Console
from rich.table import Table

from embedded.ports import unused

MEGABYTE = 1 << 20
BATCH = 20_000  # rows that are repeated to make a file
DDL = "(id bigint, name varchar(40), amount decimal(12, 2), at timestamp)"


def batch() -> Any:
    """Rows of about fifty bytes each."""
    return pa.table(
        {
            "id": pa.array(range(BATCH), pa.int64()),
            "name": [f"customer {n:09d}" for n in range(BATCH)],
            "amount": pa.array([Decimal(n) + Decimal("0.25") for n in range(BATCH)], pa.decimal128(12, 2)),
            "at": pa.array([1_357_036_200_000_000 + n for n in range(BATCH)], pa.timestamp("us")),
        }
    )


def text(separator: str) -> bytes:
    """The rows as text."""
    rows = batch().to_pylist()
    return "".join(separator.join(str(v) for v in r.values()) + "\n" for r in rows).encode()


def repeated(sink: Any, piece: bytes, size: int) -> None:
    """Writes the piece until there are so many bytes."""
    for _ in range(max(size // len(piece), 1)):
        sink.write(piece)


def write_arrow(writer: Any, sink: Any, size: int) -> None:
    """The rows, until the file has about so many bytes of text."""
    rows = batch()
    with writer(sink, rows.schema) if writer is pq.ParquetWriter else writer(sink) as out:
        for _ in range(max(size // len(text(",")), 1)):
            out.write_table(rows) if writer is pq.ParquetWriter else out.write(rows)


def write_avro(sink: Any, size: int) -> None:
    """The rows as Avro."""
    kinds = {"id": "long", "name": "string", "amount": "string", "at": "string"}
    schema = {"type": "record", "name": "r", "fields": [{"name": k, "type": t} for k, t in kinds.items()]}
    rows = [{"id": r["id"], **{k: str(v) for k, v in r.items() if k != "id"}} for r in batch().to_pylist()]
    times = max(size // len(text(",")), 1)
    fastavro.writer(_Unseekable(sink), schema, (row for _ in range(times) for row in rows))


class _Unseekable(io.RawIOBase):
    """A file that fastavro takes for a stream."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return int(self._sink.write(bytes(data)))


def json_rows() -> bytes:
    """The rows as JSON Lines."""
    rows = (r.values() for r in batch().to_pylist())
    line = '{"id": %s, "name": "%s", "amount": %s, "at": "%s"}\n'
    return "".join(line % tuple(r) for r in rows).encode()


FORMATS: dict[str, tuple[str, Callable[[Any, int], None]]] = {
    "CSV": ("csv", lambda sink, size: repeated(sink, text(","), size)),
    "CSV, MAXERROR": ("csv maxerror 10", lambda sink, size: repeated(sink, text(","), size)),
    "text": ("", lambda sink, size: repeated(sink, text("|"), size)),
    "JSON": ("json 'auto'", lambda sink, size: repeated(sink, json_rows(), size)),
    "Parquet": ("parquet", lambda sink, size: write_arrow(pq.ParquetWriter, sink, size)),
    "ORC": ("orc", lambda sink, size: write_arrow(orc.ORCWriter, sink, size)),
    "Avro": ("avro 'auto'", write_avro),
}


def store(bench: Bench) -> Any:
    """The bench's S3."""
    return fs.S3FileSystem(
        access_key=bench.s3.access_key,
        secret_key=bench.s3.secret_key,
        endpoint_override=bench.s3.address(),
        region="us-east-1",
    )


def copy(bench: Bench, port: int, key: str, options: str) -> float:
    """Loads a prefix; the seconds."""
    keys = f"access_key_id '{bench.s3.access_key}' secret_access_key '{bench.s3.secret_key}'"
    address = (
        f"host=127.0.0.1 port={port} user={bench.postgres.user} password={bench.postgres.password} dbname=postgres"
    )
    with psycopg.connect(address, autocommit=True) as client:
        bench.sql(f"drop table if exists copied; create unlogged table copied {DDL}")
        began = time.monotonic()
        client.execute(f"copy copied from 's3://{bench.s3.bucket}/{key}' {keys} {options}")
        return time.monotonic() - began


def peak(bench: Bench, key: str, options: str) -> tuple[float, float]:
    """Loads a prefix with a gateway of its own: seconds, and the most memory it had, in MiB."""
    port = unused()
    with running_gateway(bench.postgres, bench.s3, port, Path(bench.folder) / f"gateway-{port}.log") as gateway:
        seconds = copy(bench, port, key, options)
        status = Path(f"/proc/{psutil.Process(gateway.pid).pid}/status").read_text()
        (line,) = [row for row in status.splitlines() if row.startswith("VmHWM")]
        return seconds, int(line.split()[1]) / 1024


def memory(bench: Bench, formats: list[str], megabytes: int, console: Console) -> None:
    """One table: what each format takes at 1 MB and at the large size."""
    table = Table("format", "peak at 1 MB, MiB", f"peak at {megabytes} MB, MiB", "MB/s")
    for name in formats:
        options, write = FORMATS[name]
        found = []
        for size in (1, megabytes):
            key = f"memory/{name.replace(' ', '')}-{size}/a"
            with store(bench).open_output_stream(f"{bench.s3.bucket}/{key}") as sink:
                write(sink, size * MEGABYTE)
            found.append(peak(bench, key, options))
            bench.sql("drop table copied")
            store(bench).delete_file(f"{bench.s3.bucket}/{key}")
        table.add_row(name, f"{found[0][1]:.0f}", f"{found[1][1]:.0f}", f"{megabytes / found[1][0]:.0f}")
        print(name, found, flush=True)  # the table comes late
    console.print(table)


def files(bench: Bench, megabytes: int, console: Console) -> None:
    """One table: the rate of the same rows in more and more files."""
    table = Table("files of bzip2", "seconds", "rate, of one file's")
    first = 0.0
    for count in (1, 2, 4):
        packed = io.BytesIO()
        repeated(packed, text(","), megabytes * MEGABYTE // count)
        for number in range(count):
            with store(bench).open_output_stream(f"{bench.s3.bucket}/files-{count}/{number}") as sink:
                sink.write(bz2.compress(packed.getvalue()))
        port = unused()
        with running_gateway(bench.postgres, bench.s3, port, Path(bench.folder) / f"gateway-{port}.log"):
            seconds = min(copy(bench, port, f"files-{count}/", "csv bzip2") for _ in range(2))
        first = first or seconds
        table.add_row(str(count), f"{seconds:.1f}", f"{first / seconds:.2f}")
    console.print(table)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    arguments = parser.parse_args()
    console = Console(width=100)
    with started(repeat=1) as bench:
        memory(bench, arguments.formats, arguments.megabytes, console)
        files(bench, min(arguments.megabytes, 60), console)


if __name__ == "__main__":
    main()
