"""## Flights, step 5: marts

Rebuilds the tables that people read: delay by carrier and month, the busiest routes, weather against delay.

**What it does.** Each mart is one SELECT in `sql/mart_*.sql`. Its result is compared with what the mart holds; only a
different result replaces it, in one transaction, so that readers see the old table or the new one and never half of one,
and a day that changed nothing writes no tuple here either.

**How it fails.**

| what you see | what it means | what to do |
| --- | --- | --- |
| *the marts count every flight* fails | a join in a mart doubles or drops rows; the old marts stay | run the mart's SELECT by hand, beside a count of `fact_flight` |
| a lock wait | a load is going on | nothing; it goes on when the load ends |

**Then.** Trigger it at any time; it has no state of its own.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import Param, PartitionedAssetTimetable, dag, task

from living_answers import flights

SQL = Path(__file__).parent / "sql"
MARTS = ("delay_by_carrier_month", "busiest_routes", "weather_delay")


@dag(
    schedule=PartitionedAssetTimetable(assets=flights.WAREHOUSE),
    catchup=False,
    max_active_runs=1,  # Marts read the whole warehouse: one rebuild at a time is enough.
    tags=["flights", "main-job"],
    params={
        "day": Param(None, type=["null", "string"], format="date", title="Day", description="Or give a partition key.")
    },
    default_args={"owner": flights.OWNER, "retries": 3, "retry_delay": timedelta(seconds=2)},
    doc_md=__doc__,
)
def flights_marts():
    @task(outlets=[flights.MARTS], execution_timeout=timedelta(minutes=10))
    def rebuild_marts(*, outlet_events=None) -> dict[str, int]:
        from living_answers import ledger, warehouse
        from living_answers.failpoints import failpoint
        from living_answers.proof import prove

        day, written, counted = flights.day_of_run(), {}, {}
        with ledger.step("marts.rebuild", day) as step:
            with warehouse.transaction() as transaction:
                transaction.lock_loads()  # So that no load slips in between the marts and the counts.
                for mart in MARTS:
                    table = f"marts.{mart}"
                    written[mart] = transaction.replace_if_different(table, SQL / f"mart_{mart}.sql")
                    counted[mart] = transaction.total(table, "flights")
                step.read = transaction.count("warehouse.fact_flight")
                # Before the commit: a mart that doubles or drops a flight is never seen.
                expected = dict.fromkeys(MARTS, step.read)
                prove("the marts count every flight, once", observed=counted, expected=expected, unit="flights")
                failpoint("marts.before_commit", day)
            failpoint("marts.after_commit", day)
            step.wrote = sum(written.values())
            step.details["written"] = written
        outlet_events[flights.MARTS].add_partitions(day)
        return written

    rebuild_marts()


flights_marts()
