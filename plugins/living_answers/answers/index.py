"""The index of all questions: ``docs/questions.md`` is what :func:`markdown` returns, and a test holds its links."""

from __future__ import annotations

from collections.abc import Mapping

from living_answers.answers.declaration import Declaration
from living_answers.answers.standing import answers_of
from living_answers.catalogue import Catalogue, Question

_HEAD = """# The questions, and the files that answer them

Written by `answers list --markdown > docs/questions.md`; a test holds its links. A question without a file is
not answered yet. `answers show <question>` prints its answer, `answers run <question>` proves it, and
`answers run <question> --break WAY` breaks it on purpose.
"""


def markdown(catalogue: Catalogue, answers: Mapping[str, Declaration]) -> str:
    """Return the index: the areas in the catalogue's order, with how many of their questions have an answer."""
    parts = [_HEAD]
    for area, questions in catalogue.areas.items():
        answered = sum(bool(answers_of(question.id, answers)) for question in questions)
        parts.append(f"## {area}: {answered} of {len(questions)}\n")
        parts.append("\n".join(_line(question, answers) for question in questions) + "\n")
    return "\n".join(parts)


def _line(question: Question, answers: Mapping[str, Declaration]) -> str:
    links = ", ".join(f"[{one.dag_id}](../dags/{one.area}/{one.file.name})" for one in answers_of(question.id, answers))
    return f"- `{question.id}`: {question.question}{f' **{links}**' if links else ''}"
