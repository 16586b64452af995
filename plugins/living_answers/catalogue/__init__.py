"""The catalogue: every question that the notes ask, every claim that they make, every system that they name."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent
Verdict = Literal["holds", "imprecise", "wrong", "not testable here"]
E = TypeVar("E", bound="Entry")
_GUESSES = {"untestable-locally": "not testable here"}


class CatalogueError(ValueError):
    """The catalogue contradicts itself. The message names the entry."""


class Place(BaseModel):
    """Where in the notes something stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: str
    where: str


class Entry(BaseModel):
    """What all entries have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")


class Question(Entry):
    """Something the notes ask, in our own words, and what a run must show at the least."""

    area: str
    kind: Literal["concept", "code", "exercise", "design", "project", "soft-skill"]
    question: str
    sources: tuple[Place, ...]
    demo: str


class Claim(Entry):
    """Something the notes assert, and what we thought of it before a run tested it."""

    claim: str
    source: tuple[Place, ...]
    verdict_guess: Verdict
    why: str
    test: str
    questions: tuple[str, ...]


class System(Entry):
    """A tool or service that the notes name."""

    name: str
    sources: tuple[Place, ...]
    role: str
    questions: tuple[str, ...]


class Catalogue(BaseModel):
    """All entries by id, in the order of the files."""

    model_config = ConfigDict(frozen=True)

    questions: dict[str, Question]
    claims: dict[str, Claim]
    systems: dict[str, System]

    @property
    def areas(self) -> dict[str, list[Question]]:
        """The questions by area, in the order in which the areas come up."""
        found: dict[str, list[Question]] = {}
        for question in self.questions.values():
            found.setdefault(question.area, []).append(question)
        return found


@lru_cache(maxsize=1)
def load() -> Catalogue:
    """Read and check the catalogue.

    Raises:
        CatalogueError: an id comes twice, or an entry points to a question that is not there.
        pydantic.ValidationError: an entry lacks a field, or has one that nobody knows.
    """
    questions = _by_id([Question(**raw) for raw in _read("questions")])
    claims = _by_id([Claim(**raw | _verdict(raw)) for raw in _read("claims")])
    systems = _by_id([System(**raw) for raw in _read("systems")])
    pointing: list[Claim | System] = [*claims.values(), *systems.values()]
    for entry in pointing:
        if unknown := set(entry.questions) - questions.keys():
            raise CatalogueError(f"{entry.id} points to questions that are not there: {', '.join(sorted(unknown))}")
    return Catalogue(questions=questions, claims=claims, systems=systems)


def _read(name: str) -> list[dict[str, Any]]:
    import yaml

    # libyaml reads the half megabyte in a fifth of a second, the pure Python loader in two.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    raw: list[dict[str, Any]] = yaml.load((FOLDER / f"{name}.yaml").read_text(), Loader=loader)  # noqa: S506 - safe
    return raw


def _verdict(raw: dict[str, Any]) -> dict[str, Any]:
    guess = raw.get("verdict_guess", "")
    return {"verdict_guess": _GUESSES.get(guess, guess)}


def _by_id(entries: list[E]) -> dict[str, E]:
    found: dict[str, E] = {}
    for entry in entries:
        if entry.id in found:
            raise CatalogueError(f"the id {entry.id} comes twice")
        found[entry.id] = entry
    return found
