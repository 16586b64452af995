"""Where the pages stand: under a prefix in Airflow, or as files beside each other on a static site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from living_answers.ui.assets import version


class Links(Protocol):
    """What templates ask for; all addresses are of this very host."""

    def page(self, name: str) -> str:
        """Return the address of one of the pages: questions, claims, systems."""

    def answer(self, dag_id: str) -> str: ...

    def question(self, question_id: str) -> str: ...

    def asset(self, name: str) -> str:
        """Return the address of a style sheet, a script or an icon."""

    def graph(self, dag_id: str, run_id: str | None = None) -> str | None:
        """Return the address of the DAG's graph in Airflow, or ``None`` where there is no Airflow."""


@dataclass(frozen=True)
class InAirflow:
    """``prefix`` is where the application is mounted, ``airflow`` where Airflow itself is: usually nothing."""

    prefix: str
    airflow: str = ""

    def page(self, name: str) -> str:
        return f"{self.prefix}/" if name == "questions" else f"{self.prefix}/{name}"

    def answer(self, dag_id: str) -> str:
        return f"{self.prefix}/answer/{quote(dag_id, safe='')}"

    def question(self, question_id: str) -> str:
        return f"{self.prefix}/question/{quote(question_id, safe='')}"

    def asset(self, name: str) -> str:
        return f"{self.prefix}/asset/{name}?v={version(name)}"

    def graph(self, dag_id: str, run_id: str | None = None) -> str | None:
        run = f"/runs/{quote(run_id, safe='')}" if run_id else ""
        return f"{self.airflow}/dags/{quote(dag_id, safe='')}{run}"

    def progress(self, dag_id: str, run_id: str) -> str:
        """Return the address that says how a run stands."""
        return f"{self.answer(dag_id)}/run/{quote(run_id, safe='')}"

    def trigger(self, dag_id: str) -> str:
        """Return the address of Airflow's own API that starts a run."""
        return f"{self.airflow}/api/v2/dags/{quote(dag_id, safe='')}/dagRuns"


@dataclass(frozen=True)
class OnSite:
    """Relative links: a site may lie in any folder of any host. ``depth`` is how many folders down the page stands.

    ``answered`` leads from a question to its answers, so that nobody is sent around.
    """

    depth: int = 0
    answered: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def page(self, name: str) -> str:
        return f"{self._up()}{'index' if name == 'questions' else name}.html"

    def answer(self, dag_id: str) -> str:
        return f"{self._up()}answer/{quote(dag_id, safe='')}.html"

    def question(self, question_id: str) -> str:
        if question_id in self.answered:
            return self.answer(self.answered[question_id][0])
        return f"{self._up()}question/{quote(question_id, safe='')}.html"

    def asset(self, name: str) -> str:
        return f"{self._up()}asset/{name}?v={version(name)}"

    def graph(self, dag_id: str, run_id: str | None = None) -> str | None:
        return None

    def _up(self) -> str:
        return "../" * self.depth
