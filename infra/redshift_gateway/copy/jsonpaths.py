"""A jsonpaths file: for each column, where in a JSON or Avro record its value stands.

https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html#copy-json-jsonpaths
"""

import json
import re
from typing import Any, Final

from redshift_gateway.copy.rejects import BadValueError
from redshift_gateway.errors import GatewayError

_STEP = re.compile(r"""\.([A-Za-z_]\w*)|\[\s*(\d+)\s*\]|\[\s*(?:'([^']*)'|"([^"]*)")\s*\]""")
_MISSING: Final = None


def parse(text: bytes, uri: str) -> list[list[str | int]] | None:
    """The paths as steps: names and positions; nothing when the file names them otherwise than `jsonpaths`.

    Raises GatewayError for what is no jsonpaths file.
    """
    try:
        found = json.loads(text)
        if isinstance(found, dict) and "jsonpaths" not in found:
            return None
        paths = found["jsonpaths"]
        steps = [_steps(path, uri) for path in paths]
    except (ValueError, KeyError, TypeError):
        raise GatewayError(f"The file {uri} is not a jsonpaths file", sqlstate="22023") from None
    if len({bool(m[1]) for path in paths for m in _STEP.finditer(path) if m[2] is None}) > 1:
        raise GatewayError(f"The jsonpaths file {uri} mixes bracket notation and dot notation", sqlstate="22023")
    return steps


def _steps(path: str, uri: str) -> list[str | int]:
    steps: list[str | int] = []
    position = 1
    while path.startswith("$") and position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            break
        position = match.end()
        name = match[1] or match[3] or match[4]
        steps.append(int(match[2]) if match[2] is not None else name)
    if not path.startswith("$") or position != len(path) or not steps:
        raise GatewayError(f"Invalid JSONPath format in {uri}: {path[:100]}", sqlstate="22023")
    return steps


def value(record: Any, steps: list[str | int]) -> Any:
    """What stands at the path; nothing when it leads to no member. Raises BadValueError for no element of an array."""
    for step in steps:
        if isinstance(step, str) and isinstance(record, dict):
            record = record.get(step)
        elif isinstance(step, int):
            if not isinstance(record, list) or step >= len(record):
                raise BadValueError(1216, "Invalid JSONPath format: Not an array or index out of range.")
            record = record[step]
        else:
            return _MISSING
    return record
