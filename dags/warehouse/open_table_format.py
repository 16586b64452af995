"""# What is hard about running a data lake, and what do table formats and Databricks answer?

**Say it.** A folder of Parquet files has no commit. So overwrites tear, concurrent writers lose updates, any schema gets in, small files pile up
and deletes are a rewrite. Delta and Iceberg add metadata that says which files are the table; a commit is one atomic step. Owners, meaning and
quality remain your work.

**How it works.** Readers of loose files list a prefix and take what lies there, half an overwrite included. A Delta table is what its log
names: `_delta_log/00…n.json` adds and removes files, and version n exists once that object does. Writers first write data files that nobody
sees, then put the next log entry *only if it is absent* (`If-None-Match` on S3). Of two writers one wins; the other reads what has happened
meanwhile: a blind append goes through as the next version, an update that read an older table is refused and must be run again. That is
optimistic concurrency. Files that the log has removed stay until VACUUM: so old versions can be read, and so a deleted person is still there.

**This run proves**
- *a failed overwrite leaves one version*: the writer dies with half of its files written; a reader then counts rows by version;
- *the dead writer's files are stored, but are not the table*: objects under the table's address that its log does not name;
- *of two updates at once both remain*: both read, then both write; the loser is refused and tries again;
- *a batch with another schema is refused*: a column more than the table has;
- *loose files tear* and *loose files lose an update*: the same faults on plain Parquet;
- *an old version can be read*, *compaction leaves the rows* and *compaction cuts the files*: time travel and small files;
- *a wrong amount of the right type is accepted* and *a declared constraint refuses it*: the format does not know what is right;
- *a deleted row is out of the table* and *a deleted row is out of the files*: DELETE, then VACUUM, searched in the objects themselves.

**Break it.** `loose_files`: plain Parquet under a prefix. `no_vacuum`: the row is deleted, and nobody vacuums.

**Where this stops.** Delta by delta-rs, without Spark, on SeaweedFS. Databricks itself is not run: it adds to the format a catalogue (Unity), a
job and cluster manager, and automatic compaction. A commit in the table's own log covers that table; several at once need a catalogue that
commits for them (Unity's catalog commits, Iceberg's REST catalogue). By default Delta on Spark uses no conditional puts: there,
clusters that write the same table on S3 need a log store that supports it, such as the one in DynamoDB. VACUUM with no retention, as here,
can pull files from under a running reader: the default keeps seven days. Discovery is `data_swamp`'s matter.

**Sources.** [Delta's protocol](https://github.com/delta-io/delta/blob/master/PROTOCOL.md),
[concurrency control](https://docs.delta.io/concurrency-control/), [storage](https://docs.delta.io/delta-storage/), [delta-rs](https://delta-io.github.io/delta-rs/),
[Armbrust et al., Delta Lake, VLDB 2020](https://www.vldb.org/pvldb/vol13/p3411-armbrust.pdf),
[S3 conditional writes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from airflow.sdk import task

from living_answers import lake_tables
from living_answers.answers import answer, prove, prove_raises, scratch

PARTS, ROWS = 4, 8000  # a writer that dies half way has by then stored files: fewer rows it would still hold in memory


class Died(Exception):
    """The writer's process ends in the middle of its work."""


def batches(version: int, dies_after: int = PARTS) -> Iterator[Any]:
    """The table's rows in parts, each marked with the version that wrote it; with ``dies_after``, only so many."""
    import pyarrow as pa

    for part in range(PARTS):
        if part == dies_after:
            raise Died
        ids = range(part * ROWS, (part + 1) * ROWS)
        yield pa.RecordBatch.from_pylist([{"id": i, "amount": 10 * i, "version": version} for i in ids])


class LooseFiles:
    """A table is whatever lies under its prefix."""

    def __init__(self, name: str) -> None:
        self.lake, self.prefix = scratch.lake(), f"{scratch.prefix()}loose/{name}/"

    def overwrite(self, parts: Iterator[Any]) -> None:
        for number, part in enumerate(parts):
            self.append(part, number)

    def append(self, part: Any, number: int = PARTS) -> None:
        lake_tables.put_parquet(self.lake, f"{self.prefix}part-{number}.parquet", part)

    def read(self) -> list[dict[str, int]]:
        return lake_tables.get_parquet(self.lake, self.lake.keys(self.prefix))

    open = read  # there is no log that could be opened

    def add(self, opened: Any, amount: int, to: int) -> None:
        """Write back what was read, with one amount changed."""
        changed = [row | {"amount": row["amount"] + amount * (row["id"] == to)} for row in opened]
        self.overwrite(iter([changed[at : at + ROWS] for at in range(0, len(changed), ROWS)]))


class Delta:
    """A table is what its log names."""

    def __init__(self, name: str) -> None:
        self.url, self.options = lake_tables.delta_url(name), lake_tables.delta_options()

    def overwrite(self, parts: Iterator[Any]) -> None:
        import pyarrow as pa
        from deltalake import write_deltalake

        reader = pa.RecordBatchReader.from_batches(next(batches(0)).schema, parts)
        write_deltalake(self.url, reader, mode="overwrite", storage_options=self.options, target_file_size=1)

    def append(self, part: Any) -> None:
        from deltalake import write_deltalake

        write_deltalake(self.url, part, mode="append", storage_options=self.options)

    def open(self, version: int | None = None) -> Any:
        from deltalake import DeltaTable

        return DeltaTable(self.url, version, self.options)

    def read(self, version: int | None = None) -> list[dict[str, int]]:
        return self.open(version).to_pyarrow_table().to_pylist()

    def add(self, opened: Any, amount: int, to: int) -> None:
        from deltalake.exceptions import CommitFailedError

        try:
            opened.update({"amount": f"amount + {amount}"}, predicate=f"id = {to}")
        except CommitFailedError as refused:
            print(f"refused, so once more on the newest version: {refused}")
            self.add(self.open(), amount, to)


