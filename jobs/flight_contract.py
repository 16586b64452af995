"""The contract of a raw flight and the rules of a good one, as Spark SQL expressions; see refine_flights.py.

Plain text, no Spark: a column object belongs to one kind of session, classic or Connect, a string to both.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of the API's contract, the column it becomes, and the names that it is known to have drifted to."""

    name: str
    column: str
    type: Literal["string", "int", "date", "timestamp"]
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the contract's name, then the aliases: the first one present in a record is taken."""
        return (self.name, *self.aliases)


CONTRACT = (
    Field("flight_id", "flight_id", "string"),
    Field("date", "flight_date", "date"),
    Field("carrier", "carrier", "string"),
    Field("flight", "flight_number", "int"),
    Field("tailnum", "tailnum", "string", aliases=("tail_number",)),
    Field("origin", "origin", "string"),
    Field("dest", "dest", "string"),
    Field("sched_dep_time", "sched_dep_time", "int"),
    Field("dep_time", "dep_time", "int"),
    Field("dep_delay", "dep_delay", "int"),
    Field("sched_arr_time", "sched_arr_time", "int"),
    Field("arr_time", "arr_time", "int"),
    Field("arr_delay", "arr_delay", "int"),
    Field("air_time", "air_time", "int"),
    Field("distance", "distance", "int"),
    Field("time_hour", "time_hour", "timestamp"),
    Field("minute", "minute", "int"),
    Field("updated_at", "updated_at", "timestamp"),
)

# The columns that make up a flight, in the order of the Parquet file; updated_at and row_hash follow them. Redshift's
# COPY of Parquet goes by position, so this order is the staging table's.
BUSINESS_COLUMNS = (
    "flight_id", "flight_date", "carrier", "flight_number", "tailnum", "origin", "dest", "sched_dep_time", "dep_time",
    "dep_delay", "sched_arr_time", "arr_time", "arr_delay", "air_time", "distance", "sched_dep_at", "cancelled",
)  # fmt: skip

# How a field's text must look before it is cast; CAST alone is lenient ('2013' is a timestamp to it, ' 7 ' an integer).
SHAPES = {
    "int": "^-?[0-9]{1,9}$",
    "date": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "timestamp": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$",
}


def _clock(column: str) -> str:
    # HHMM. The source writes midnight at the end of a day as 2400.
    return f"({column} BETWEEN 0 AND 2400 AND {column} % 100 < 60)"


# Name of a rule -> what a good row satisfies. A condition that comes out as NULL counts as broken. A record that is not
# a JSON object breaks `unreadable_record` and no other.
RULES = {
    "flight_id_present": "flight_id <> ''",
    "day_matches": "flight_date = DATE'{day}'",
    "known_carrier_shape": "carrier RLIKE '^[A-Z0-9]{{2}}$'",
    "three_letter_airports": "origin RLIKE '^[A-Z]{{3}}$' AND dest RLIKE '^[A-Z]{{3}}$'",
    "positive_flight_number": "flight_number > 0",
    "positive_distance": "distance > 0",
    "positive_air_time": "air_time IS NULL OR air_time > 0",
    "valid_clock_time": (
        f"{_clock('sched_dep_time')} AND {_clock('sched_arr_time')}"
        f" AND (dep_time IS NULL OR {_clock('dep_time')}) AND (arr_time IS NULL OR {_clock('arr_time')})"
    ),
    "parsable_timestamp": "time_hour IS NOT NULL AND updated_at IS NOT NULL AND minute BETWEEN 0 AND 59",
    "castable_fields": "castable",
}


# The latest version of a flight wins; between equal ones the text decides, so that the order of the pages does not.
VERDICT = """CASE WHEN size(broken) > 0 THEN 'quarantined'
    WHEN row_number() OVER (
        PARTITION BY size(broken) > 0, flight_id ORDER BY updated_at DESC, row_hash DESC, raw DESC) = 1 THEN 'kept'
    ELSE 'duplicate' END"""


def text_of(field: Field) -> str:
    """Return the expression that takes a field out of the VARIANT `record` as text, whatever its JSON type."""
    values = (f"try_variant_get(record, '$.{name}', 'string')" for name in field.names)
    return f"coalesce({', '.join(values)})"


def typed(field: Field) -> str:
    """Return the expression that casts a field's text, NULL where it does not look like its type."""
    text = f"{field.name}_text"
    if field.type == "string":
        return text
    return f"CASE WHEN {text} RLIKE '{SHAPES[field.type]}' THEN try_cast({text} AS {field.type}) END"


def castable() -> str:
    """Return the condition that no number and no nested value is lost by the cast.

    Without it a dep_time of "soon", or of {"hour": 2}, would turn into a NULL that looks like a cancelled flight. Dates
    and timestamps have their own rules.
    """
    numbers = (f"({f.name}_text IS NULL OR {f.name}_text RLIKE '{SHAPES['int']}')" for f in CONTRACT if f.type == "int")
    scalars = (
        f"coalesce(schema_of_variant(variant_get(record, '$.{name}')) NOT RLIKE '^(OBJECT|ARRAY)', true)"
        for field in CONTRACT
        for name in field.names
    )
    return " AND ".join([*numbers, *scalars])


def broken_rules(day: dt.date) -> str:
    """Return the expression for the array of the names of the rules that a record of `day` breaks."""
    checks = (
        f"CASE WHEN NOT coalesce({rule.format(day=day.isoformat())}, false) THEN '{name}' END"
        for name, rule in RULES.items()
    )
    is_object = "try_cast(record AS MAP<STRING, VARIANT>) IS NOT NULL"
    return f"CASE WHEN {is_object} THEN array_compact(array({', '.join(checks)})) ELSE array('unreadable_record') END"


def row_hash() -> str:
    """Return the expression for the md5 of a flight's business columns.

    The columns are encoded as netstrings (length:text) joined by commas, NULL as ~: no value can imitate a separator or
    a NULL, and plain SQL can recompute it. Timestamps are written 2013-01-01T10:15:00Z, booleans true or false.
    """
    as_text = {"sched_dep_at": "date_format(sched_dep_at, \"yyyy-MM-dd'T'HH:mm:ss'Z'\")"}
    texts = (as_text.get(column, f"CAST({column} AS STRING)") for column in BUSINESS_COLUMNS)
    return f"md5(concat_ws(',', {', '.join(_netstring(text) for text in texts)}))"


def _netstring(text: str) -> str:
    return f"coalesce(concat(length({text}), ':', {text}), '~')"
