"""MERGE ... REMOVE DUPLICATES: matched rows give way to the source's, whose other rows are inserted.

Redshift's other forms of MERGE are PostgreSQL's own.
https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
"""

from redshift_gateway.errors import syntax_error
from redshift_gateway.statements.lexer import Kind, Token, join, quote_literal, significant


def rewrite(tokens: list[Token]) -> str:
    """One statement that deletes what matches and then inserts the source's rows; nothing for another MERGE.

    The check is made on what was there before, and after the deletion, which it counts.
    """
    found = significant(tokens)
    words = [t.word for t in found]
    if words[-2:] != ["remove", "duplicates"] or words[:2] != ["merge", "into"]:
        return ""
    using = _at(found, 2, "using")
    on = _at(found, using + 1, "on")
    if any(t.word == "when" for t in _outside(found[on:])):
        raise syntax_error("MERGE with REMOVE DUPLICATES takes no WHEN clause")
    target, source = _text(tokens, 2, using), _text(tokens, using + 1, on)
    condition = _text(tokens, on + 1, len(found) - 2)
    target_name, source_name = join(found[2 : _end_of_name(found, 2)]), found[on - 1].text
    return (  # the statement's own text, put together otherwise
        f"with _merged as (delete from {target} using {source} where {condition} returning 1) "  # noqa: S608
        f"insert into {target_name} select * from {source} where redshift_gateway.merge_check("
        f"{quote_literal(target_name)}, (select pg_catalog.row_to_json({source_name}) from {source} limit 1), "
        f"(select count(*) from {target}, {source} where {condition}), (select count(*) from _merged))"
    )


def _outside(found: list[Token]) -> list[Token]:
    """The tokens that stand in no parentheses."""
    depth, result = 0, []
    for token in found:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            result.append(token)
    return result


def _at(found: list[Token], start: int, word: str) -> int:
    """The place of a word of the statement itself, not of a subquery."""
    clause = next((t for t in _outside(found[start:]) if t.word == word), None)
    if clause is None:
        raise syntax_error(f'MERGE: expected "{word}"')
    return next(n for n, t in enumerate(found) if t is clause)


def _text(tokens: list[Token], start: int, end: int) -> str:
    """The statement's text from one significant token up to another, with the space between."""
    places = [n for n, t in enumerate(tokens) if t.kind is not Kind.SPACE]
    return join(tokens[places[start] : places[end - 1] + 1])


def _end_of_name(found: list[Token], start: int) -> int:
    end = start + 1
    while found[end : end + 1] and found[end].text == ".":
        end += 2
    return end
