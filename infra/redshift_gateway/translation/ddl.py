"""Redshift's CREATE TABLE and ALTER TABLE for PostgreSQL. The table attributes come out, and are kept beside the table.

https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
"""

from itertools import pairwise

from redshift_gateway.errors import not_supported, syntax_error
from redshift_gateway.statements.lexer import Kind, Token, identifier, join, significant
from redshift_gateway.translation import column_types
from redshift_gateway.translation.attributes import Attributes, creating

WORDS = frozenset({
    "distkey", "sortkey", "diststyle", "encode", "identity", "backup", "super", "nvarchar", "binding",
    "case_sensitive", "case_insensitive",
})  # fmt: skip
_ATTRIBUTES = ("diststyle", "distkey", "sortkey", "encode", "backup")
_BEFORE_A_NAME = ("(", ",", "column", "table", "add")  # what follows is a column's name, whatever word it is
_AFTER_IDENTITY = ("(", ",", ")", "not", "null", "primary", "unique", "encode", "distkey", "sortkey")
_STYLES = ("even", "key", "all", "auto")


class Definition:
    """Reads a CREATE or ALTER TABLE from the left; what PostgreSQL knows is kept, the rest noted as attributes."""

    def __init__(self, tokens: list[Token]) -> None:
        """Nothing is read until `read`."""
        self.rest = list(tokens)
        self.kept: list[Token] = []
        self.attributes = Attributes()
        self._depth = 0
        self._column = ""
        self._is_type = False  # a type comes next
        self._in_query = False  # after the AS of CREATE TABLE ... AS

    def read(self) -> "Definition":
        """Reads to the end. Raises GatewayError when it does not parse."""
        while self.rest:
            self._token(self.rest.pop(0))
        return self

    def _token(self, token: Token) -> None:
        word, last = token.word, _last(self.kept)
        if word in ("compound", "interleaved") and _next(self.rest) == "sortkey":
            self.attributes.sortstyle = word
        elif word == "auto" and _next(self.rest) == "refresh":
            self._auto_refresh()
        elif word not in WORDS or last in _BEFORE_A_NAME:
            self._keep(token, last)
        elif word == "identity" and not self._in_query:
            self.kept += _identity(self.kept, self.rest)
        elif word in _ATTRIBUTES and not self._in_query:
            getattr(self, f"_{word}")()
        elif word in ("case_sensitive", "case_insensitive") and last == "collate":
            self._collate(word)
        elif word in column_types.NAMES:
            self.kept.append(column_types.sized(token, last, _next(self.rest)))
        else:
            self.kept.append(token)

    def _keep(self, token: Token, last: str) -> None:
        self._depth += {"(": 1, ")": -1}.get(token.text, 0)
        if self._depth == 0 and token.word == "as":
            self._in_query = True
        if token.word == "like" and last == "(":
            self.attributes.like = join(_name(significant(self.rest)))
        if token.word == "max" and last == "(" and _next(self.rest) == ")":
            token = column_types.maximum([t.word for t in significant(self.kept)])
        elif self._is_type and not self._in_query:
            token = column_types.sized(token, last, _next(self.rest))
        if token.kind is not Kind.SPACE:
            self._is_type = self._begins_type(token, last)
        self.kept.append(token)

    def _begins_type(self, token: Token, last: str) -> bool:
        """Whether a type follows: after a new column's name, the TYPE of ALTER COLUMN, or a type's first word."""
        if token.kind in (Kind.WORD, Kind.QUOTED) and (
            (self._depth == 1 and last in ("(", ",")) or (self._depth == 0 and last in ("add", "column"))
        ):
            self._column = identifier(token)
            return token.word not in ("column", "like")
        altered = self._depth == 0 and token.word == "type"
        return altered or (self._is_type and token.word in column_types.BEFORE_VARYING)

    def _collate(self, word: str) -> None:
        """Redshift's names of collations: to tell case apart is PostgreSQL's way too."""
        if word == "case_insensitive":
            raise not_supported("COLLATE CASE_INSENSITIVE", "Compare lower(column) with a text in lower case.")
        while self.kept.pop().word != "collate":
            pass

    def _diststyle(self) -> None:
        self.attributes.diststyle = self._take(*_STYLES)

    def _encode(self) -> None:
        encoding = self._take()
        if self._depth:
            self.attributes.encodings[self._column] = encoding
        else:
            self.attributes.encode_auto = True

    def _backup(self) -> None:
        self.attributes.backup = self._take("yes", "no") == "yes"

    def _distkey(self) -> None:
        names = _names(take_parentheses(self.rest)) or [self._column]
        if self.attributes.distkey:
            raise syntax_error("a table has one DISTKEY")
        self.attributes.diststyle, self.attributes.distkey = self.attributes.diststyle or "key", names[0]

    def _sortkey(self) -> None:
        names = _names(take_parentheses(self.rest))
        if not names and _next(self.rest) in ("auto", "none"):
            self.attributes.sortstyle = self._take()
        elif names or self._depth:
            self.attributes.sortkey = names or [self._column]

    def _auto_refresh(self) -> None:
        self.rest = self.rest[self.rest.index(next(t for t in self.rest if t.word == "refresh")) + 1 :]
        if self._take("yes", "no") == "yes":
            raise not_supported("AUTO REFRESH YES", "REFRESH MATERIALIZED VIEW does it when you want it.")

    def _take(self, *allowed: str) -> str:
        _skip_space(self.rest)
        if not self.rest or (allowed and self.rest[0].word not in allowed):
            raise syntax_error("syntax error in table attributes")
        return self.rest.pop(0).text.lower()


