"""## Flights, step 3: validate

The gate in front of the warehouse: Great Expectations checks the day's refined flights, its weather and the reference
data. What does not pass is not loaded.

**What it does.** Runs one checkpoint for each data set with the suites in `expectations/`, publishes the Data Docs, and
records each expectation as evidence in the ledger. Reference data is checked when it has changed. An expectation of severity *warning* is recorded and lets the day pass.

**How it fails.**

| what you see | what it means | what to do |
| --- | --- | --- |
| *flights: expect_... fails* | the refined data breaks a promise of `expectations/flights.yml` | open the Data Docs linked from the task's log; the failing keys stand there and in the evidence |
| the row count is out of bounds | the day is too small or too large | compare with the source's count in the step before |
| a column is missing or has another type | the refine job and the suite have parted | change both in one commit |

**Then.** Mend the cause and clear the task, or rerun the day's ingest. The warehouse still has yesterday's state: nothing
of a failed day has reached it.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, PartitionedAssetTimetable, dag, task

from living_answers import flights


@dag(
    schedule=PartitionedAssetTimetable(assets=flights.REFINED),
    catchup=False,
    max_active_runs=4,
    tags=["flights", "main-job"],
    params={
        "day": Param(None, type=["null", "string"], format="date", title="Day", description="Or give a partition key.")
    },
    default_args={"owner": flights.OWNER, "retries": 2, "retry_delay": timedelta(seconds=2)},
    doc_md=__doc__,
)
def flights_validate():
    @task(outlets=[flights.VALIDATED], inlets=[flights.REFERENCE], execution_timeout=timedelta(minutes=5))
    def check_expectations(*, asset_state_store=None, outlet_events=None) -> str:
        from living_answers import ledger, quality
        from living_answers.failpoints import failpoint
        from living_answers.lake import Lake

        day, lake = flights.day_of_run(), Lake.connect()
        with ledger.step("validate.flights", day) as step:
            # A snapshot that has passed is not checked again until it changes: its ETag is kept with the asset.
            passed = asset_state_store[flights.REFERENCE]
            etags = {name: lake.content_id(flights.snapshot_key(name)) for name in flights.REFERENCE_DATASETS}
            changed = [name for name, etag in etags.items() if passed.get(f"validated:{name}") != etag]
            frames = quality.read_day(lake, day, changed)
            validations = [quality.validate(name, frame, partition=day) for name, frame in frames.items()]
            step.read = sum(len(frame) for frame in frames.values())
            failpoint("validate.before_gate", day)
            quality.record_evidence(validations)
            for name in changed:
                passed.set(f"validated:{name}", etags[name])
        outlet_events[flights.VALIDATED].add_partitions(day)
        return validations[0].docs_url

    check_expectations()


flights_validate()
