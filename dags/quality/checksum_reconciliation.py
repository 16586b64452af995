"""# How do you prove that two systems hold the same data, and find the row that differs?

**Say it.** Bring both sides to one form, hash each row, add the hashes up in buckets of the key, and compare counts and sums.
Only where a bucket differs, split it and compare again; at the end fetch one small bucket from both sides. So one wrong cell is
found with a few hundred rows moved, not all.

**How it works.** Each engine hashes its own rows, where they lie: here PostgreSQL and a Parquet file that DuckDB reads. Both run
the very same SQL. It first spells every value in one way (money in cents, moments in seconds since 1970, NULL by a sign that no
text has), because engines print equal values differently. Row hashes are *added*: a sum does not care in which order rows come,
and unlike XOR it does not cancel a row that is there twice. The count travels along. A bucket is a range of the key, so the
index serves the second level, and a row that is missing on one side shifts no other row into another bucket.

**This run proves**
- *equal data in two engines raises no alarm*: other order, other types (`12.5000` and `12.5`), other time zone, same checksum;
- *the flipped cell is found and named*: one cent in one row of 200,000;
- *far fewer rows move than a full compare moves*: every row that leaves an engine is counted;
- *a lost row and a doubled row are found*: both at once, so that the two counts agree;
- *after the repair the checksums agree*: finding is not mending; the mending is a step of its own.

**Break it.** `as_printed`: rows are hashed as each engine prints them; every bucket differs, a false alarm that drags all rows
over the wire. `counts_only`: the usual comparison of row counts, blind to a changed cell and to one lost row made up by a doubled one.

**Where this stops.** A checksum says *that* and *where* two copies differ, not which is right, and it mends nothing. Both sides
must stand still (a snapshot, or a cut by an unchanging column), else rows in flight look like faults. With very many differences
the descent costs more than one full compare. MD5 is for accident, not for malice: 60 bits of it, summed, can be forged. Floating
point must be rounded to what the business means before it is hashed.

**Sources.** [data-diff](https://github.com/datafold/data-diff) (archived; its README explains the descent),
[pgEdge ACE: table diff](https://docs.pgedge.com/ace/v3-0-0/design/table_diff/), PostgreSQL:
[binary string functions](https://www.postgresql.org/docs/18/functions-binarystring.html),
[numbers in hexadecimal](https://www.postgresql.org/docs/16/release-16.html), DuckDB:
[hash and text functions](https://duckdb.org/docs/current/sql/functions/text).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

ROWS = 200_000
WIDTHS = (8192, 256)  # keys in a bucket, level by level; a bucket of the last level is fetched row by row

COLUMNS = ("id", "customer", "amount", "placed", "note")
MAKE = """
CREATE UNLOGGED TABLE orders (id bigint PRIMARY KEY, customer int, amount numeric(12,4), placed timestamptz, note text);
INSERT INTO orders SELECT id, id % 977, (id % 99991) / 100.0, '2013-01-01Z'::timestamptz + id * interval '1 minute',
    CASE WHEN id % 11 > 0 THEN left(md5(id::text), 8) END FROM generate_series(1, {rows}) AS id;
"""
# The same rows as another system has them: floating point, local time without a zone, another order.
CONVERT = """
COPY (SELECT id, customer, amount::DOUBLE AS amount, placed::TIMESTAMPTZ AT TIME ZONE 'UTC' AS placed, note
      FROM read_csv('{csv}') ORDER BY hash(id)) TO '{parquet}'
