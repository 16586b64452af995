"""What a text means as a value of a column, by Redshift's rules for NULL, blanks, length, numbers and dates.

https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from redshift_gateway.copy.columns import Column
from redshift_gateway.copy.rejects import BadValueError, encoded
from redshift_gateway.statements import dates
from redshift_gateway.statements.copy import CopyStatement

_INTEGERS: Final = {"int2": (16, "Short"), "int4": (32, "Integer"), "int8": (64, "Long")}
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:inf|infinity)|nan", re.IGNORECASE)
_TRUTHS: Final = frozenset({"t", "true", "y", "yes", "1", "f", "false", "n", "no", "0"})
_MAX_DIGITS: Final = 38
_BYTES_OF_A_CHARACTER: Final = 4


@dataclass(frozen=True)
class Rule:
    """One column's rule. Calling it gives the text for PostgreSQL, or None for NULL. Raises BadValueError."""

    column: Column
    statement: CopyStatement

    def __call__(self, value: str | None) -> str | None:
        """The value as it is loaded."""
        try:
            loaded = self._loaded(value)
            if loaded is None and self.column.required and self.statement.checked:
                raise BadValueError(1213, "Missing data for not-null field", value or "")
        except BadValueError as error:
            error.column = self.column
            raise
        return loaded

    def _loaded(self, value: str | None) -> str | None:
        if value is None or value == self.statement.null_as:
            return None
        if self.column.is_text:
            return self._text(value)
        value = value.strip()
        if not value or value == self.statement.null_as:
            return None
        convert = _CONVERSIONS.get(self.column.type)
        return convert(value, self) if convert and self._looks else value

    def _text(self, value: str) -> str | None:
        copy = self.statement
        if (not value and copy.has("emptyasnull")) or (not value.strip() and copy.has("blanksasnull")):
            return None
        if copy.has("trimblanks"):
            value = value.rstrip()
        if self.column.type == "bpchar" and not value.isascii():
            raise BadValueError(1215, "Multibyte character not supported for CHAR (Hint: try using VARCHAR)", value)
        limit = self.column.length
        if limit and len(value) * _BYTES_OF_A_CHARACTER > limit and len(raw := encoded(value)) > limit:
            if not copy.has("truncatecolumns"):
                return self._long(value, limit)
            return raw[:limit].decode(errors="ignore")
        return value

    def _long(self, value: str, limit: int) -> str:
        """A text that is too long is good all the same when only blanks are too much of a CHAR."""
        if self.column.type == "bpchar" and len(value.rstrip(" ").encode()) <= limit:
            return value.rstrip(" ")
        raise BadValueError(1204, "String length exceeds DDL length", value)

    @property
    def _looks(self) -> bool:
        """Whether a value needs a look. What PostgreSQL reads as Redshift does, or refuses, is left to it."""
        return self.statement.checked or self.reads_dates or self.column.type == "numeric"

    @property
    def reads_dates(self) -> bool:
        """Whether the column's texts have a format that the statement names."""
        return bool(
            (self.column.type == "date" and (self.statement.date_format or self.statement.has("acceptanydate")))
            or (
                self.column.type in ("timestamp", "timestamptz")
                and (self.statement.time_format or self.statement.has("acceptanydate"))
            )
        )


def _integer(value: str, rule: Rule) -> str:
    bits, name = _INTEGERS[rule.column.type]
    bad = next((i for i, c in enumerate(value) if not (c in "0123456789" or (i == 0 and c in "+-"))), None)
    if bad is not None or value in ("+", "-"):
        position = bad or 0
        raise BadValueError(
            1207, f"Invalid digit, Value '{value[position]}', Pos {position}, Type: {name}", value, position
        )
    if not -(1 << bits - 1) <= int(value) < 1 << bits - 1:
        raise BadValueError(1222, f"Overflow, Type: {name}", value)
    return value


def _decimal(value: str, rule: Rule) -> str:
    """A number cut to the column's scale, or rounded with ROUNDEC."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise BadValueError(1209, "Invalid decimal value", value) from None
    if not number.is_finite():
        raise BadValueError(1209, "Invalid decimal value", value)
    if rule.column.modifier < 0:
        return value
    return _scaled(number, rule.column, value, ROUND_HALF_UP if rule.statement.has("roundec") else ROUND_DOWN)


def _scaled(number: Decimal, column: Column, value: str, rounding: str) -> str:
    if number.adjusted() > _MAX_DIGITS:
        raise BadValueError(1204, "Numeric data overflow", value)
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > column.scale:
        sign, digits, _ = number.as_tuple()
        whole = Decimal((sign, digits, exponent + column.scale)).to_integral_value(rounding=rounding)
        number = whole.scaleb(-column.scale)
    if number and number.adjusted() >= column.precision - column.scale:
        raise BadValueError(1204, "Numeric data overflow", value)
    return f"{number:f}"


def _float(value: str, _: Rule) -> str:
    if not _FLOAT.fullmatch(value):
        raise BadValueError(1208, "Invalid floating point value", value)
    return value


def _truth(value: str, _: Rule) -> str:
    if value.lower() not in _TRUTHS:
        raise BadValueError(1210, "Unknown boolean format", value)
    return value


def _date(value: str, rule: Rule) -> str | None:
    copy = rule.statement
    form = copy.date_format or dates.DATE
    if form == "auto":
        found = dates.automatic(value)
    else:
        moment = dates.read(value, form) or (dates.read(value, dates.TIMESTAMP) if form == dates.DATE else None)
        found = moment.date().isoformat() if moment else None
    if found is None and not copy.has("acceptanydate"):
        reason = "Invalid Date Format - length must be 10 or more" if len(value) < len(form) else "Invalid date format"
        raise BadValueError(1205, f"{reason} [{form}]", value)
    return found


def _timestamp(value: str, rule: Rule) -> str | None:
    copy = rule.statement
    form = copy.time_format
    if form in ("epochsecs", "epochmillisecs"):
        moment = dates.epoch(value, form)
        found = moment.isoformat(" ") if moment else None
    elif form in ("", "auto"):
        found = dates.automatic(value)
    else:
        moment = dates.read(value, form)
        found = moment.isoformat(" ") if moment else None
    if found is None and not copy.has("acceptanydate"):
        raise BadValueError(1206, f"Invalid timestamp format or value [{form or dates.TIMESTAMP}]", value)
    return found


def _json(value: str, _: Rule) -> str:
    try:
        json.loads(value)
    except ValueError:
        raise BadValueError(1224, "Invalid JSON format for the SUPER data type", value) from None
    return value


_CONVERSIONS: Final[dict[str, Callable[[str, Rule], str | None]]] = {
    "int2": _integer, "int4": _integer, "int8": _integer, "numeric": _decimal, "float4": _float, "float8": _float,
    "bool": _truth, "date": _date, "timestamp": _timestamp, "timestamptz": _timestamp, "jsonb": _json, "json": _json,
}  # fmt: skip
