"""## Flights, step 6: replay the dead letters

Takes what could not be processed back to the source, once a person has approved, and sends it through the same path.

**What it does.** `list_letters` shows what waits, and why. A person approves in the Airflow UI (*Required actions*; the
waiting task holds no worker), or the param `approve` does for an unattended run. `pull_again` asks the source for each day
with open letters once more and seals it; the asset event then leads it through refine, validate, load and marts as on any
day. A letter leaves the queue when its page is stored or its row is no longer in the quarantine; what is still bad stays.

**How it fails.**

| what you see | what it means | what to do |
| --- | --- | --- |
| *list_letters* succeeds, the rest is skipped | nothing waits, or somebody rejected | nothing |
| the run is green, the letters are still open | the source is still bad, or the rule still refuses the row | mend the cause first; replaying again is harmless |
| `pull_again` fails | as in `flights_ingest` | see there |

**Then.** `answers show flights_replay`, or the ledger's table `dead_letters`, tells what is left. A letter that will never be
mended can be dropped: `UPDATE ledger.dead_letters SET state = 'dropped', resolved_at = now() WHERE id = ...`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from living_answers import flights
from living_answers.sources.retry import SourceRetryPolicy


@dag(
    schedule=PartitionedAtRuntime(),  # Which days it makes is known when the letters are read.
    catchup=False,
    max_active_runs=1,
    tags=["flights", "main-job", "dead-letters"],
    params={
        "approve": Param(False, type="boolean", title="Approve", description="Replay without asking a person."),
        "partition": Param(
            None, type=["null", "string"], format="date", title="Day", description="Only the letters of this day."
        ),
    },
    default_args={"owner": flights.OWNER, "retries": 3, "retry_delay": timedelta(seconds=2)},
    doc_md=__doc__,
)
def flights_replay():
    @task.short_circuit
    def list_letters(params: dict[str, Any] | None = None) -> list[str]:
        from living_answers.ledger import dead_letters

        letters = dead_letters.open_letters(partition=params["partition"])
        for letter in letters:
            print(f"{letter.partition}  {letter.source:<8} {letter.kind:<5} {letter.key:<30} {letter.reason}")
        return sorted({letter.partition for letter in letters})

    @task.branch
    def is_approved(params: dict[str, Any] | None = None) -> str:
        return "pull_again" if params["approve"] else "ask_a_person"

    ask_a_person = ApprovalOperator(
        task_id="ask_a_person",
        subject="Replay the dead letters?",
        body="These days have records or pages that could not be processed:\n\n"
        "{% for day in ti.xcom_pull(task_ids='list_letters') %}- {{ day }}\n{% endfor %}\n"
        "Approve once the source, or the rule that refused them, is mended. Replaying twice is harmless.",
        response_timeout=timedelta(hours=24),
    )

    @task(
        trigger_rule="none_failed_min_one_success",
        pool="flights_api",
        retries=12,
        retry_policy=SourceRetryPolicy(base_seconds=0.5, cap_seconds=10),
        outlets=[flights.RAW],
    )
    def pull_again(days: list[str], *, task_state_store=None, outlet_events=None) -> None:
        from living_answers import ingest, ledger
        from living_answers.failpoints import failpoint
        from living_answers.lake import Lake

        lake = Lake.connect()
        with ingest.connect_source() as source:
            for day in days:
                with ledger.step("replay.pull", day) as step:
                    saved = task_state_store.get(f"progress:{day}")
                    progress = ingest.Progress(**saved) if saved else ingest.Progress()
                    ingest.pull_day(
                        source, lake, day, progress, save=lambda p, d=day: task_state_store.set(f"progress:{d}", p)
                    )
                    rows = ingest.collect_weather(lake, day)
                    ingest.seal_day(lake, day, progress)
                    failpoint("replay.after_pull", day)
                    step.details["weather_rows"] = rows
                    step.read = step.wrote = progress.rows
                outlet_events[flights.RAW].add_partitions(day)

    days = list_letters()
    pulled = pull_again(days)
    days >> is_approved() >> [ask_a_person, pulled]
    ask_a_person >> pulled


flights_replay()