"""
# Both engines run the texts below as they stand.
ROW = """concat_ws('|', id, coalesce(customer::TEXT, '~'), coalesce(round(amount * 100)::BIGINT::TEXT, '~'),
    coalesce(date_part('epoch', placed)::BIGINT::TEXT, '~'), coalesce('=' || note, '~'))"""
ROW_AS_PRINTED = "concat_ws('|', id, customer::TEXT, amount::TEXT, placed::TEXT, note)"
BUCKETS = """
SELECT id - id % {width} AS bucket, count(*), sum(('0x' || left(md5({row}), 15))::BIGINT)
FROM orders WHERE id >= {low} AND id < {high} GROUP BY 1
"""
LEAF = "SELECT id, count(*), min({row}) FROM orders WHERE id >= {low} AND id < {high} GROUP BY id"


class Side:
    """One of the two systems: it answers SQL, and counts the rows that leave it."""

    def __init__(self, query: Callable[..., Any], break_it: str | None) -> None:
        self.query, self.moved, self.break_it = query, 0, break_it

    def ask(self, template: str, **place: int) -> dict[int, list[Any]]:
        row = ROW_AS_PRINTED if self.break_it == "as_printed" else ROW
        found = self.query(template.format(row=row, **place)).fetchall()
        self.moved += len(found)
        shown = slice(1, 2) if self.break_it == "counts_only" else slice(1, None)
        return {key: list(rest) for key, *rest in ((one[0], *one[shown]) for one in found)}


def differing(left: Side, right: Side, low: int, high: int, widths: tuple[int, ...]) -> Iterator[int]:
    """Yield the keys that differ: compare buckets, and go down only into those that are not the same."""
    width, *finer = widths or (0,)
    place = {"low": low, "high": high, "width": width}
    template = BUCKETS if width else LEAF
    ours, theirs = left.ask(template, **place), right.ask(template, **place)
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            yield from differing(left, right, key, key + width, tuple(finer)) if width else [key]


@contextmanager
def both_sides(break_it: str | None) -> Iterator[tuple[Side, Side]]:
    """Open PostgreSQL, and the Parquet file in DuckDB, as a table that the block may spoil."""
    import duckdb

    with TemporaryDirectory() as folder, scratch.connect() as postgres, duckdb.connect() as duck:
        scratch.lake().download([scratch.prefix() + "orders.parquet"], Path(folder))
        duck.execute("SET threads = 1")
        duck.read_parquet(f"{folder}/orders.parquet").create("orders")
        yield Side(postgres.execute, break_it), Side(duck.execute, break_it)


def compare(left: Side, right: Side, at_most: int | None = 1000) -> list[int]:
    """Return the keys that differ; whoever has seen a thousand of them need not descend any further."""
    return list(islice(differing(left, right, 0, ROWS + 1, WIDTHS), at_most))


def name_cells(left: Side, right: Side, key: int) -> list[str]:
    """Fetch one row from both sides and name the columns that differ."""
    row_of_key = LEAF.format(row=ROW, low=key, high=key + 1)
    one, other = (side.query(row_of_key).fetchone()[2] for side in (left, right))
    pairs = zip(COLUMNS, one.split("|"), other.split("|"), strict=True)
    return [column for column, here, there in pairs if here != there]


@answer(
    questions=["dq-checksum-reconciliation"],
    breaks={
        "as_printed": {
            "what": "rows are hashed as each engine prints them",
            "fails": [
                "equal data in two engines raises no alarm",
                "far fewer rows move than a full compare moves",
                "a lost row and a doubled row are found",
            ],
        },
        "counts_only": {
            "what": "only the numbers of rows are compared",
            "fails": ["the flipped cell is found and named", "a lost row and a doubled row are found"],
        },
    },
    claims={
        "c-004-checksums-consistency": {
            "verdict": "imprecise",
            "proof": "after the repair the checksums agree",
            "truth": "Checksums detect and locate differences, once both sides spell values alike; they do not say which "
            "side is right, and the repair is a second step.",
        }
    },
    scratch=["schema", "prefix"],
)
def checksum_reconciliation():
    @task
    def copy_to_another_system() -> int:
        import duckdb

        with TemporaryDirectory() as folder, scratch.connect() as connection, duckdb.connect() as duck:
            connection.execute("DROP TABLE IF EXISTS orders")
            connection.execute(MAKE.format(rows=ROWS))
            csv, parquet = Path(folder) / "orders.csv", Path(folder) / "orders.parquet"
            with csv.open("wb") as file, connection.cursor().copy("COPY orders TO STDOUT (FORMAT csv, HEADER)") as rows:
                file.writelines(rows)
            duck.execute(CONVERT.format(csv=csv, parquet=parquet))
            scratch.lake().upload(parquet, scratch.prefix() + parquet.name)
            return connection.execute("SELECT count(*) FROM orders").fetchone()[0]

    @task
    def equal_data_raises_no_alarm(rows: int, params: dict[str, Any] | None = None) -> None:
        with both_sides(params["break_it"]) as (postgres, lake):
            copied = lake.query("SELECT count(*) FROM orders").fetchone()[0]
            prove("the copy has every row", observed=copied, expected=rows, unit="rows")
            alarms = len(compare(postgres, lake))
            prove("equal data in two engines raises no alarm", observed=alarms, expected=0, unit="rows")

    @task
    def descend_to_the_flipped_cell(rows: int, params: dict[str, Any] | None = None) -> None:
        key = int(scratch.name()[-6:], 16) % rows + 1  # another one in each run
        with both_sides(params["break_it"]) as (postgres, lake):
            lake.query("UPDATE orders SET amount = amount + 0.01 WHERE id = ?", [key])
            found = compare(postgres, lake, at_most=None)
            moved, full = postgres.moved + lake.moved, 2 * rows
            limit = full // 100
            prove("far fewer rows move than a full compare moves", observed=moved, expected=limit, how="at_most")
            cells = {one: name_cells(postgres, lake, one) for one in found}
            prove("the flipped cell is found and named", observed=cells, expected={key: ["amount"]})
            right = postgres.query("SELECT amount FROM orders WHERE id = %s", [key]).fetchone()[0]
            lake.query("UPDATE orders SET amount = ? WHERE id = ?", [right, key])
            left_over = len(compare(postgres, lake))
            prove("after the repair the checksums agree", observed=left_over, expected=0, unit="rows")

    @task
    def find_lost_and_doubled(rows: int, params: dict[str, Any] | None = None) -> None:
        lost, doubled = rows // 2, rows // 2 + 1
        with both_sides(params["break_it"]) as (postgres, lake):
            lake.query("DELETE FROM orders WHERE id = ?", [lost])
            lake.query("INSERT INTO orders SELECT * FROM orders WHERE id = ?", [doubled])
            count = lake.query("SELECT count(*) FROM orders").fetchone()[0]
            prove("the two counts agree all the same", observed=count, expected=rows, unit="rows")
            found = compare(postgres, lake)
            prove("a lost row and a doubled row are found", observed=found[:10], expected=[lost, doubled])

    rows = copy_to_another_system()
    equal_data_raises_no_alarm(rows)
    descend_to_the_flipped_cell(rows)
    find_lost_and_doubled(rows)
