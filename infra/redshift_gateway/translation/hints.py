"""PostgreSQL's errors about what could be SUPER, or an alias within its own select list, say so in a hint.

https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
https://aws.amazon.com/about-aws/whats-new/2018/08/amazon-redshift-announces-support-for-lateral-column-alias-reference/
"""

import re

from redshift_gateway import wire

_NAVIGATION = (
    "If this navigates a SUPER value: the gateway reads the first name as a table or alias of FROM, or else as a "
    "column. Brackets are the other way to write it: t.doc['name']."
)
_UNNESTING = "If this unnests a SUPER value: name it by the alias of a table to its left, FROM t, t.doc.items AS item."
_UNNEST = "UNNEST of a SUPER value is not supported by the gateway: FROM t, t.items AS item iterates over it."
_TYPED = "SUPER is jsonb in the gateway: cast the SUPER value to the type that it should have, as in doc.name::varchar."
_ALIAS = (
    "If this is a lateral column alias, that of another column of the same select list: "
    "the gateway does not support it; repeat the expression, or put it into a subquery."
)
_HINTS = (
    ("42P01", re.compile("missing FROM-clause entry"), _NAVIGATION),
    ("42P01", re.compile(r'relation ".+\..+" does not exist'), _UNNESTING),
    ("0A000", re.compile("cross-database references"), _NAVIGATION),
    ("42601", re.compile("improper qualified name"), _NAVIGATION),
    ("42804", re.compile("cannot subscript type"), _NAVIGATION),
    ("42703", re.compile(r"column [^.]* does not exist"), f"{_ALIAS} {_NAVIGATION}"),
    ("42883", re.compile(r"function unnest\(jsonb\)"), _UNNEST),
    ("42883", re.compile("jsonb"), _TYPED),
    ("42804", re.compile("jsonb"), _TYPED),
    ("22P02", re.compile("input syntax for type json"), _TYPED),
)
_STATES = tuple(b"\0C" + state.encode() + b"\0" for state in {state for state, _, _ in _HINTS})


def explained(frame: bytes) -> bytes:
    """The ErrorResponse, with a hint if it is of these; PostgreSQL's own hint stays."""
    if not any(state in frame for state in _STATES):
        return frame
    fields = wire.error_fields(frame)
    for state, wording, hint in _HINTS:
        if fields.get("C") == state and wording.search(fields.get("M", "")):
            return wire.rebuild_error(fields | {"H": " ".join(filter(None, (fields.get("H"), hint)))})
    return frame
