"""What the gateway honours, refuses or does differently, as data: each entry is run by a test and is a row of a table.

`python tests/infra/redshift_gateway/behaviour_table.py` writes the table into the gateway's README.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

FOLDER: Final = Path(__file__).parent / "behaviours"
README: Final = Path(__file__).parents[3] / "infra" / "redshift_gateway" / "README.md"
AREAS: Final = {
    "protocol": "Protocol and clients",
    "copy": "COPY from S3",
    "unload": "UNLOAD to S3",
    "ddl": "Tables",
    "sql": "Queries and functions",
    "functions": "Functions",
    "statements": "Statements",
    "super": "SUPER and PartiQL",
    "catalogue": "System tables and views",
}
BEGIN: Final = "<!-- written by tests/infra/redshift_gateway/behaviour_table.py: begin -->\n"
END: Final = "<!-- end -->\n"

Rows = list[list[Any]]
Statements = Annotated[list[str], BeforeValidator(lambda v: [v] if isinstance(v, str) else v)]


class Refusal(BaseModel):
    """The error that a client sees: its SQLSTATE, and a part of its message."""

    model_config = ConfigDict(extra="forbid")
    sqlstate: Annotated[str, BeforeValidator(str)]
    says: str


class Behaviour(BaseModel):
    """One thing that Redshift does, and what the gateway makes of it."""

    model_config = ConfigDict(extra="forbid")
    what: str
    status: Literal["honoured", "refused", "differs"]
    note: str = ""
    source: str
    objects: dict[str, str | bytes] = {}  # bytes are YAML's !!binary
    setup: str = ""
    run: Statements
    check: str = ""
    gives: Rows | None = None
    error: Refusal | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.gives is None) == (self.error is None):
            raise ValueError(f"{self.what}: either `gives` or `error`")
        if self.status == "refused" and self.error is None:
            raise ValueError(f"{self.what}: what is refused has an `error`")
        if self.status == "differs" and not self.note:
            raise ValueError(f"{self.what}: what differs has a `note` that says how")
        return self


def behaviours(area: str) -> list[Behaviour]:
    """The entries of an area, in the file's order. Raises pydantic.ValidationError for one that is not complete."""
    file = FOLDER / f"{area}.yaml"
    return [Behaviour.model_validate(e) for e in yaml.safe_load(file.read_text()) or []] if file.exists() else []


def table() -> str:
    """The tables of all areas as markdown, what is honoured first."""
    return "\n".join(f"### {title}\n\n{_rows(area)}" for area, title in AREAS.items() if behaviours(area))


def _rows(area: str) -> str:
    order = ["honoured", "differs", "refused"]
    found = sorted(behaviours(area), key=lambda b: order.index(b.status))
    lines = [f"| [{_cell(b.what)}]({b.source}) | {b.status} | {_cell(b.note)} |\n" for b in found]
    return "| what | | |\n| --- | --- | --- |\n" + "".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def written(readme: str) -> str:
    """The README with the table as it is now between its marks. Raises ValueError when a mark is missing."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
