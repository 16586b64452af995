"""From Redshift's SQL to PostgreSQL's. What both understand is not even tokenised."""

import re
from dataclasses import dataclass, field

from redshift_gateway.errors import not_supported
from redshift_gateway.partiql import navigation
from redshift_gateway.statements.copy import CopyStatement
from redshift_gateway.statements.copy_parser import is_copy_from_location, parse_copy
from redshift_gateway.statements.lexer import Kind, Token, join, quote_name, significant, statements, tokenize
from redshift_gateway.statements.unload import UnloadStatement
from redshift_gateway.statements.unload_parser import is_unload, parse_unload, with_escapes
from redshift_gateway.translation import alter, commands, ddl, functions, maintenance, merge, parameters, refused, show
from redshift_gateway.translation.answers import WORDS as ANSWERED
from redshift_gateway.translation.answers import Last, answered

# Words that may need translation: one pass of the regex engine over a statement that has none of them is all it costs.
_MAY_DIFFER = re.compile(
    rb"#[A-Za-z_\x80-\xff]|\b(?:copy|unload|"
    + b"|".join(
        w.encode()
        for w in sorted(
            ddl.WORDS | alter.WORDS | maintenance.WORDS | parameters.WORDS | refused.WORDS | functions.WORDS | ANSWERED
        )
    )
    + rb"|create\s+(?:local\s+)?(?:temp\w*\s+)?table|alter\s+table|auto\s+refresh|with\s+offset"
    rb"|as\s+(?:numeric|dec|decimal)(?=\s*\)))\b"
    rb"|\]\.|\(\s*max\s*\)|::\s*(?:numeric|dec|decimal)\b(?!\s*\()|" + commands.LOOKED_AT,
    re.IGNORECASE,
)
_DEFINITIONS = (
    ["create", "table"], ["create", "temp"], ["create", "temporary"], ["create", "local"], ["create", "materialized"],
    ["alter", "table"],
)  # fmt: skip
_FROM_STDIN = re.compile(r"\s*copy\b.*\bstdin\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Translation:
    """A query string cut into statements. `copies` and `unloads` say which of them S3 is for."""

    statements: list[str]
    copies: dict[int, CopyStatement] = field(default_factory=dict)
    unloads: dict[int, UnloadStatement] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # as the client wrote them; only of a string with transfers

    @property
    def transfers(self) -> bool:
        """Whether any statement loads from S3 or unloads to it."""
        return bool(self.copies or self.unloads)

    def changes(self, sql: str) -> bool:
        """Whether PostgreSQL gets anything else than the query string, but for the semicolon at its end."""
        return self.transfers or "; ".join(self.statements).strip() != sql.strip().rstrip(";").rstrip()

    @property
    def needs_block(self) -> bool:
        """Whether the statements are one transaction only because they came in one string."""
        return len(self.statements) > 1 and self.statements[0].lower().split()[:1] not in (["begin"], ["start"])


def may_differ(sql: bytes) -> bool:
    """Whether a statement holds anything that could mean something else, or nothing, to PostgreSQL."""
    return _MAY_DIFFER.search(sql) is not None or navigation.may_navigate(sql)


def translate(sql: str, last: Last | None = None) -> Translation:
    """The statements of `sql` for PostgreSQL. Raises GatewayError for what the gateway refuses.

    `last` is what the session did last.
    """
    translated: list[str] = []
    copies: dict[int, CopyStatement] = {}
    unloads: dict[int, UnloadStatement] = {}
    pieces = list(statements(tokenize(with_escapes(sql))))
    for position, statement in enumerate(pieces):
        if is_copy_from_location(statement):
            copies[position] = parse_copy(statement)
            translated.append("")
        elif is_unload(statement):
            unloads[position] = parse_unload(statement, _statement)
            translated.append("")
        else:
            translated.append(answered(_statement(statement), last or Last()))
    if (copies or unloads) and any(_FROM_STDIN.match(s) for s in translated):
        raise not_supported("COPY FROM STDIN and COPY or UNLOAD with S3 in one query string")
    said = [join(piece).strip() for piece in pieces] if copies or unloads else []
    return Translation(translated, copies, unloads, said)


def _statement(tokens: list[Token]) -> str:
    words = [t.word for t in significant(tokens)]
    if words[0] == "show" and (shown := show.translate(tokens)):
        return shown
    refused.check(words)
    tokens = commands.translate(tokens)
    if words[:2] == ["alter", "table"] and (altered := alter.translate(tokens)):
        return altered
    if words[:2] in _DEFINITIONS:
        kept, attributes = ddl.translate(tokens)
        return ddl.keeping(functions.translate(_temporary_names(kept)), kept, attributes)
    if words[0] in ("set", "show", "reset") and (parameter := parameters.translate(tokens)):
        return parameter
    if words[0] in maintenance.WORDS:
        return maintenance.translate(tokens)
    if words[:1] == ["merge"] and (merged := merge.rewrite(tokens)):
        return functions.translate(_temporary_names(tokenize(merged)))
    if words[:1] == ["create"] and "view" in words[:4]:
        tokens = ddl.without_binding(tokens)
    return functions.translate(_temporary_names(tokens))


def _temporary_names(tokens: list[Token]) -> list[Token]:
    """`#t` becomes `"#t"`, which PostgreSQL takes as a name; what creates it creates a temporary table or view."""
    if not any(t.kind is Kind.TEMP for t in tokens):
        return tokens
    first = next(t.word for t in significant(tokens))
    result: list[Token] = []
    for token in tokens:
        if token.kind is Kind.TEMP:
            if (place := _place_of_temp(first, result)) is not None:
                result.insert(place, Token(Kind.WORD, "TEMP "))
            token = Token(Kind.QUOTED, quote_name(token.text.lower()))  # noqa: PLW2901
        result.append(token)
    return result


def _place_of_temp(first: str, before: list[Token]) -> int | None:
    """Where TEMP must stand if the name that follows is a new one's: SELECT ... INTO #t, CREATE VIEW #v.

    (CREATE TABLE #t is ddl's.)
    """
    words = [t.word for t in significant(before)]
    if words in (["create", "view"], ["create", "or", "replace", "view"]):
        return next(n for n, t in enumerate(before) if t.word == "view")
    return len(before) if words[-1:] == ["into"] and first in ("select", "with") else None
