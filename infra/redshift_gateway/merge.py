"""MERGE ... REMOVE DUPLICATES: matched rows give way to the source's, of which each is inserted once.

Redshift's other forms of MERGE are PostgreSQL's own.
https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
"""

from redshift_gateway.errors import syntax_error
from redshift_gateway.lexer import Kind, Token, join, significant


def rewrite(tokens: list[Token]) -> str:
    """One statement that deletes what matches and then inserts the source's rows; nothing for another MERGE."""
    found = significant(tokens)
    words = [t.word for t in found]
    if words[-2:] != ["remove", "duplicates"] or words[:2] != ["merge", "into"]:
        return ""
    using, on = _at(words, "using"), _at(words, "on")
    if "when" in words:
        raise syntax_error("MERGE with REMOVE DUPLICATES takes no WHEN clause")
    target, source = _text(tokens, 2, using), _text(tokens, using + 1, on)
    condition = _text(tokens, on + 1, len(found) - 2)
    target_name = join(found[2 : _end_of_name(found, 2)])
    source_name = join(found[using + 1 : _end_of_name(found, using + 1)])
    return (  # the statement's own text, put together otherwise
        f"with _merged as (delete from {target} using {source} where {condition} returning 1) "  # noqa: S608
        f"insert into {target_name} select distinct * from {source_name} "
        "where (select count(*) from _merged) >= 0"  # the deletion is done before the first row is inserted
    )


def _at(words: list[str], word: str) -> int:
    if word not in words:
        raise syntax_error(f'MERGE: expected "{word}"')
    return words.index(word)


def _text(tokens: list[Token], start: int, end: int) -> str:
    """The statement's text from one significant token up to another, with the space between."""
    places = [n for n, t in enumerate(tokens) if t.kind is not Kind.SPACE]
    return join(tokens[places[start] : places[end - 1] + 1])


def _end_of_name(found: list[Token], start: int) -> int:
    end = start + 1
    while found[end : end + 1] and found[end].text == ".":
        end += 2
    return end
