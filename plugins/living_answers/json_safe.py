"""Turns the values that answers compare into plain JSON that PostgreSQL's jsonb accepts."""

import dataclasses
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from living_answers.redaction import redact

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


def json_safe(value: Any) -> JSON:
    """Return the value as JSON: decimals and dates as text, numpy as Python, secrets masked, no NUL, no NaN.

    A decimal stays exact because it becomes text. What has no JSON form becomes its ``str()``.
    """
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return clean_text(value)
        case bytes() | bytearray():
            return clean_text(bytes(value).decode("utf-8", "backslashreplace"))
        case Mapping():
            return {clean_text(str(key)): json_safe(item) for key, item in value.items()}
        case list() | tuple():
            return [json_safe(item) for item in value]
        case set() | frozenset():
            return [json_safe(item) for item in sorted(value, key=repr)]
    return _json_safe_object(value)


def _json_safe_object(value: Any) -> JSON:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Enum():
            return json_safe(value.value)
        case Decimal() | UUID():
            return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return json_safe(dataclasses.asdict(value))
    if hasattr(value, "tolist"):  # numpy's scalars and arrays, without importing numpy
        return json_safe(value.tolist())
    return clean_text(str(value))


def clean_text(text: str) -> str:
    """Return the text redacted, and without what PostgreSQL refuses: NUL and lone surrogates."""
    encodable = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return redact(encodable.replace("\x00", "\N{SYMBOL FOR NULL}"))
