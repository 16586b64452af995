"""Runs answers on the platform, broken on purpose or not, and judges what they leave."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Protocol

from living_answers.airflow_api import AirflowApi
from living_answers.answers.declaration import Declaration
from living_answers.answers.judge import Judgement
from living_answers.answers.judging import judge_run

RUN_SECONDS = 600


class CanRun(Protocol):
    """What runs an answer once, waits for its end and judges it."""

    def run(self, answer: Declaration, way: str | None = None) -> Judgement: ...


@dataclass(frozen=True)
class Runner:
    """Triggers runs through Airflow's API; the evidence comes from the ledger."""

    api: AirflowApi

    def run(self, answer: Declaration, way: str | None = None) -> Judgement:
        """Run an answer once on the platform, wait for its end and judge it.

        Raises:
            AirflowApiError: Airflow does not know the DAG, or the way.
            RunTimeout: it has not ended within ten minutes.
        """
        return self.finish(answer, self.start(answer, way), way)

    def start(self, answer: Declaration, way: str | None) -> str:
        """Trigger a run and return its id."""
        self.api.unpause(answer.dag_id)
        return self.api.trigger(answer.dag_id, conf={"break_it": way} if way else None)

    def finish(self, answer: Declaration, run_id: str, way: str | None) -> Judgement:
        """Wait for a run's end and judge it."""
        state = self.api.wait(answer.dag_id, run_id, RUN_SECONDS)
        failed = [task["task_id"] for task in self.api.tasks(answer.dag_id, run_id) if task["state"] == "failed"]
        return judge_run(answer, run_id, way=way, state=state, failed_tasks=failed)


def verify(
    runner: CanRun,
    answers: Iterable[Declaration],
    jobs: int,
    missing: Callable[[Declaration], Collection[str]],
    as_it_is: bool | None = None,
) -> Iterator[Judgement]:
    """Run every counterexample, then every answer as it is, ``jobs`` at a time; yield each judgement as it comes.

    So the last thing that a verified answer did was to prove its point. ``missing`` names the engines that an answer
    needs and that cannot be had: it is then not run, which is neither green nor red. ``as_it_is`` leaves out the
    counterexamples if true, the answers themselves if false.
    """
    wanted = list(answers)
    lacking = {answer.dag_id: tuple(missing(answer)) for answer in wanted}
    for answer in wanted:
        if lacking[answer.dag_id]:
            yield Judgement(answer.dag_id, None, (), (), lacking[answer.dag_id])
    able = [answer for answer in wanted if not lacking[answer.dag_id]]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        broken = [(answer, way) for answer in able for way in answer.breaks if as_it_is is not True]
        whole = [(answer, None) for answer in able if as_it_is is not False]
        for pairs in (broken, whole):
            for done in as_completed([pool.submit(_run, runner, answer, way) for answer, way in pairs]):
                yield done.result()


def _run(runner: CanRun, answer: Declaration, way: str | None) -> Judgement:
    """Run and judge; what cannot be run is a fault of this answer, and does not keep the others from being judged."""
    try:
        return runner.run(answer, way)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, it is told as the fault of this run
        told = f"it could not be run: {type(error).__name__}: {error}"
        return Judgement(answer.dag_id, way, (told[:500],), ())
