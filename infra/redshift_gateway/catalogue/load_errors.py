"""PostgreSQL's errors about the rows of a load, in Redshift's words.

https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from redshift_gateway import wire
from redshift_gateway.copy.columns import Column
from redshift_gateway.copy.load import Load
from redshift_gateway.copy.rejects import BadValueError, Reject, load_failed
from redshift_gateway.copy.values import Rule

_CONTEXT = re.compile(r'COPY .*?, line (\d+)(?:, column (.*?): (?:"(.*)"|null input))?(?:: ".*")?', re.DOTALL)
_DATA: Final = "22"  # the class of SQLSTATEs about values
_NOT_NULL, _COLUMNS, _TOO_LONG, _ENCODING = "23502", "22P04", "22001", "22021"


def explained(frame: bytes, load: Load) -> bytes:
    """PostgreSQL's error about a line of the stream as the client sees it. A bad value is noted in the load's rejects.

    What is wrong with the table rather than the file stays as it is, with the place.
    """
    fields = wire.error_fields(frame)
    context = _CONTEXT.match(fields.get("W", ""))
    place = load.places.find(int(context[1])) if context else None
    if context is None or place is None:
        return frame
    column = next((c for c in load.columns if c.name == context[2]), None)
    reject = Reject(place.uri, place.line, place.raw_line, _reason(fields, column, context[3] or "", load))
    if not fields.get("C", "").startswith(_DATA) and fields.get("C") != _NOT_NULL:
        fields["D"] = f"{fields['D']} {reject.place}" if "D" in fields else reject.place
        return wire.rebuild_error(fields)
    load.rejects.count += 1
    load.rejects.kept.append(reject)
    return wire.error_response(load_failed(load.statement.table[-1], reject))


def _reason(fields: Mapping[str, str], column: Column | None, value: str, load: Load) -> BadValueError:
    code, wording = fields.get("C", ""), fields.get("M", "")
    if code == _NOT_NULL:
        error = BadValueError(1213, "Missing data for not-null field")
        column = next((c for c in load.columns if f'"{c.name}"' in wording), column)
    elif code == _COLUMNS:
        error = BadValueError(
            *((1202, "Extra column(s) found") if "extra" in wording else (1214, "Delimiter not found"))
        )
    elif code == _TOO_LONG:
        error = BadValueError(1204, "String length exceeds DDL length", value)
    elif code == _ENCODING:
        error = BadValueError(1220, "String contains invalid or unsupported UTF8 codepoints")
    else:
        error = _of_value(wording, column, value, load)
    error.column = column
    return error


def _of_value(wording: str, column: Column | None, value: str, load: Load) -> BadValueError:
    """What the gateway itself says of the value; PostgreSQL's own words where it finds nothing wrong."""
    if column is not None:
        try:
            Rule(column, replace(load.statement, options=load.statement.options | {"ignoreallerrors"}))(value)
        except BadValueError as error:
            return error
    return BadValueError(1216, wording, value)
