"""Tokens of SQL, enough to find statements, words and `#temp` names without touching strings or comments.

Redshift and PostgreSQL share their lexical rules but for `#name`. Every character of the input is in exactly one token,
so joining the tokens gives the statement back as it was.
"""

import re
from dataclasses import dataclass
from enum import Enum

from redshift_gateway.errors import syntax_error


class Kind(Enum):
    """What a token is."""

    SPACE = "space"  # white space and comments
    WORD = "word"  # a keyword or an unquoted name
    TEMP = "temp"  # #name
    QUOTED = "quoted"  # "name"
    STRING = "string"  # 'text', E'text', $$text$$
    NUMBER = "number"
    OTHER = "other"  # operators and punctuation, one character each


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement."""

    kind: Kind
    text: str

    @property
    def word(self) -> str:
        """The token's text in lower case if it is a word or a punctuation mark, else nothing."""
        return self.text.lower() if self.kind in (Kind.WORD, Kind.OTHER) else ""


_TOKEN = re.compile(
    r"""(?P<space>(?:\s|--[^\n\r]*)+)
      | (?P<comment>/\*)
      | (?P<string>(?:[eE]'(?:[^'\\]|\\.|'')*' | [uU]&'(?:[^']|'')*' | [xXbBnN]?'(?:[^']|'')*'))
      | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff]\w*)?)\$)
      | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
      | (?P<temp>\#[A-Za-z_\x80-\U0010ffff][\w$]*)
      | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*)
      | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")


def tokenize(sql: str) -> list[Token]:
    """The tokens of `sql`. An unclosed string or comment runs to the end; PostgreSQL will complain about it."""
    tokens: list[Token] = []
    position = 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        if match is None:  # cannot happen: the last alternative takes any character
            break
        group, end = match.lastgroup, match.end()
        if group == "comment":
            end, group = _comment_end(sql, end), "space"
        elif group == "dollar":
            end, group = _dollar_end(sql, match.group("dollar"), end), "string"
        elif match.group("other") in ("'", '"'):
            end, group = len(sql), "string"
        tokens.append(Token(Kind(group), sql[position:end]))
        position = end
    return tokens


def _comment_end(sql: str, position: int) -> int:
    """Where the block comment ends: they nest in PostgreSQL."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(sql, position):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(sql)


def _dollar_end(sql: str, quote: str, position: int) -> int:
    end = sql.find(quote, position)
    return len(sql) if end < 0 else end + len(quote)


def statements(tokens: list[Token]) -> list[list[Token]]:
    """The tokens of each statement, without the semicolons between them and without empty statements."""
    found: list[list[Token]] = [[]]
    for token in tokens:
        if token.text == ";":
            found.append([])
        else:
            found[-1].append(token)
    return [s for s in found if any(t.kind is not Kind.SPACE for t in s)]


def join(tokens: list[Token]) -> str:
    """The tokens as SQL again."""
    return "".join(t.text for t in tokens)


def significant(tokens: list[Token]) -> list[Token]:
    """The tokens without white space and comments."""
    return [t for t in tokens if t.kind is not Kind.SPACE]


def closing(tokens: list[Token], start: int) -> int:
    """Where the parenthesis that opens at `start` closes. Raises GatewayError if it never does."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place].text, 0)
        if depth == 0:
            return place
    raise syntax_error("unbalanced parentheses")


def literal(token: Token) -> str:
    """The value of a string token. E'' escapes other than a quote and a backslash are kept as written."""
    body = token.text
    if body.startswith("$"):
        quote = body[: body.index("$", 1) + 1]
        return body[len(quote) : -len(quote)]
    escaped = body[:1] in "eE"
    body = body[body.index("'") + 1 : -1].replace("''", "'")
    return re.sub(r"\\(['\\])", r"\1", body).replace(r"\t", "\t") if escaped else body


def identifier(token: Token) -> str:
    """The name that a token means: unquoted names fold to lower case, as both databases do."""
    if token.kind is Kind.QUOTED:
        return token.text[1:-1].replace('""', '"')
    return token.text.lower()


def quote_name(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str) -> str:
    """A text as a string literal that means the same whatever standard_conforming_strings says."""
    quoted = "'" + value.replace("'", "''").replace("\\", "\\\\") + "'"
    return f" E{quoted}" if "\\" in value else quoted
