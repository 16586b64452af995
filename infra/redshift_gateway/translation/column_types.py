"""Types of columns that mean another thing, or nothing, to PostgreSQL: without a length, or of Redshift's own name.

A VARCHAR or TEXT column without a length holds 256 bytes, BPCHAR is CHAR(256), and NUMERIC is NUMERIC(18, 0), which
rounds to whole numbers. In an expression VARCHAR has no such length, but NUMERIC is the same.
https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
"""

from typing import Final

from redshift_gateway.statements.lexer import Kind, Token

NAMES: Final = {"super": "jsonb", "nvarchar": "varchar"}
NUMERIC: Final = frozenset({"numeric", "decimal", "dec"})
BEFORE_VARYING: Final = frozenset({"character", "char", "national", "nchar"})
_FIXED: Final = BEFORE_VARYING | {"bpchar"}
_WITHOUT_LENGTH: Final = {
    "varchar": "varchar(256)", "nvarchar": "varchar(256)", "text": "varchar(256)", "varying": "varying(256)",
    "bpchar": "char(256)",
}  # fmt: skip


def sized(token: Token, last: str, following: str) -> Token:
    """The type's name as PostgreSQL knows it, with Redshift's length where none follows; arrays stay."""
    word = token.word
    if following not in ("(", "["):
        if word in _WITHOUT_LENGTH and (word != "varying" or last in BEFORE_VARYING):
            return Token(Kind.WORD, _WITHOUT_LENGTH[word])
        if word in NUMERIC:
            return Token(Kind.WORD, f"{word}(18,0)")
    return Token(Kind.WORD, NAMES[word]) if word in NAMES else token


def maximum(before: list[str]) -> Token:
    """The MAX of CHAR(MAX) and VARCHAR(MAX), given the words before it."""
    return Token(Kind.NUMBER, "4096" if before[-2:-1] and before[-2] in _FIXED else "65535")
