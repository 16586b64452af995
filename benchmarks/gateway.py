"""What the Redshift gateway costs a query, beside the same query sent straight to PostgreSQL.

Clients take turns, one statement each, so that a busy spell of the machine falls on both. The gateway is a process of
its own, as in use. The ratios and differences are what counts.

    python benchmarks/gateway.py [--queries 2000] [--rows 1000000] [--repeat 5]
"""

import argparse
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import psycopg
from load import Bench, started
from rich.console import Console
from rich.table import Table

SHORT = {  # what PostgreSQL is asked, and what the gateway
    "select 1": ("select 1", "select 1"),
    "translated": ("select coalesce(null, 1), date '2024-02-01' - date '2024-01-01'",
                   "select nvl(null, 1), datediff(day, '2024-01-01', '2024-02-01')"),
}  # fmt: skip
LARGE = "select i, i * 2 as twice, md5(i::text) as digest, now() as at from generate_series(1, {rows}) i"


def connect(bench: Bench, port: int) -> psycopg.Connection:
    """A connection to that port. Timeouts and TLS play no part."""
    address = bench.postgres.url().replace(f":{bench.postgres.port}/", f":{port}/")
    return psycopg.connect(address, autocommit=True)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def in_turns(works: Sequence[Callable[[], object]], times: int) -> list[list[float]]:
    """The durations of each, measured by turns."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for work, durations in zip(works, found, strict=True):
            durations.append(seconds(work))
    return found


def medians(works: Sequence[Callable[[], object]], times: int) -> list[float]:
    """The usual duration of each, in milliseconds."""
    return [1000 * statistics.median(durations) for durations in in_turns(works, times)]


def copied(connection: psycopg.Connection, rows: int) -> int:
    """The bytes that COPY TO STDOUT gives."""
    with connection.cursor().copy(f"copy ({LARGE.format(rows=rows)}) to stdout") as copy:
        return sum(len(block) for block in copy)


def short(table: Table, both: list[psycopg.Connection], times: int) -> None:
    """Adds the rows of single queries."""
    for name, statements in SHORT.items():
        for prepare in (False, True):
            works = [partial(c.execute, s, prepare=prepare) for c, s in zip(both, statements, strict=True)]
            direct, gateway = medians(works, times)
            kind = f"{name}, {'prepared' if prepare else 'simple'}"
            table.add_row(kind, f"{direct:.2f} ms", f"{gateway:.2f} ms", f"{gateway - direct:+.2f} ms", "< 1 ms")


def large(table: Table, both: list[psycopg.Connection], rows: int, times: int) -> None:
    """Adds the rows of large results: the least of some runs."""
    queries = {
        "rows of a query": [partial(c.execute, LARGE.format(rows=rows)) for c in both],
        "rows of COPY TO STDOUT": [partial(copied, c, rows) for c in both],
    }
    for name, works in queries.items():
        direct, gateway = map(min, in_turns(works, times))
        ratio = f"{direct / gateway:.2f} of direct"
        table.add_row(f"{rows:,} {name}", f"{direct:.2f} s", f"{gateway:.2f} s", ratio, ">= 0.80")


def main() -> None:
    """Run all and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    table = Table("statement", "direct", "gateway", "added or ratio", "goal")
    with started(options.repeat) as bench:
        ports = (bench.postgres.port, bench.gateway_port)
        both = [connect(bench, port) for port in ports]
        both[1].execute("select nvl(null, 1)")  # the gateway's functions are there from now on
        short(table, both, options.queries)
        sessions = [lambda p=port: connect(bench, p).execute("select 1").connection.close() for port in ports]
        direct, gateway = medians(sessions, 30)
        table.add_row("new session", f"{direct:.1f} ms", f"{gateway:.1f} ms", f"{gateway - direct:+.1f} ms", "")
        large(table, both, options.rows, options.repeat)
        for connection in both:
            connection.close()
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
