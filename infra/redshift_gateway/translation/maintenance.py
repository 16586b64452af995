"""ANALYZE and VACUUM in Redshift's forms. There is no sort order to restore here: what is left is PostgreSQL's VACUUM.

https://docs.aws.amazon.com/redshift/latest/dg/r_VACUUM_command.html
https://docs.aws.amazon.com/redshift/latest/dg/r_ANALYZE.html
"""

from redshift_gateway.errors import not_supported, syntax_error
from redshift_gateway.statements.lexer import Kind, Token, significant

WORDS = frozenset({"vacuum", "analyze"})
_KINDS = (["full"], ["sort", "only"], ["delete", "only"], ["reindex"], ["recluster"])


def translate(tokens: list[Token]) -> str:
    """The statement for PostgreSQL. Raises GatewayError for what Redshift or the gateway refuses."""
    found = significant(tokens)
    return _vacuum(found) if found[0].word == "vacuum" else _analyze(found)


def _vacuum(found: list[Token]) -> str:
    rest, chosen = found[1:], [""]
    for kind in _KINDS:
        if [t.word for t in rest[: len(kind)]] == kind:
            rest, chosen = rest[len(kind) :], kind
            break
    if rest and rest[-1].word == "boost":
        rest = rest[:-1]
    if [t.word for t in rest[-3:-1] if t.kind is not Kind.NUMBER] == ["to"] and rest[-1].word == "percent":
        rest = rest[:-3]
        if not rest or chosen == ["reindex"]:
            raise syntax_error("VACUUM ... TO threshold PERCENT needs a table, and is not for REINDEX")
    return " ".join(["vacuum", *(t.text for t in rest)])


def _analyze(found: list[Token]) -> str:
    words = [t.word for t in found]
    if words[1:2] == ["compression"]:
        raise not_supported("ANALYZE COMPRESSION", "PostgreSQL's columns have no encodings to propose.")
    if words[-2:] in (["predicate", "columns"], ["all", "columns"]):
        found = found[:-2]
    return " ".join(t.text for t in found)
