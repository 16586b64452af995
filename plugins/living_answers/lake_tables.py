"""Tables on the lake: loose Parquet files, Delta by delta-rs, Iceberg by PyIceberg with a SQL catalogue of its own."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from living_answers.answers import scratch
from living_answers.lake import Lake

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog


def delta_options() -> dict[str, str]:
    """Return the ``storage_options`` by which delta-rs reaches the lake.

    Commits are conditional puts: of two writers of one version, the store refuses the second.
    """
    options = {key.replace("s3.", "AWS_").replace("-", "_").upper(): value for key, value in _s3().items()}
    return options | {"AWS_ENDPOINT_URL": options.pop("AWS_ENDPOINT"), "AWS_ALLOW_HTTP": "true"}


def delta_url(table: str) -> str:
    """Return the address of a Delta table below the answer's own prefix."""
    return f"s3://{scratch.lake().bucket}/{scratch.prefix()}{table}"


def iceberg_catalog() -> "SqlCatalog":
    """Open the answer's own Iceberg catalogue: its entries are rows in the scratch schema, its tables lie in the lake.

    The answer needs both kinds of scratch, ``"schema"`` and ``"prefix"``, which also drop it.
    """
    from pyiceberg.catalog.sql import SqlCatalog

    url = scratch.engine().url.set(drivername="postgresql+psycopg")
    where = url.update_query_dict({"options": f"-csearch_path={scratch.schema()}"})
    warehouse = f"s3://{scratch.lake().bucket}/{scratch.prefix()}"
    uri = where.render_as_string(hide_password=False)
    return SqlCatalog("answers", uri=uri, warehouse=warehouse, **_s3())


def put_parquet(lake: Lake, key: str, table: Any) -> int:
    """Store an Arrow table, a record batch, or rows as dicts, as one Parquet object; return its bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not isinstance(table, pa.Table):
        table = pa.Table.from_pylist(table) if isinstance(table, list) else pa.Table.from_batches([table])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    body: bytes = sink.getvalue().to_pybytes()
    lake.put(key, body)
    return len(body)


def get_parquet(lake: Lake, keys: Iterable[str], columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of the Parquet objects, one object after the other, each with the schema that it brings."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = (pq.ParquetFile(pa.BufferReader(lake.get(key))) for key in keys)
    return [row for file in files for row in file.read(columns).to_pylist()]


@cache
def _s3() -> dict[str, str]:
    """Address and credentials of the Airflow connection ``aws_default``, by PyIceberg's names."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    hook = S3Hook(aws_conn_id="aws_default")
    keys = hook.get_credentials()
    client = hook.get_conn()
    return {
        "s3.access-key-id": keys.access_key,
        "s3.secret-access-key": keys.secret_key,
        "s3.endpoint": client.meta.endpoint_url,
        "s3.region": client.meta.region_name,
    }
