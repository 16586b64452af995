"""How fast rows get from S3 into the warehouse, beside other ways of loading the same rows.

Two million TPC-H lineitem rows go from Parquet in S3 through Airflow's own S3ToRedshiftOperator and the Redshift
gateway into PostgreSQL; the same rows go in by psql's \\copy from CSV, by dlt's default load and by pandas' to_sql (the
slow ones on a slice, scaled). All in one run, each into a new table without indexes; the ratios are what counts.

    python benchmarks/load.py [--rows 2000000] [--repeat 3]
"""

import argparse
import contextlib
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from embedded.home import Home
from embedded.ports import choose, unused
from embedded.postgres import Postgres, binaries
from embedded.s3 import S3, TWIN

SCALE_ONE = 6_001_215  # lineitem rows at scale factor 1
FILES = 2
DLT_SLICE, PANDAS_SLICE, REPLAY_ROWS = 500_000, 100_000, 500_000
COLUMNS = {
    "l_orderkey": "bigint", "l_partkey": "bigint", "l_suppkey": "bigint", "l_linenumber": "integer",
    "l_quantity": "decimal(15, 2)", "l_extendedprice": "decimal(15, 2)", "l_discount": "decimal(15, 2)",
    "l_tax": "decimal(15, 2)", "l_returnflag": "varchar(1)", "l_linestatus": "varchar(1)", "l_shipdate": "date",
    "l_commitdate": "date", "l_receiptdate": "date", "l_shipinstruct": "varchar(25)", "l_shipmode": "varchar(10)",
    "l_comment": "varchar(44)",
}  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """The servers and the files."""

    postgres: Postgres
    s3: S3
    folder: Path
    gateway: psutil.Process
    gateway_port: int
    repeat: int

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement straight on PostgreSQL."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_table(self, name: str) -> None:
        """Make an empty table; what earlier loads left to do is done first, so that none pays for another."""
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        self.sql(f"drop table if exists {name}")
        self.sql(f"create table {name} ({columns})")
        self.sql("checkpoint")


@contextlib.contextmanager
def started(repeat: int) -> Iterator[Bench]:
    """PostgreSQL, S3 and the gateway, in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as stack:
        home = Home(Path(name))
        home.create()
        taken: set[int] = set()
        postgres = Postgres(home, unused(), secrets.token_urlsafe(16), settings=(("max_wal_size", "4GB"),))
        ports = [choose(12_000, taken, twin=TWIN) for _ in range(5)]
        s3 = S3(home, *ports, access_key="BENCH", secret_key=secrets.token_urlsafe(16))
        for service in (postgres, s3):
            service.start()
            stack.callback(service.stop)
        port = unused()
        gateway = stack.enter_context(running_gateway(postgres, s3, port, home.log("gateway")))
        yield Bench(postgres, s3, Path(name), psutil.Process(gateway.pid), port, repeat)


@contextlib.contextmanager
def running_gateway(postgres: Postgres, s3: S3, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The gateway as a process of its own, as the platform runs it."""
    command = [sys.executable, "-m", "redshift_gateway", "--port", str(port)]
    command += ["--postgres", f"postgresql://127.0.0.1:{postgres.port}", "--s3-endpoint", s3.address()]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_for(lambda: b"listening" in log.read_bytes())
            yield process
        finally:
            process.terminate()
            process.wait(20)


