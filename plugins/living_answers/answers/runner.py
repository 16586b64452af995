"""Runs answers on the platform, broken on purpose or not, and judges what they leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from living_answers import ledger
from living_answers.airflow_api import AirflowApi
from living_answers.answers.declaration import Declaration
from living_answers.answers.judge import Judgement, judge
from living_answers.ledger import queries

RUN_SECONDS = 600


@dataclass(frozen=True)
class Runner:
    """Triggers runs through Airflow's API; the evidence comes from the ledger."""

    api: AirflowApi

    def run(self, answer: Declaration, way: str | None = None) -> Judgement:
        """Run an answer once, wait for its end and judge it.

        Raises:
            AirflowApiError: Airflow does not know the DAG, or the way.
            RunTimeout: it has not ended within ten minutes.
        """
        self.api.unpause(answer.dag_id)
        run_id = self.api.trigger(answer.dag_id, conf={"break_it": way} if way else None)
        state = self.api.wait(answer.dag_id, run_id, RUN_SECONDS)
        failed = [task["task_id"] for task in self.api.tasks(answer.dag_id, run_id) if task["state"] == "failed"]
        with ledger.engine().connect() as connection:
            evidence = queries.evidence(connection, run_ids=[run_id])
        must_fail = answer.breaks[way].fails if way else ()
        return judge(answer.dag_id, way, must_fail, state=state, failed_tasks=failed, evidence=evidence)

    def verify(self, answers: Iterable[Declaration], jobs: int) -> Iterator[Judgement]:
        """Run every answer and every counterexample, ``jobs`` at a time; yield each judgement as it comes."""
        wanted = [(answer, way) for answer in answers for way in (None, *answer.breaks)]
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            for done in as_completed([pool.submit(self.run, answer, way) for answer, way in wanted]):
                yield done.result()