def translate(tokens: list[Token]) -> tuple[list[Token], Attributes]:
    """CREATE TABLE or ALTER TABLE without what only Redshift knows. Raises GatewayError when it does not parse."""
    read = Definition(tokens).read()
    read.attributes.check()
    return _temporary_table(read.kept), read.attributes


def keeping(sql: str, tokens: list[Token], attributes: Attributes) -> str:
    """The translated CREATE TABLE with what its attributes say kept. Temporary tables are gone too soon for that."""
    words = [t.word for t in significant(tokens)]
    if not attributes or words[:2] != ["create", "table"]:
        return sql
    if _has_parameters(tokens):
        raise not_supported("a parameter in a CREATE TABLE with table attributes")
    return creating(sql, join(created_name(significant(tokens))), attributes)


def without_binding(tokens: list[Token]) -> list[Token]:
    """CREATE VIEW without WITH NO SCHEMA BINDING: PostgreSQL binds every view."""
    found = significant(tokens)
    if [t.word for t in found[-4:]] != ["with", "no", "schema", "binding"]:
        return tokens
    gone = [id(t) for t in found[-4:]]
    return [t for t in tokens if id(t) not in gone]


def created_name(found: list[Token]) -> list[Token]:
    """The name after CREATE TABLE [IF NOT EXISTS], of the statement's tokens without space."""
    after = found[2:]
    return _name(after[3:] if [t.word for t in after[:3]] == ["if", "not", "exists"] else after)


def _name(found: list[Token]) -> list[Token]:
    """The name that the tokens begin with, its schema included."""
    end = 1
    while found[end : end + 1] and found[end].text == ".":
        end += 2
    return found[:end]


def _has_parameters(tokens: list[Token]) -> bool:
    return any(a.text == "$" and b.kind is Kind.NUMBER for a, b in pairwise(tokens))


def _temporary_table(tokens: list[Token]) -> list[Token]:
    """CREATE TABLE #t creates a temporary table."""
    found = significant(tokens)
    if [t.word for t in found[:2]] != ["create", "table"] or all(t.kind is not Kind.TEMP for t in found[2:6]):
        return tokens
    if created_name(found)[0].kind is not Kind.TEMP:
        return tokens
    at = tokens.index(found[1])
    return [*tokens[:at], Token(Kind.WORD, "TEMP "), *tokens[at:]]


def _identity(kept: list[Token], rest: list[Token]) -> list[Token]:
    """IDENTITY(seed, step) as PostgreSQL's identity column. Redshift refuses explicit values; so does ALWAYS."""
    before = [t.word for t in significant(kept)[-4:]]
    if _next(rest) not in _AFTER_IDENTITY or before[-1:] in (["drop"], ["including"], ["excluding"]):
        return [Token(Kind.WORD, "identity")]  # ALTER TABLE ... DROP IDENTITY IF EXISTS and the like
    options = take_parentheses(rest)
    if any(t.kind is Kind.WORD for t in options):
        return [Token(Kind.WORD, "identity"), *options]  # PostgreSQL's own options
    numbers = [t.text for t in options if t.kind is Kind.NUMBER or t.text == "-"]
    seed, _, step = " ".join(numbers or ["1"]).replace("- ", "-").partition(" ")
    start = "IDENTITY" if before[-1:] == ["as"] else "GENERATED ALWAYS AS IDENTITY"
    return [Token(Kind.WORD, f"{start} (START WITH {seed} INCREMENT BY {step or 1} MINVALUE {min(int(seed), 1)})")]


def _next(rest: list[Token]) -> str:
    return next((t.word for t in rest if t.kind is not Kind.SPACE), "")


def _last(kept: list[Token]) -> str:
    return next((t.word for t in reversed(kept) if t.kind is not Kind.SPACE), "")


def _skip_space(rest: list[Token]) -> None:
    while rest and rest[0].kind is Kind.SPACE:
        rest.pop(0)


def _names(parentheses: list[Token]) -> list[str | int]:
    """The columns of a key, by name or, in CREATE TABLE AS, by number."""
    return [
        int(t.text) if t.kind is Kind.NUMBER else identifier(t)
        for t in parentheses
        if t.kind in (Kind.WORD, Kind.QUOTED, Kind.NUMBER)
    ]


def take_parentheses(rest: list[Token]) -> list[Token]:
    """What stands in the parentheses that come next, which are consumed; nothing if none come next."""
    if _next(rest) != "(":
        return []
    _skip_space(rest)
    taken: list[Token] = []
    depth = 0
    while rest:
        token = rest.pop(0)
        taken.append(token)
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            return taken
    raise syntax_error("unbalanced parentheses")
