"""## Flights, step 2: refine

Turns a day's raw JSON Lines into typed, deduplicated Parquet with PySpark.

**What it does.** `refine_day` copies the pages that the manifest names to local disk, runs `jobs/refine_flights.py` on them
through the Spark Connect server (a warm server answers in about a second, a fresh JVM in thirteen), and publishes the
Parquet file, the quarantined rows and the job's report. Every record ends in one of three places: the Parquet file, the
quarantine with the rule that it breaks, or the count of duplicates; the job fails if these do not add up.
`bury_quarantine` makes the queue of dead letters what the quarantine is now: new ones in, mended ones out.

**How it fails.**

| what you see | what it means | what to do |
| --- | --- | --- |
| *AccountingError* | the job lost or doubled rows | a defect of the job: keep the raw pages, open an issue with the report |
| *every row is accounted for* fails | files in the lake differ from what the job reported | rerun the day; if it stays, another runner writes there |
| many letters with one rule | the source changed, or a rule is too strict | compare the payload with the rule in `jobs/flight_contract.py`; mend; run `flights_replay` |
| the report names a drifted field | the source renamed, retyped or added a field | mapped ones need nothing; for others add an alias to `jobs/flight_contract.py` |
| no space left on device | the scratch folder is full | free space; the task retries and starts from the raw pages |

**Then.** Rerunning is harmless: the same pages give the same file under the same name.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Param, PartitionedAssetTimetable, dag, task

from living_answers import flights

JOB = Path(__file__).parents[2] / "jobs" / "refine_flights.py"


@dag(
    schedule=PartitionedAssetTimetable(assets=flights.RAW),
    catchup=False,
    max_active_runs=4,
    tags=["flights", "main-job"],
    params={
        "day": Param(None, type=["null", "string"], format="date", title="Day", description="Or give a partition key.")
    },
    default_args={"owner": flights.OWNER, "retries": 3, "retry_delay": timedelta(seconds=2)},
    doc_md=__doc__,
)
def flights_refine():
    @task(execution_timeout=timedelta(minutes=10))
    def refine_day() -> dict[str, Any]:
        import tempfile

        from living_answers import ingest, ledger, spark_jobs
        from living_answers.failpoints import failpoint
        from living_answers.lake import Lake

        day, lake = flights.day_of_run(), Lake.connect()
        manifest = lake.get_json(ingest.manifest_key(day))
        with ledger.step("refine.flights", day) as step, tempfile.TemporaryDirectory(prefix="refine-") as scratch:
            raw, out, quarantine = (Path(scratch, name) for name in ("raw", "out", "quarantine"))
            lake.download(manifest["pages"], raw)
            report = spark_jobs.run(
                JOB, raw=raw, out=out, quarantine=quarantine, report=Path(scratch, "report.json"), day=day
            )
            failpoint("refine.before_upload", day)
            lake.upload(spark_jobs.only_file(out, ".parquet"), flights.refined_key(day))
            failpoint("refine.between_uploads", day)
            lake.upload(spark_jobs.only_file(quarantine, ".json"), flights.quarantine_key(day))
            failpoint("refine.after_upload", day)
            step.read, step.wrote = report["rows_in"], report["rows_out"]
            step.rejected, step.duplicates = report["quarantined"], report["duplicates"]
            step.details.update(drift=report["drift"], by_rule=report["by_rule"], content_hash=report["content_hash"])
        lake.put_json(flights.report_key(day), report)
        return report

    @task
    def bury_quarantine(report: dict[str, Any]) -> int:
        import json

        from living_answers.failpoints import failpoint
        from living_answers.lake import Lake
        from living_answers.ledger import dead_letters

        day, lake = flights.day_of_run(), Lake.connect()
        key = flights.quarantine_key(day)
        rows = [json.loads(line) for line in lake.get(key).splitlines()]
        letters = [
            dead_letters.Letter(
                "row", "flights", day, row["key"], ", ".join(row["rules"]), row["raw"], f"s3://{lake.bucket}/{key}"
            )
            for row in rows
        ]
        dead_letters.bury_many(letters)
        failpoint("refine.after_burial", day)
        dead_letters.resolve("row", "flights", day, still_bad=[letter.key for letter in letters])
        return len(rows)

    @task(outlets=[flights.REFINED])
    def account_for_every_row(report: dict[str, Any], quarantined: int, *, outlet_events=None) -> None:
        import io

        import pyarrow.parquet as pq

        from living_answers import ingest
        from living_answers.lake import Lake
        from living_answers.proof import prove

        day, lake = flights.day_of_run(), Lake.connect()
        refined = pq.read_table(io.BytesIO(lake.get(flights.refined_key(day))), columns=["flight_id"])
        raw = lake.get_json(ingest.manifest_key(day))["rows"]
        prove(
            "every row is accounted for",
            observed=refined.num_rows + quarantined + report["duplicates"],
            expected=raw,
            unit="rows",
        )
        distinct = len(refined["flight_id"].unique())
        prove("no flight comes twice", observed=distinct, expected=refined.num_rows, unit="flights")
        outlet_events[flights.REFINED].add_partitions(day)

    report = refine_day()
    account_for_every_row(report, bury_quarantine(report))


flights_refine()
