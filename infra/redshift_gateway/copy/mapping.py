"""From a JSON or Avro record to the texts of the columns: by name, by path, or the record as a whole.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html
"""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from redshift_gateway.copy import jsonpaths
from redshift_gateway.copy.rejects import BadValueError
from redshift_gateway.copy.source import Source
from redshift_gateway.errors import GatewayError


class Number(str):
    """A number as it was written, so that no digit is lost."""

    __slots__ = ()


Mapper = Callable[[Any], Sequence[Any] | BadValueError]


def mapper(source: Source) -> Mapper:
    """Gives a record's values in the order of the columns. Raises GatewayError when the paths do not fit the table."""
    names, copy = [c.name for c in source.columns], source.statement
    if copy.mapping == "noshred":
        if len(names) != 1:
            raise GatewayError("COPY JSON 'noshred' loads into one column of type SUPER", sqlstate="0A000")
        return lambda record: [record]
    if copy.mapping.startswith("s3://"):
        return _by_path(source)
    if copy.mapping == "auto ignorecase":
        return lambda record: _by_name(_folded(record), [n.lower() for n in names])
    return lambda record: _by_name(record, names)


def _by_path(source: Source) -> Mapper:
    if len(source.paths) != len(source.columns):
        raise GatewayError(
            "Number of jsonpaths and the number of columns should match. JSONPath size: "
            f"{len(source.paths)}, Number of columns in table or column list: {len(source.columns)}",
            sqlstate="22023",
        )

    def get(record: Any) -> Sequence[Any] | BadValueError:
        try:
            return [jsonpaths.value(record, steps) for steps in source.paths]
        except BadValueError as error:
            return error

    return get


def _by_name(record: Any, names: list[str]) -> Sequence[Any] | BadValueError:
    if not isinstance(record, dict):
        return BadValueError(1216, "Invalid JSONPath format: Member is not an object.")
    return [record.get(name) for name in names]


def _folded(record: Any) -> Any:
    """The record with its first-level names in lower case."""
    return {k.lower(): v for k, v in record.items()} if isinstance(record, dict) else record


def text(value: Any) -> str | None:
    """A value as the text that a field of a delimited file would have."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict | list):
        return _document(value)
    return str(value)


def _document(value: Any) -> str:
    """A nested value as JSON, its numbers as they were written."""
    if isinstance(value, dict):
        members = (f"{json.dumps(str(k), ensure_ascii=False)}:{_document(v)}" for k, v in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_document, value)) + "]"
    if isinstance(value, Number | Decimal):
        return str(value)
    if isinstance(value, bytes | datetime | date):
        return json.dumps(text(value) if not isinstance(value, date) else str(value), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, default=str)
