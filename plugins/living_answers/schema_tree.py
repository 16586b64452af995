"""The schema of JSON documents as a tree that is inferred from them: types, fields and items at every depth.

A tree is itself JSON, so that it can be stored, fingerprinted and compared: ``{"types": [...], "fields": {name: tree},
"required": [...], "items": tree}``; ``fields`` and ``required`` where objects were seen, ``items`` where arrays held
something.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Tree = dict[str, Any]

_TYPES: Final[Mapping[type, str]] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


def type_of(value: Any) -> str:
    """Name the JSON type of a value as Python's ``json`` reads it; a number without a fraction is an integer.

    Raises:
        TypeError: the value is none that JSON has.
    """
    if type(value) not in _TYPES:
        raise TypeError(f"JSON has no type for {type(value).__name__}")
    return _TYPES[type(value)]


def infer(values: Iterable[Any]) -> Tree:
    """Fold values into one tree. A field is required if every object at its place had it."""
    values = list(values)
    tree: Tree = {"types": sorted({type_of(value) for value in values})}
    if objects := [value for value in values if isinstance(value, dict)]:
        names = sorted({name for one in objects for name in one})
        tree["fields"] = {name: infer(one[name] for one in objects if name in one) for name in names}
        tree["required"] = [name for name in names if all(name in one for one in objects)]
    if items := [item for value in values if isinstance(value, list) for item in value]:
        tree["items"] = infer(items)
    return tree


def paths(tree: Tree, path: str = "$") -> Iterator[tuple[str, list[str]]]:
    """Yield each path of the tree with the types seen there: ``$.events[].delay``, ``["integer", "null"]``."""
    yield path, tree["types"]
    for name, field in tree.get("fields", {}).items():
        yield from paths(field, f"{path}.{name}")
    if "items" in tree:
        yield from paths(tree["items"], f"{path}[]")