def wait_for(ready: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is ready. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the gateway did not start")
        time.sleep(0.05)


def generate(bench: Bench, rows: int) -> int:
    """Make the same rows as Parquet, which goes to S3 in two files, and as CSV; return how many there are."""
    for form in ("parquet", "csv"):
        program = Path(sys.executable).with_name("tpchgen-cli")
        options = ["-s", f"{rows / SCALE_ONE:.4f}", "--tables=lineitem", f"--parts={FILES}", "-o", bench.folder / form]
        subprocess.run([program, form, *options], check=True, capture_output=True, timeout=300)
    client = bench.s3.client()
    for number, path in enumerate(sorted((bench.folder / "parquet" / "lineitem").glob("*.parquet"))):
        client.upload_file(str(path), bench.s3.bucket, f"lineitem/{number}.parquet")
    with (bench.folder / "lineitem.csv").open("wb") as whole:
        for path in sorted((bench.folder / "csv" / "lineitem").glob("*.csv")):
            whole.write(path.read_bytes().partition(b"\n")[2])
            path.unlink()
    return sum(1 for _ in (bench.folder / "lineitem.csv").open("rb"))


def best(bench: Bench, loads: dict[str, tuple[Callable[[], object], tuple[str, ...]]]) -> dict[str, float]:
    """The shortest time of each load into new tables, in seconds: noise only ever adds.

    They take turns, so that a busy spell of the machine does not fall on one of them alone.
    """
    times: dict[str, float] = {}
    for _ in range(bench.repeat):
        for name, (load, tables) in loads.items():
            for table in tables:
                bench.new_table(table)
            before = time.perf_counter()
            load()
            times[name] = min(times.get(name, float("inf")), time.perf_counter() - before)
    return times


def operator_load(bench: Bench) -> Callable[[str, str], None]:
    """A function that runs Airflow's operator for a table and a key."""
    os.environ["AIRFLOW_CONN_REDSHIFT_DEFAULT"] = json.dumps(
        {"conn_type": "redshift", "host": "localhost", "port": bench.gateway_port, "login": "postgres",
         "password": bench.postgres.password, "schema": "postgres", "extra": {"ssl": False}}
    )  # fmt: skip
    os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(
        {"conn_type": "aws", "login": bench.s3.access_key, "password": bench.s3.secret_key,
         "extra": {"endpoint_url": bench.s3.address(), "region_name": bench.s3.region}}
    )  # fmt: skip
    os.environ["AIRFLOW_HOME"] = str(bench.folder / "airflow")
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"  # the hook logs its statement, in which the keys stand
    from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator

    def load(table: str, key: str) -> None:
        options = {"s3_bucket": bench.s3.bucket, "s3_key": key, "copy_options": ["FORMAT AS PARQUET"]}
        S3ToRedshiftOperator(task_id="load", table=table, **options).execute({})

    return load


def copy_load(bench: Bench, table: str) -> None:
    """Psql's \\copy of the CSV."""
    psql = binaries() / "psql"
    command = f"\\copy {table} from '{bench.folder / 'lineitem.csv'}' with (format csv)"
    subprocess.run([psql, bench.postgres.url(), "-qc", command], check=True, timeout=600)


def dlt_load(bench: Bench) -> float:
    """dlt's default load of Arrow tables, in rows a second."""
    os.environ |= {"DLT_DATA_DIR": str(bench.folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    os.environ["PROVIDERS__ENABLE_AIRFLOW_SECRETS"] = "false"  # dlt would look for its settings in Airflow's database
    import dlt
    import pyarrow as pa
    import pyarrow.parquet as pq

    slice_ = pq.read_table(bench.folder / "parquet" / "lineitem").slice(0, DLT_SLICE)
    plain = [f.with_type(pa.string()) if pa.types.is_string_view(f.type) else f for f in slice_.schema]
    slice_ = slice_.cast(pa.schema(plain))  # dlt does not take views
    destination = dlt.destinations.postgres(bench.postgres.url())
    pipeline = dlt.pipeline(
        "bench", destination=destination, dataset_name="dlt", pipelines_dir=str(bench.folder / "dlt")
    )
    before = time.perf_counter()
    pipeline.run(slice_, table_name="lineitem")
    return slice_.num_rows / (time.perf_counter() - before)


def pandas_load(bench: Bench) -> float:
    """pandas' to_sql with its defaults, in rows a second."""
    import pandas as pd
    import sqlalchemy as sa

    frame = pd.read_csv(bench.folder / "lineitem.csv", names=list(COLUMNS), nrows=PANDAS_SLICE)
    engine = sa.create_engine(bench.postgres.url().replace("postgresql://", "postgresql+psycopg://"))
    before = time.perf_counter()
    frame.to_sql("pandas", engine, index=False)
    seconds = time.perf_counter() - before
    engine.dispose()
    return len(frame) / seconds


def replay(bench: Bench) -> tuple[float, float]:
    """Seconds to merge a batch that is loaded already: plainly, and writing only what differs."""
    names = list(COLUMNS)
    bench.sql(f"create table batch as select * from one limit {REPLAY_ROWS}")
    assign = ", ".join(f"{n} = s.{n}" for n in names[4:])
    differs = f"({', '.join(f't.{n}' for n in names)}) is distinct from ({', '.join(f's.{n}' for n in names)})"
    seconds = []
    for condition in ("", f"and {differs}"):
        bench.sql("drop table if exists target")
        bench.sql("create table target as select * from batch")
        bench.sql("alter table target add primary key (l_orderkey, l_linenumber)")
        for table in ("target", "batch"):
            bench.sql(f"analyze {table}")
        bench.sql("checkpoint")
        before = time.perf_counter()
        bench.sql(
            f"merge into target t using batch s on t.l_orderkey = s.l_orderkey and t.l_linenumber = s.l_linenumber "
            f"when matched {condition} then update set {assign} "
            f"when not matched then insert values ({', '.join(f's.{n}' for n in names)})"
        )
        seconds.append(time.perf_counter() - before)
    return seconds[0], seconds[1]


def measure(bench: Bench, rows: int) -> list[tuple[str, float]]:
    """The rates of all ways, in rows a second. The slow imports come after the client's memory was read."""
    load = operator_load(bench)
    both = ("half_0", "half_1")

    def parallel() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda n: load(f"half_{n}", f"lineitem/{n}.parquet"), range(FILES)))

    times = best(
        bench,
        {
            "psql \\copy of CSV": (lambda: copy_load(bench, "copied"), ("copied",)),
            "operator, one connection": (lambda: load("one", "lineitem/"), ("one",)),
            "operator, two connections": (parallel, both),
        },
    )
    same_rows(bench, "one", "copied", f"(select * from {both[0]} union all select * from {both[1]}) u")
    memory(bench)
    found = [(way, rows / seconds) for way, seconds in times.items()]
    return [*found, ("dlt, default load", dlt_load(bench)), ("pandas to_sql", pandas_load(bench))]


def same_rows(bench: Bench, *tables: str) -> None:
    """Raises AssertionError when the tables differ: a fast load of other rows is no load."""
    digest = "select count(*), sum(hashtextextended(t::text, 0)) from {} t"
    digests = {tuple(bench.sql(digest.format(t).replace("u t", "t"))[0]) for t in tables}
    assert len(digests) == 1, digests


def memory(bench: Bench) -> None:
    """Print the peak resident memory of the gateway and of this process, the operator's."""
    status = Path(f"/proc/{bench.gateway.pid}/status").read_text()
    gateway = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    client = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: gateway {gateway:.0f} MiB (goal: < 300), Airflow's operator {client:.0f} MiB")
    cpu = bench.gateway.cpu_times()
    print(f"processor time of the gateway: {cpu.user + cpu.system:.1f} s")


def main() -> None:
    """Run all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    with started(options.repeat) as bench:
        rows = generate(bench, options.rows)
        rates = measure(bench, rows)
        plain, careful = replay(bench)
    table = Table("way", "thousand rows a second", "of \\copy", "goal", title=f"{rows:,} lineitem rows")
    goals = {1: ">= 0.70", 2: "> 1.00"}
    for number, (way, rate) in enumerate(rates):
        table.add_row(way, f"{rate / 1000:.0f}", f"{rate / rates[0][1]:.2f}", goals.get(number, ""))
    Console().print(table)
    print(f"replay of a loaded batch: {careful / plain:.2f} of a plain MERGE (goal: <= 0.45)")


if __name__ == "__main__":
    main()
