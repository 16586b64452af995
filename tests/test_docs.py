"""The documents that list things list all of them."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def required() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = [*project["dependencies"], *(item for extra in project["optional-dependencies"].values() for item in extra)]
    return sorted(re.match(r"[\w.-]+", requirement).group().lower() for requirement in every)


def first_column(heading: str, until: str) -> list[str]:
    text = (ROOT / "docs/decisions.md").read_text()
    part = text[text.index(f"## {heading}") : text.index(f"## {until}")]
    cells = [line.split("|")[1].strip() for line in part.splitlines() if line.startswith("|")]
    return [cell for cell in cells if cell not in {"package", "---"}]


def test_every_dependency_has_its_reason() -> None:
    assert sorted(first_column("The program", "Container images")) == required()


def test_every_container_image_has_its_reason() -> None:
    named = (ROOT / "docs/decisions.md").read_text().partition("## Container images")[2]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    foreign = {service["image"].split(":")[0] for service in compose["services"].values() if "build" not in service}
    assert all(image in named for image in foreign)


def test_pre_commit_runs_nothing_that_is_not_locked() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks[0]["hooks"])
