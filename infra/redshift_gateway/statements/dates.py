"""DATEFORMAT and TIMEFORMAT: texts of dates and times in the formats that a COPY names.

https://docs.aws.amazon.com/redshift/latest/dg/r_DATEFORMAT_and_TIMEFORMAT_strings.html
https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html
"""

import re
from calendar import month_abbr, month_name
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from redshift_gateway.errors import syntax_error

_MONTHS: Final = {
    name.lower(): number for names in (month_abbr, month_name) for number, name in enumerate(names) if name
}
# Each part's pattern. HH means HH24 in a COPY.
_PARTS: Final = {
    "YYYY": r"(?P<year>\d{4})", "YY": r"(?P<short>\d{2})", "MM": r"(?P<month>\d{1,2})", "MON": r"(?P<mon>[a-z]{3,9})",
    "DD": r"(?P<day>\d{1,2})", "HH24": r"(?P<hour>\d{1,2})", "HH12": r"(?P<hour>\d{1,2})",
    "HH": r"(?P<hour>\d{1,2})", "MI": r"(?P<minute>\d{1,2})",
    "SS": r"(?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,6})\d*)?", "AM": r"(?P<half>[ap]m)", "PM": r"(?P<half>[ap]m)",
}  # fmt: skip
_PART = re.compile("|".join(_PARTS), re.IGNORECASE)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CENTURY_TURN: Final = 70  # as PostgreSQL reads two digits: 69 is 2069, 70 is 1970
_NOON: Final = 12
DATE: Final = "YYYY-MM-DD"
TIMESTAMP: Final = "YYYY-MM-DD HH:MI:SS"
# A zone stands behind a time: the -08 of 1997-12-08 is a day.
_ZONED = re.compile(r"(.*\d:\d\d(?:\.\d+)?)\s*([+-]\d{1,2}(?::?\d{2})?|Z|UTC|GMT|[PMCE][SD]T)", re.IGNORECASE)
# What 'auto' knows beside ISO 8601; PostgreSQL reads these as Redshift does.
_AUTO: Final = (
    "MM/DD/YYYY", "MM-DD-YYYY", "MM.DD.YYYY", "YYYY/MM/DD", "YYYY.MM.DD", "MON DD, YYYY", "MON-DD-YYYY", "DD-MON-YYYY",
    "DD MON YYYY", "MON DD YYYY", "YYYYMMDD", "YYMMDD", "MM/DD/YY",
)  # fmt: skip
_TIMES: Final = ("", " HH:MI:SS", " HH:MI", " HH12:MI:SS AM", " HHMISS")
_UNUSUAL = re.compile(r"J\d{1,7}|\d{4}\.\d{3}|[a-z]{3}-\d\d-\d\d BC|\d\d [a-z]{3} [\d:]{8} \d{4}", re.IGNORECASE)


@lru_cache(maxsize=64)
def pattern(form: str) -> re.Pattern[str]:
    """A format as a regular expression. Raises GatewayError (42601) for one that names no part or a part twice."""
    position, pieces = 0, []
    for match in _PART.finditer(form):
        pieces += [re.escape(form[position : match.start()]), _PARTS[match[0].upper()]]
        position = match.end()
    pieces.append(re.escape(form[position:]))
    try:
        compiled = re.compile("".join(pieces), re.IGNORECASE)
    except re.error:
        raise syntax_error(f"COPY: the format '{form}' names a part twice") from None
    if not compiled.groupindex:
        raise syntax_error(f"COPY: the format '{form}' has no part of a date or time")
    return compiled


def read(text: str, form: str) -> datetime | None:
    """The moment that a text means in this format; nothing if it is none."""
    match = pattern(form).fullmatch(text)
    if match is None:
        return None
    parts = match.groupdict()
    try:
        return datetime(  # noqa: DTZ001 - without a zone, as the columns are
            _year(parts), _month(parts), int(parts.get("day") or 1), _hour(parts), int(parts.get("minute") or 0),
            int(parts.get("second") or 0), int((parts.get("fraction") or "0").ljust(6, "0")),
        )  # fmt: skip
    except ValueError:
        return None


def _year(parts: dict[str, str | None]) -> int:
    if short := parts.get("short"):
        return int(short) + (1900 if int(short) >= _CENTURY_TURN else 2000)
    return int(parts.get("year") or 1900)


def _month(parts: dict[str, str | None]) -> int:
    if name := parts.get("mon"):
        return _MONTHS.get(name.lower(), 0)  # 0 is no month: datetime refuses it
    return int(parts.get("month") or 1)


def _hour(parts: dict[str, str | None]) -> int:
    hour, half = int(parts.get("hour") or 0), (parts.get("half") or "").lower()
    if not half:
        return hour
    if not 1 <= hour <= _NOON:
        return 24  # no hour
    return hour % _NOON + (_NOON if half == "pm" else 0)


def epoch(text: str, form: str) -> datetime | None:
    """The moment that a number of seconds or milliseconds since 1970 means."""
    try:
        number = float(text) if "." in text else int(text)
        return _EPOCH + timedelta(seconds=number / (1000 if form == "epochmillisecs" else 1))
    except (ValueError, OverflowError):
        return None


def automatic(text: str) -> str | None:
    """A text whose format 'auto' knows, as PostgreSQL reads it surely; nothing for others."""
    zoned = _ZONED.fullmatch(text)
    plain = zoned[1] if zoned else text
    if _UNUSUAL.match(plain):
        return text  # PostgreSQL knows these too
    plain = plain.replace("T", " ", 1) if text[4:5] == "-" else plain
    for form in _known():
        if moment := read(plain, form):
            return moment.isoformat(" ") + (zoned[2] if zoned else "")
    return None


@lru_cache(maxsize=1)
def _known() -> list[str]:
    return [day + time for days in ((DATE,), _AUTO) for time in _TIMES for day in days]
