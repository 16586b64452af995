"""A small folder of answers, a ledger with their evidence, and the page as somebody sees it who is logged in."""

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, insert
from support.browser import chromium

from living_answers.ledger import judgements
from living_answers.ledger.tables import evidence
from living_answers.ui import guard
from living_answers.ui.airflow_runs import RunState, TaskState
from living_answers.ui.app import airflow_runs, app, dags_folder

__all__ = ["chromium"]  # a fixture, for the tests here

PAGE = '''"""# {title}

**Say it.** Write <b>once</b>, with `one` commit.

**How it works.** See [the manual](https://www.postgresql.org/docs/).

**This run proves**
- *{proof}*: counted.

**Break it.** `twice`: it writes again.
"""

from living_answers.answers import answer, prove


@answer(
    questions=[{questions}],
    breaks={{"twice": {{"what": "it writes again", "fails": ["{proof}"]}}}},
    claims={claims},
    stand_ins={stand_ins},
)
def {name}():
    @task
    def write_once():
        prove("{proof}", observed=1, expected=1)
'''
PROOF = "one row is written"


@dataclass
class Answers:
    """Writes answers and what their runs left behind."""

    folder: Path
    engine: Engine
    proof = PROOF

    @staticmethod
    def claim(verdict: str, truth: str = "it does `that`") -> str:
        """The claims of an answer as its file declares them."""
        return json.dumps({"c-000-refcount-and-gc": {"verdict": verdict, "proof": PROOF, "truth": truth}})

    def write(self, name: str, area: str = "etl", questions: tuple[str, ...] = (), **more: Any) -> Path:
        asked = ", ".join(f'"{one}"' for one in questions)
        told = {"title": f"What does {name} do?", "proof": PROOF, "claims": {}, "stand_ins": {}, **more}
        file = self.folder / area / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(PAGE.format(name=name, questions=asked, **told))
        return file

    def prove(self, dag_id: str, run_id: str = "run", way: str | None = None, **more: Any) -> None:
        holds = more.get("holds", way is None)
        row = {
            "dag_id": dag_id,
            "run_id": run_id,
            "task_id": "write_once",
            "proof": PROOF,
            "how": "equal",
            "expected": 1,
            "observed": 1 if holds else 2,
            "unit": "rows",
            "holds": holds,
            "break_it": way,
            **more,
        }
        with self.engine.begin() as connection:
            connection.execute(insert(evidence).values(row))

    def judge(self, dag_id: str, run_id: str = "run", way: str | None = None, faults: tuple[str, ...] = ()) -> None:
        file = next(self.folder.glob(f"*/{dag_id}.py"))
        judgements.record(
            dag_id=dag_id,
            run_id=run_id,
            way=way,
            green=not faults,
            faults=faults,
            code=hashlib.sha256(file.read_bytes()).hexdigest(),
        )


@dataclass
class FakeRuns:
    """What Airflow would say of runs. Airflow's own answer is read in the end-to-end tests."""

    states: dict[str, RunState] = field(default_factory=dict)
    active: str | None = None

    def look(self, dag_id: str, run_id: str) -> RunState | None:
        return self.states.get(run_id)

    def under_way(self, dag_id: str) -> str | None:
        return self.active


@dataclass
class Somebody:
    """Who is logged in."""

    hidden: frozenset[str] = frozenset()
    runs: bool = True

    def readable(self, dag_ids: Any) -> set[str]:
        return set(dag_ids) - self.hidden

    def may_run(self, dag_id: str) -> bool:
        return self.runs


@pytest.fixture
def answers(tmp_path: Path, fresh_ledger: Engine) -> Answers:
    folder = tmp_path / "dags"
    folder.mkdir()
    return Answers(folder, fresh_ledger)


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def log_in(answers: Answers, runs: FakeRuns) -> Iterator[Callable[..., None]]:
    """Let somebody in, with these permissions."""

    def let_in(**permissions: Any) -> None:
        app.dependency_overrides = {
            guard.may_read: lambda: None,
            guard.may_read_runs: lambda: None,
            guard.visitor: lambda: Somebody(**permissions),
            airflow_runs: lambda: runs,
            dags_folder: lambda: answers.folder,
        }

    let_in()
    yield let_in
    app.dependency_overrides = {}


@pytest.fixture
def page(log_in: Callable[..., None]) -> TestClient:
    """The page for somebody who may do everything."""
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def airflow(log_in: Callable[..., None], answers: Answers, runs: FakeRuns) -> Iterator[str]:
    """The page on a real socket, mounted as in Airflow, beside the one route of Airflow's API that it uses."""
    server = FastAPI()
    server.mount("/answers", app)

    @server.post("/api/v2/dags/{dag_id}/dagRuns")
    def trigger(dag_id: str, body: dict[str, Any]) -> dict[str, str]:
        way = body["conf"].get("break_it")
        done = TaskState("write_once", -1, "failed" if way else "success", 1, datetime.now(UTC) + timedelta(minutes=1))
        ended = "failed" if way else "success"
        runs.states["new"] = RunState("new", ended, way, paused=False, began=done.began, tasks=(done,))
        answers.prove(dag_id, "new", way)
        return {"dag_run_id": "new"}

    listener = socket.create_server(("127.0.0.1", 0))
    uvicorn_server = uvicorn.Server(uvicorn.Config(server, log_level="warning"))
    thread = threading.Thread(target=uvicorn_server.run, args=([listener],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    uvicorn_server.should_exit = True
    thread.join(10)
    listener.close()
