"""All that the pages show, read at one moment: the catalogue, the declarations, how their last runs were judged.

Declarations are read again only when their file has changed, so that three hundred of them cost a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from sqlalchemy import Connection

from living_answers import catalogue
from living_answers.answers import standing
from living_answers.answers.declaration import NOT_AREAS, Declaration, DeclarationError, read
from living_answers.catalogue import Catalogue
from living_answers.ledger import judgements
from living_answers.ledger.judgements import Judged


@dataclass(frozen=True)
class Shelf:
    """One look at everything. ``unreadable`` names the files that declare no answer, and why."""

    catalogue: Catalogue
    answers: dict[str, Declaration]
    judged: tuple[Judged, ...]
    unreadable: tuple[str, ...]

    @cached_property
    def of_answers(self) -> dict[str, standing.Status]:
        return standing.of_answers(self.answers, self.judged)

    @cached_property
    def of_questions(self) -> dict[str, standing.Status]:
        return standing.of_questions(self.catalogue, self.answers, self.judged)

    @cached_property
    def answered(self) -> dict[str, tuple[str, ...]]:
        """The answers of each question, by id; those first that settle the fewest others besides."""
        found: dict[str, tuple[str, ...]] = {}
        for dag_id, one in sorted(self.answers.items(), key=lambda item: len(item[1].questions)):
            for question in one.questions:
                found[question] = (*found.get(question, ()), dag_id)
        return found

    def only(self, dag_ids: Collection[str]) -> Shelf:
        """Return the shelf as somebody sees it who may read these DAGs only."""
        return replace(
            self,
            answers={dag_id: one for dag_id, one in self.answers.items() if dag_id in dag_ids},
            judged=tuple(one for one in self.judged if one.dag_id in dag_ids),
        )

    def judged_anew(self, connection: Connection) -> Shelf:
        """Return the same shelf with the judgements that stand in the ledger now."""
        return replace(self, judged=tuple(judgements.latest(connection))).only(self.answers)


def look(connection: Connection, folder: Path) -> Shelf:
    """Read what stands in the ledger and in the folder of DAGs now."""
    answers: dict[str, Declaration] = {}
    unreadable = []
    known = catalogue.load()
    for file in _files(folder):
        found = _declared(file)
        if isinstance(found, str):
            unreadable.append(found)
        elif unknown := set(found.questions) - known.questions.keys():
            unreadable.append(f"{file.parent.name}/{file.name}: the notes ask no {', '.join(sorted(unknown))}")
        else:
            answers[found.dag_id] = found
    return Shelf(known, answers, tuple(judgements.latest(connection)), tuple(unreadable))


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.glob("*/*.py")) if file.parent.name not in NOT_AREAS)


def _declared(file: Path) -> Declaration | str:
    """A file that somebody is writing must not take the page of all others with it."""
    try:
        stat = file.stat()
        return _read(file, stat.st_mtime_ns, stat.st_size)
    except (DeclarationError, SyntaxError, OSError) as error:
        return f"{file.parent.name}/{file.name}: {error}"


@lru_cache(maxsize=1024)
def _read(file: Path, _mtime_ns: int, _size: int) -> Declaration:
    return read(file)
