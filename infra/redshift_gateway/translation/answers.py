"""pg_last_copy_id() and its kin: what a session did last, which the gateway knows and PostgreSQL does not.

https://docs.aws.amazon.com/redshift/latest/dg/r_System_information_functions.html
"""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from redshift_gateway.statements.lexer import Kind, join, tokenize

NAMES: Final = ("copy_count", "copy_id", "query_id", "unload_count", "unload_id")
WORDS: Final = frozenset(f"pg_last_{name}" for name in NAMES)
_CALL: Final = re.compile(rf"\bpg_last_({'|'.join(NAMES)})\s*\(\s*\)", re.IGNORECASE)


@dataclass
class Last:
    """What a session did last. A number of -1 says that there was none."""

    copy_count: int = 0
    copy_id: int = -1
    query_id: int = -1
    unload_count: int = 0
    unload_id: int = -1

    def answer(self, name: str) -> str:
        """What stands in SQL for the call of that name."""
        value = int(getattr(self, name))
        text = str(value) if value >= 0 else f"({value})"
        return f"{text}::bigint" if name == "unload_count" else text


def answered(sql: str, last: Last) -> str:
    """The statement with the session's own answers, which stand in no literal, quoted name or comment."""
    if "pg_last_" not in sql.lower():
        return sql
    result = ""
    for kept, tokens in groupby(tokenize(sql), lambda t: t.text[:1] in "'$\"/-" or t.kind is Kind.STRING):
        piece = join(list(tokens))
        result += piece if kept else _CALL.sub(lambda m: last.answer(m[1].lower()), piece)
    return result
