"""Turns the values that answers compare into plain JSON that PostgreSQL's jsonb accepts."""

import dataclasses
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from living_answers.redaction import Redactor

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


def json_safe(value: Any) -> JSON:
    """Return the value as JSON: decimals and dates as text, numpy as Python, secrets masked, no NUL, no NaN.

    A decimal stays exact because it becomes text. What has no JSON form becomes its ``str()``.
    """
    return _convert(value, Redactor())


def clean_text(text: str) -> str:
    """Return the text redacted, and without what PostgreSQL refuses: NUL and lone surrogates."""
    return _clean(text, Redactor())


def _convert(value: Any, redactor: Redactor) -> JSON:
    scalar = _scalar(value)
    if isinstance(scalar, str):
        return _clean(scalar, redactor)
    if scalar is None or isinstance(scalar, int | float):
        return scalar
    if isinstance(scalar, Mapping):
        return {_clean(str(key), redactor): _convert(item, redactor) for key, item in scalar.items()}
    if isinstance(scalar, list | tuple):
        return [_convert(item, redactor) for item in scalar]
    if isinstance(scalar, set | frozenset):
        return [_convert(item, redactor) for item in sorted(scalar, key=repr)]
    return _clean(str(scalar), redactor)


def _scalar(value: Any) -> Any:
    """Unwrap what stands for a simpler value; leave the rest as it is."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    return _unwrapped(value)


def _unwrapped(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return _scalar(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "tolist"):  # numpy's scalars and arrays, without importing numpy
        return _scalar(value.tolist())
    return value


def _clean(text: str, redactor: Redactor) -> str:
    encodable = text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
    return redactor(encodable.replace("\x00", "\N{SYMBOL FOR NULL}"))
