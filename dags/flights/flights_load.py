"""## Flights, step 4: load

Brings the star schema up to date with a validated day. A rerun writes no tuple; two runners at once load once.

**What it does.** Airflow's own `S3ToRedshiftOperator` copies the files into staging tables that belong to this run alone.
`merge` then does everything that counts in *one transaction*: it takes the load lock, claims each batch in the ledger by
the hash of its content, merges only the rows that are new or changed, and records what it wrote. A kill at any moment
before the commit leaves nothing; after it, the retry finds the claim and has nothing to do. `count_the_day` proves that
the warehouse, the quarantine and the unreadable pages together hold exactly the flights that the source counts.

**How it fails.**

| what you see | what it means | what to do |
| --- | --- | --- |
| `copy_...` fails with *prefix does not exist* | a file of the day is gone from the lake | rerun the day's ingest |
| `copy_...` fails with a column count or type | the Parquet file and the staging table differ | change `infra/sql/warehouse/020_staging.sql` with the job, then `answers up` |
| `merge` waits | another load holds the lock | nothing; it goes on when the other one ends |
| `merge`: *serializable isolation violation* (on Redshift) | two loads met | nothing: the retry comes after the other one |
| *the source's flights are all here* fails | rows were lost or doubled | stop the marts; compare the evidence with the step before |

**Then.** Clear any task, or rerun the day, as often as you like.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.sdk import Param, PartitionedAssetTimetable, dag, task

from living_answers import flights

SQL = Path(__file__).parent / "sql"

#: The staging table of a data set, the script that merges it, the object in the lake and how COPY reads it.
DATASETS = {
    "carriers": (
        "merge_dim_carrier.sql",
        "raw/carriers/snapshot.jsonl",
        ["FORMAT AS JSON 'auto'", "TIMEFORMAT 'auto'"],
    ),
    "airports": (
        "merge_dim_airport.sql",
        "raw/airports/snapshot.jsonl",
        ["FORMAT AS JSON 'auto'", "TIMEFORMAT 'auto'"],
    ),
    "planes": ("merge_dim_plane.sql", "raw/planes/snapshot.jsonl", ["FORMAT AS JSON 'auto'", "TIMEFORMAT 'auto'"]),
    "weather": (
        "merge_fact_weather.sql",
        "raw/weather/day={day}/weather.csv",
        ["CSV", "IGNOREHEADER 1", "NULL AS 'NA'", "TIMEFORMAT 'auto'"],
    ),
    "flights": ("merge_fact_flight.sql", "refined/flights/day={day}/flights.parquet", ["FORMAT AS PARQUET"]),
}
DAY = "{{ ti.xcom_pull(task_ids='make_staging')['day'] }}"


@dag(
    schedule=PartitionedAssetTimetable(assets=flights.VALIDATED),
    catchup=False,
    max_active_runs=4,
    tags=["flights", "main-job"],
    params={
        "day": Param(None, type=["null", "string"], format="date", title="Day", description="Or give a partition key.")
    },
    default_args={"owner": flights.OWNER, "retries": 4, "retry_delay": timedelta(seconds=2)},
    doc_md=__doc__,
)
def flights_load():
    @task
    def make_staging(run_id: str | None = None) -> dict[str, Any]:
        import hashlib

        from living_answers import warehouse
        from living_answers.lake import Lake

        # What is claimed is what lay there before the copy. Should a file be replaced meanwhile, its own load finds no
        # claim for the new content, so that nothing is skipped.
        day, lake = flights.day_of_run(), Lake.connect()
        contents = {dataset: lake.content_id(key.format(day=day)) for dataset, (_, key, _) in DATASETS.items()}
        # A table of its own for each run: two runners that replaced the rows of one table would double them. Made last:
        # where this task fails, nothing is left that nobody drops.
        suffix = hashlib.md5(str(run_id).encode(), usedforsecurity=False).hexdigest()[:12]
        tables = {dataset: f"{dataset}_{suffix}" for dataset in DATASETS}
        with warehouse.transaction() as transaction:
            for dataset, table in tables.items():
                staging = warehouse.quoted(f"staging.{table}")
                transaction.execute(
                    f"CREATE TABLE IF NOT EXISTS {staging} (LIKE {warehouse.quoted(f'staging.{dataset}')})"
                )
        return {"day": day, "tables": tables, "contents": contents}

    copies = [
        S3ToRedshiftOperator(
            task_id=f"copy_{dataset}",
            schema="staging",
            table="{{ ti.xcom_pull(task_ids='make_staging')['tables']['" + dataset + "'] }}",
            s3_bucket="{{ var.value.lake_bucket }}",
            s3_key=key.format(day=DAY),
            copy_options=options,
            method="REPLACE",  # DELETE and COPY in one transaction: a retry leaves the rows once.
            redshift_conn_id="redshift_default",
            aws_conn_id="redshift_copy",  # Names a role: with keys, the statement that the operator logs would hold them.
            execution_timeout=timedelta(minutes=10),
        )
        for dataset, (_, key, options) in DATASETS.items()
    ]

    @task(execution_timeout=timedelta(minutes=10))
    def merge(staged: dict[str, Any], run_id: str | None = None) -> dict[str, Any]:
        from living_answers import ledger, warehouse
        from living_answers.failpoints import failpoint

        day, tables, written = staged["day"], staged["tables"], {}
        failpoint("load.after_stage", day)
        with ledger.step("load.merge", day) as step:
            with warehouse.transaction() as transaction:
                transaction.lock_loads()
                for dataset, (script, key, _) in DATASETS.items():
                    partition = day if "{day}" in key else "snapshot"
                    stage, content = f"staging.{tables[dataset]}", staged["contents"][dataset]
                    rows = transaction.count(stage)
                    step.read += rows
                    if not transaction.claim(dataset, partition, content, str(run_id)):
                        continue  # A replay: this content is what the warehouse holds already.
                    failpoint("load.after_claim", day)
                    done = transaction.merge(SQL / script, stage)
                    transaction.record_rows(dataset, partition, content, rows, done)
                    written[dataset] = {"inserted": done.inserted, "updated": done.updated}
                    failpoint("load.after_merge", day)
                failpoint("load.before_commit", day)
            failpoint("load.after_commit", day)
            step.wrote = sum(counts["inserted"] + counts["updated"] for counts in written.values())
            step.details["written"] = written
        return written

    @task(outlets=[flights.WAREHOUSE])
    def count_the_day(*, outlet_events=None) -> None:
        from living_answers import ingest, warehouse
        from living_answers.lake import Lake
        from living_answers.ledger import dead_letters
        from living_answers.proof import prove

        day = flights.day_of_run()
        with warehouse.transaction() as transaction:
            ids = transaction.rows("SELECT flight_id FROM warehouse.fact_flight WHERE flight_date = %s", (day,))
        loaded = {flight_id for (flight_id,) in ids}
        in_quarantine = {letter.key for letter in dead_letters.open_letters(day, "row", "flights")} - loaded
        with ingest.connect_source() as source:
            counted, limit = source.count(day), source.limit
        # A page that cannot be read now may have been read, and loaded, on an earlier day: so up to its rows, no more.
        unreadable = ingest.rows_on(
            Lake.connect().get_json(ingest.manifest_key(day))["unreadable_pages"], counted, limit
        )
        prove(
            "the source's flights are all here, or wait as dead letters",
            observed=counted - len(loaded) - len(in_quarantine),
            expected=[0, unreadable],
            how="between",
            unit="flights",
        )
        outlet_events[flights.WAREHOUSE].add_partitions(day)

    @task(trigger_rule="all_done")
    def drop_staging(staged: dict[str, Any]) -> None:
        from living_answers import warehouse

        with warehouse.transaction() as transaction:
            for dataset in DATASETS:
                transaction.execute(f"DROP TABLE IF EXISTS {warehouse.quoted('staging.' + staged['tables'][dataset])}")

    staged = make_staging().as_setup()
    merged = merge(staged)
    staged >> copies >> merged >> [count_the_day(), drop_staging(staged).as_teardown(setups=staged)]


flights_load()
