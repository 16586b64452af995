"""Reads what answers declare from their files, without running them: three hundred files take a moment.

``@answer`` takes literals only, so the syntax tree holds all that the page, the command line and the tests need.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from living_answers.catalogue import Verdict

DAGS = Path(__file__).parents[3] / "dags"
#: Folders of ``dags/`` that hold no answers.
NOT_AREAS = frozenset({"flights", "__pycache__"})


class DeclarationError(ValueError):
    """An answer declares something that cannot be. The message names the file."""


class Break(BaseModel):
    """A way to break an answer, and the proofs that must then fail."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str
    fails: tuple[str, ...]


class ClaimVerdict(BaseModel):
    """What a run says of a claim: the verdict, the proof that backs it, and the right statement."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Verdict
    proof: str
    truth: str


@dataclass(frozen=True)
class Declaration:
    """What one answer's file says of itself."""

    dag_id: str
    area: str
    file: Path
    page: str
    code: str = field(repr=False)
    questions: tuple[str, ...]
    breaks: dict[str, Break]
    claims: dict[str, ClaimVerdict]
    engines: tuple[str, ...]
    stand_ins: dict[str, str]

    @property
    def digest(self) -> str:
        """The digest of the file and of the SQL files beside it: a judgement of another one is stale."""
        beside = sorted(self.file.parent.glob(f"sql/{self.dag_id}*.sql"))
        return hashlib.sha256("".join([self.code, *(file.read_text() for file in beside)]).encode()).hexdigest()

    @property
    def named_proofs(self) -> frozenset[str]:
        """The proofs on which the counterexamples and the claims stand."""
        of_breaks = {name for way in self.breaks.values() for name in way.fails}
        return frozenset(of_breaks | {claim.proof for claim in self.claims.values()})

    @property
    def title(self) -> str:
        """The page's first line."""
        return self.page.strip().splitlines()[0].lstrip("# ").strip()


def read_all(
    folder: Path = DAGS, areas: Iterable[str] | None = None, faults: list[DeclarationError] | None = None
) -> dict[str, Declaration]:
    """Return all answers by DAG id, in the order of their paths.

    With a list ``faults``, files that hold no answer go there, and the good ones beside them are returned.

    Raises:
        DeclarationError: a file in an area holds no answer, or one that does not parse; only without ``faults``.
    """
    wanted = None if areas is None else set(areas)
    found = {}
    for file in sorted(folder.glob("*/*.py")):
        if file.parent.name in NOT_AREAS or (wanted is not None and file.parent.name not in wanted):
            continue
        try:
            found[file.stem] = read(file)
        except DeclarationError as fault:
            if faults is None:
                raise
            faults.append(fault)
    return found


def read(file: Path) -> Declaration:
    """Return what one file declares.

    Raises:
        DeclarationError: there is no ``@answer`` with literal arguments, or it lacks something.
    """
    code = file.read_text()
    try:
        tree = ast.parse(code, filename=str(file))
    except SyntaxError as error:
        raise DeclarationError(f"{file.name}: line {error.lineno}: {error.msg}") from error
    said = _arguments(tree, file)
    try:
        return Declaration(
            dag_id=file.stem,
            area=file.parent.name,
            file=file,
            page=ast.get_docstring(tree) or "",
            code=code,
            questions=tuple(said["questions"]),
            breaks={way: Break(**told) for way, told in said["breaks"].items()},
            claims={claim: ClaimVerdict(**told) for claim, told in said.get("claims", {}).items()},
            engines=tuple(said.get("engines", ())),
            stand_ins=dict(said.get("stand_ins", {})),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DeclarationError(f"{file.name}: @answer: {error}") from error


def _arguments(tree: ast.Module, file: Path) -> dict[str, Any]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "answer":
                try:
                    return {str(word.arg): ast.literal_eval(word.value) for word in decorator.keywords}
                except ValueError as error:
                    raise DeclarationError(f"{file.name}: @answer takes literals only: {error}") from error
    raise DeclarationError(f"{file.name}: a file in {file.parent.name}/ must hold an @answer")
