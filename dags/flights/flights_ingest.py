"""## Flights, step 1: ingest

Pulls one day from the flights API into the lake as raw JSON Lines, with that day's weather file and the reference data.

**What it does.** `pull_flights` stores page after page under a key made of the day and the page's number, so a rerun
overwrites and never appends. After each page the cursor goes into Airflow's *task state store*: a retry goes on where the
last try stopped. `seal_day` writes the manifest last; until then no later step sees the day. Reference data is asked for
with its ETag, which the *asset state store* keeps: unchanged data costs one request and is not sent again.

**How it fails.**

| what you see | what it means | what to do |
| --- | --- | --- |
| `pull_flights` is up for retry, *RateLimited* or *ServerFault* | the source asked us to wait, or has a bad moment | nothing: the retry policy waits as told, with jitter |
| *CircuitOpen* | five failures in a row, from all tasks together: the source is down | look at the source; the retries go on by themselves once it answers |
| *NoSuchDay*, failed at the first try | the partition key is no day of 2013 | trigger again with one that is |
| *Unauthorised*, *Forbidden*, *BadRequest*, failed at the first try | asking again cannot help | mend the connection `flights_api`, or the day asked for |
| the run is green, and a dead letter is open | a page could not be read, twice | mend the source, then run `flights_replay` |
| *the source's count is accounted for* fails | rows were lost or doubled on the way | do not load: compare `raw/flights/day=.../_manifest.json` with the source |
| *LakeError: NoSuchBucket* | the bucket is gone | `answers up` makes it; rerun the day |

**Then.** Rerun any day at any time: trigger with its partition key, or backfill a range
(`answers run flights --from 2013-01-01 --to 2013-01-31`). Nothing doubles.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import CronPartitionTimetable, Param, dag, task

from living_answers import flights
from living_answers.sources.retry import SourceRetryPolicy


@dag(
    # One run a day of 2013, and none by the clock: the source's year is over. Backfills make the runs.
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", key_format="%Y-%m-%d"),
    start_date=datetime(2013, 1, 1),
    end_date=datetime(2013, 12, 31),
    catchup=False,
    max_active_runs=4,
    tags=["flights", "main-job"],
    params={
        "day": Param(None, type=["null", "string"], format="date", title="Day", description="Or give a partition key.")
    },
    default_args={"owner": flights.OWNER, "retries": 3, "retry_delay": timedelta(seconds=2)},
    doc_md=__doc__,
)
def flights_ingest():
    @task(
        pool="flights_api",  # The source's rate limit: so many requests at once, whatever the number of runs.
        retries=12,
        retry_policy=SourceRetryPolicy(base_seconds=0.5, cap_seconds=10),
        execution_timeout=timedelta(minutes=10),
    )
    def pull_flights(task_state_store=None) -> dict[str, Any]:
        from living_answers import ingest, ledger
        from living_answers.lake import Lake

        day = flights.day_of_run()
        saved = task_state_store.get("progress")
        progress = ingest.Progress(**saved) if saved else ingest.Progress()
        with (
            ledger.step("ingest.flights", day, resumed_at_page=progress.page) as step,
            ingest.connect_source() as source,
        ):
            ingest.pull_day(source, Lake.connect(), day, progress, save=lambda p: task_state_store.set("progress", p))
            step.read = step.wrote = progress.rows
            step.details["unreadable_pages"] = progress.unreadable
        return progress.to_json()

    @task(
        pool="flights_api",
        retries=12,
        retry_policy=SourceRetryPolicy(base_seconds=0.5, cap_seconds=10),
        outlets=[flights.REFERENCE],
        execution_timeout=timedelta(minutes=5),
    )
    def pull_reference(dataset: str, asset_state_store=None) -> str:
        import json

        from living_answers import ingest, ledger
        from living_answers.failpoints import failpoint
        from living_answers.lake import Lake

        day, lake, key = flights.day_of_run(), Lake.connect(), flights.snapshot_key(dataset)
        known = asset_state_store[flights.REFERENCE].get(f"etag:{dataset}") if lake.etag(key) else None
        with ledger.step(f"ingest.{dataset}", day) as step, ingest.connect_source() as source:
            answer = source.reference(dataset, etag=known)
            if answer.rows is None:
                step.details["unchanged"] = True
            else:
                step.read = step.wrote = len(answer.rows)
                lake.put(key, "".join(json.dumps(row) + "\n" for row in answer.rows).encode())
                failpoint("ingest.reference_stored", day)
                asset_state_store[flights.REFERENCE].set(f"etag:{dataset}", answer.etag)
        return key

    @task(execution_timeout=timedelta(minutes=5))
    def collect_weather() -> None:
        from living_answers import ingest, ledger
        from living_answers.lake import Lake

        day = flights.day_of_run()
        with ledger.step("ingest.weather", day) as step:
            rows = ingest.collect_weather(Lake.connect(), day)
            step.read = step.wrote = rows or 0
            step.rejected = int(rows is None)

    @task(retry_policy=SourceRetryPolicy(base_seconds=0.5, cap_seconds=10), retries=6, outlets=[flights.RAW])
    def seal_day(pulled: dict[str, Any], *, outlet_events=None) -> dict[str, Any]:
        from living_answers import ingest, proof
        from living_answers.lake import Lake

        day, lake, progress = flights.day_of_run(), Lake.connect(), ingest.Progress(**pulled)
        with ingest.connect_source() as source:
            counted = source.count(day)
        unreadable = ingest.rows_on(progress.unreadable, counted, limit=source.limit)
        # Distinct, because a record may come on two pages; and read back from the lake, not from this run's memory.
        stored = ingest.distinct_flights(lake, day, progress)
        # Of an unreadable page, some records may have come on another page too: so up to its rows are missing, no more.
        missing = counted - stored
        name = "the source's count is accounted for"
        proof.prove(name, observed=missing, expected=[0, unreadable], how="between", unit="flights not read")
        outlet_events[flights.RAW].add_partitions(day)
        return ingest.seal_day(lake, day, progress)

    weather, reference = collect_weather(), pull_reference.expand(dataset=list(flights.REFERENCE_DATASETS))
    [weather, reference] >> seal_day(pull_flights())


flights_ingest()