def after_a_failed_overwrite(table: Any) -> list[Any]:
    """Versions that a reader sees, with their rows."""
    from deltalake.exceptions import DeltaError

    table.overwrite(batches(1))
    with suppress(Died, DeltaError):
        table.overwrite(batches(2, dies_after=PARTS // 2))
    return sorted(Counter(row["version"] for row in table.read()).items())


def after_two_updates(table: Any) -> dict[int, int]:
    """What two writers added, by row: both have read before either writes."""
    table.overwrite(batches(1))
    one, other = table.open(), table.open()
    table.add(one, 1, to=0)
    table.add(other, 2, to=5)
    return {row["id"]: row["amount"] - 10 * row["id"] for row in table.read() if row["amount"] != 10 * row["id"]}


KINDS = {"loose_files": LooseFiles}


@answer(
    questions=["data-lake-challenges-databricks"],
    claims={
        "c-001-databricks-addresses-lake-problems": {
            "verdict": "imprecise",
            "proof": "a wrong amount of the right type is accepted",
            "truth": "It is the open table format that answers transactions, concurrent writers, schema enforcement, small files and time "
            "travel, on any engine that implements it. What a value should be, who owns it and what it means stays organisational work; platforms give tools for it.",
        }
    },
    breaks={
        "loose_files": {
            "what": "the table is a prefix of plain Parquet files",
            "fails": [
                "a failed overwrite leaves one version",
                "of two updates at once both remain",
                "a batch with another schema is refused",
            ],
        },
        "no_vacuum": {"what": "deleted rows are not vacuumed", "fails": ["a deleted row is out of the files"]},
    },
    scratch=["prefix"],
    stand_ins={"databricks": "its open table format, Delta, by delta-rs; the platform is not run", "s3": "SeaweedFS"},
)
def open_table_format():
    @task
    def die_in_an_overwrite(params: dict[str, Any] | None = None) -> None:
        torn = after_a_failed_overwrite(LooseFiles("torn"))
        prove("loose files tear", observed=len(torn), expected=2, unit="versions at once")
        table = KINDS.get(params["break_it"], Delta)("overwritten")
        seen = after_a_failed_overwrite(table)
        prove("a failed overwrite leaves one version", observed=seen, expected=[(1, PARTS * ROWS)])
        stray = len(scratch.lake().keys(f"{scratch.prefix()}overwritten/part-")) - len(table.open().file_uris())
        name = "the dead writer's files are stored, but are not the table"
        prove(name, observed=stray, expected=1, how="at_least", unit="files")

    @task
    def update_at_once(params: dict[str, Any] | None = None) -> None:
        prove("loose files lose an update", observed=after_two_updates(LooseFiles("lost")), expected={5: 2})
        added = after_two_updates(KINDS.get(params["break_it"], Delta)("updated"))
        prove("of two updates at once both remain", observed=added, expected={0: 1, 5: 2})

    @task
    def keep_house(params: dict[str, Any] | None = None) -> None:
        import pyarrow as pa
        from deltalake.exceptions import DeltaError, SchemaMismatchError

        def row(**values: int) -> Any:
            return pa.RecordBatch.from_pylist([{"id": PARTS * ROWS, "amount": 990, "version": 2} | values])

        table = KINDS.get(params["break_it"], Delta)("kept")
        table.overwrite(batches(1))
        with prove_raises("a batch with another schema is refused", SchemaMismatchError):
            table.append(row(discount=5))
        for number in range(8):
            table.append(row(id=PARTS * ROWS + number))
        first = [row for part in batches(1) for row in part.to_pylist()]
        prove("an old version can be read", observed=table.read(version=0), expected=first, how="rows")

        before, files = table.read(), len(table.open().file_uris())
        table.open().optimize.compact()
        prove("compaction leaves the rows", observed=table.read(), expected=before, how="rows")
        compacted = len(table.open().file_uris())
        prove("compaction cuts the files", observed=[files, compacted], expected=8, how="times_at_least")

        table.append(row(amount=-5))
        wrong = [found for found in table.read() if found["amount"] < 0]
        prove("a wrong amount of the right type is accepted", observed=len(wrong), expected=1, unit="rows")
        table.open().delete("amount < 0")
        table.open().alter.add_constraint({"not_negative": "amount >= 0"})
        with prove_raises("a declared constraint refuses it", DeltaError):
            table.append(row(amount=-5))

        prove("a deleted row is out of the table", observed=min(found["amount"] for found in table.read()), expected=0)
        if params["break_it"] != "no_vacuum":
            table.open().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        objects = scratch.lake().keys(f"{scratch.prefix()}kept/part-")
        left = [found for found in lake_tables.get_parquet(scratch.lake(), objects) if found["amount"] < 0]
        prove("a deleted row is out of the files", observed=len(left), expected=0, unit="rows")

    die_in_an_overwrite()
    update_at_once()
    keep_house()
