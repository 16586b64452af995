"""Writes the skeleton of an answer, so that adding one takes minutes: one file, and no change elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from living_answers.answers.declaration import DAGS
from living_answers.catalogue import load

_SKELETON = '''"""{title}

**Say it.** The answer as you would say it aloud, in at most sixty words.

**How it works.** The longer answer.

**This run proves**
- *the result is right*: say what is done, and what it is held against.

**Break it.** `naive`: what the naive twin does, and what then fails.

**Where this stops.** Where the answer is no longer true, with a link.

**Sources.** Primary sources, linked.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch


@answer(
    questions={questions},
    breaks={{
        "naive": {{
            "what": "say what the naive twin does",
            "fails": ["the result is right"],
        }},
    }},
    scratch=["schema"],
)
def {slug}():
    @task
    def make_data() -> int:
        with scratch.connect() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS numbers AS SELECT n FROM generate_series(1, 100) AS n")
            return connection.execute("SELECT COUNT(*) FROM numbers").fetchone()[0]

    @task
    def check_result(rows: int, params: dict[str, Any] | None = None) -> None:
        with scratch.connect() as connection:
            query = "SELECT SUM(n) FROM numbers WHERE n > 1" if params["break_it"] else "SELECT SUM(n) FROM numbers"
            observed = connection.execute(query).fetchone()[0]
        prove("the result is right", observed=observed, expected=rows * (rows + 1) // 2)

    check_result(make_data())
'''


class SkeletonError(ValueError):
    """The skeleton cannot be written. The message says what to give instead."""


def write(area: str, slug: str, questions: Sequence[str], folder: Path = DAGS) -> Path:
    """Write ``dags/<area>/<slug>.py`` and return its path; it runs at once, counterexample included.

    Without ``questions``, the area's first is put in its place, for you to change.

    Raises:
        SkeletonError: the area or a question is unknown, the name is none, or the file is there already.
    """
    catalogue = load()
    if area not in catalogue.areas:
        raise SkeletonError(f"no area {area!r}; there are {', '.join(catalogue.areas)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]{2,50}", slug):
        raise SkeletonError(f"{slug!r} is no name for a DAG: small letters, digits and underscores, such as csv_load")
    known = [question.id for question in catalogue.areas[area]]
    if unknown := [question for question in questions if question not in known]:
        raise SkeletonError(f"{area} has no question {', '.join(unknown)}; answers list --area {area} names them")
    if taken := list(folder.glob(f"*/{slug}.py")):
        raise SkeletonError(f"there is a DAG {slug} already: {taken[0].parent.name}/{taken[0].name}")
    settled = list(questions) or known[:1]
    file = folder / area / f"{slug}.py"
    file.parent.mkdir(exist_ok=True)
    title = catalogue.questions[settled[0]].question
    file.write_text(_SKELETON.format(title=title, questions=json.dumps(settled), slug=slug))
    return file
