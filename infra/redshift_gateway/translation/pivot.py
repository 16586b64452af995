"""PIVOT and UNPIVOT of a subquery in FROM: columns out of rows, and rows out of columns.

All columns that PIVOT does not name are those that it groups by, so they must be known: the subquery has to list them.
(UNPIVOT of a SUPER value is partiql's.)
https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html
"""

from typing import Final

from redshift_gateway.errors import GatewayError, not_supported
from redshift_gateway.statements.lexer import (
    Kind,
    Token,
    closing,
    identifier,
    join,
    literal,
    quote_literal,
    quote_name,
    tokenize,
)

WORDS: Final = frozenset({"pivot", "unpivot"})
_AGGREGATES: Final = frozenset({"avg", "count", "max", "min", "sum"})
_SOURCE, _OPENED = "_pivoted", "_unpivoted"


def rewrite(tokens: list[Token]) -> list[Token]:
    """The statement with a subquery in place of each. Raises GatewayError for what cannot be rewritten."""
    found = [t for t in tokens if t.kind is not Kind.SPACE]
    for place, token in enumerate(found):
        start = _subquery(found, place) if token.word in WORDS else None
        if start is None:
            continue
        opens = next((n for n in range(place + 1, len(found)) if found[n].text == "("), place)
        close = closing(found, opens)
        source, options = found[start:place], [t.word for t in found[place + 1 : opens]]
        write = _pivot if token.word == "pivot" else _unpivot
        written = write(_Text(tokens), source, options, found[opens + 1 : close])
        before, after = tokens[: _index(tokens, found[start])], tokens[_index(tokens, found[close]) + 1 :]
        return rewrite([*before, *tokenize(f"({written})"), *after])
    return tokens


class _Text:
    """The statement, of which parts are cut out with what stands between their tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        """Of these tokens."""
        self._tokens = tokens

    def of(self, part: list[Token]) -> str:
        """What stands from the first to the last of the tokens."""
        return join(self._tokens[_index(self._tokens, part[0]) : _index(self._tokens, part[-1]) + 1])


def _pivot(text: _Text, source: list[Token], options: list[str], inside: list[Token]) -> str:
    at = _at(inside, "for")
    aggregate, alias = _named(inside[:at])
    column = inside[at + 1 : _at(inside, "in")]
    function = aggregate[0].word if aggregate else ""
    one_call = len(aggregate) > 2 and closing(aggregate, 1) == len(aggregate) - 1
    if options or function not in _AGGREGATES or not one_call or len(column) != 1:
        raise _refused("PIVOT", "of another form than one AVG, COUNT, MAX, MIN or SUM for one column")
    used = _columns_in(aggregate[1:]) | _columns_in(column)
    kept = [quote_name(c) for c in _columns(source, "PIVOT") if c not in used]
    columns = list(kept)
    for value in _listed(inside, "PIVOT"):
        said, name = _named(value)
        name = name or _name_of(said)
        condition = f"{text.of(column)} {'IS NULL' if said[0].word == 'null' else f'= {text.of(said)}'}"
        shown = quote_name(f"{name}_{alias}" if alias else name)
        columns.append(f"{text.of(aggregate)} FILTER (WHERE {condition}) AS {shown}")
    grouped = f" GROUP BY {', '.join(kept)}" if kept else ""
    return f"SELECT {', '.join(columns)} FROM {_aliased(text, source)}{grouped}"  # noqa: S608 - the statement's own text


def _unpivot(text: _Text, source: list[Token], options: list[str], inside: list[Token]) -> str:
    value, name = inside[: _at(inside, "for")], inside[_at(inside, "for") + 1 : _at(inside, "in")]
    if options not in ([], ["include", "nulls"], ["exclude", "nulls"]) or (len(value), len(name)) != (1, 1):
        raise _refused("UNPIVOT", "of another form than AWS' page has")
    rows, used = [], set()
    for item in _listed(inside, "UNPIVOT"):
        column, alias = _named(item)
        if len(column) != 1 or column[0].kind not in (Kind.WORD, Kind.QUOTED):
            raise _refused("UNPIVOT", "of what is no column")
        used.add(identifier(column[0]))
        rows.append(f"({quote_literal(alias or identifier(column[0]))}, {column[0].text})")
    value_name, name_name = quote_name(identifier(value[0])), quote_name(identifier(name[0]))
    columns = [quote_name(c) for c in _columns(source, "UNPIVOT") if c not in used]
    shown = ", ".join([*columns, f"{_OPENED}.{name_name}", f"{_OPENED}.{value_name}"])
    where = "" if options[:1] == ["include"] else f" WHERE {_OPENED}.{value_name} IS NOT NULL"
    opened = f"CROSS JOIN LATERAL (VALUES {', '.join(rows)}) AS {_OPENED} ({name_name}, {value_name})"
    return f"SELECT {shown} FROM {_aliased(text, source)} {opened}{where}"  # noqa: S608 - the statement's own text


def _subquery(found: list[Token], place: int) -> int | None:
    """Where the subquery begins that is pivoted; None where the word is a name, or another clause's to refuse."""
    end = place - 1
    for _ in range(2):  # its alias, and AS
        if end > 0 and found[end].text != ")" and (found[end].kind is Kind.QUOTED or found[end].kind is Kind.WORD):
            end -= 1
    following = [t.word for t in found[place + 1 : place + 4]]
    if found[end].text != ")" or not (following[:1] == ["("] or following[1:] == ["nulls", "("]):
        return None
    depth = 0
    for start in range(end, 0, -1):
        depth += {")": 1, "(": -1}.get(found[start].text, 0)
        if depth == 0:
            from_it = found[start - 1].word in ("from", "join", ",") and found[start + 1].word == "select"
            return start if from_it else None
    return None


def _columns(source: list[Token], clause: str) -> list[str]:
    """The names of the columns that the subquery lists."""
    items: list[list[Token]] = [[]]
    depth = 0
    for token in source[2:]:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if depth < 0 or (depth == 0 and token.word == "from"):
            break
        if depth == 0 and token.text == ",":
            items.append([])
        elif items != [[]] or token.word not in ("distinct", "all"):
            items[-1].append(token)
    names = [_column(item) for item in items]
    if "" in names or len(set(names)) < len(names):
        hint = "Pivot (SELECT a, b AS c FROM t), with a name for each column, in place of the table."
        raise _refused(clause, "of columns that the statement does not name", hint)
    return names


def _columns_in(part: list[Token]) -> set[str]:
    """What an expression may name as columns: neither functions, nor types, nor what stands before a dot."""
    found = set()
    for before, token, after in zip([None, *part], part, [*part[1:], None], strict=False):
        typed = before is not None and (before.text == ":" or before.word in ("as", "double", "character"))
        named = token.kind in (Kind.WORD, Kind.QUOTED) and not (after is not None and after.text in ("(", "."))
        if named and not typed:
            found.add(identifier(token))
    return found


def _column(item: list[Token]) -> str:
    """`a`, `t.a` and `... AS a`; nothing for any other."""
    named = bool(item) and item[-1].kind in (Kind.WORD, Kind.QUOTED)
    plain = len(item) == 1 or (len(item) > 2 and (item[-2].word == "as" or [t.text for t in item[1::2]] == ["."]))
    return identifier(item[-1]) if named and plain else ""


def _listed(inside: list[Token], clause: str) -> list[list[Token]]:
    """The items of IN (...)."""
    opens = _at(inside, "in") + 1
    if opens >= len(inside) or closing(inside, opens) != len(inside) - 1:
        raise _refused(clause, "without a list")
    items: list[list[Token]] = [[]]
    for token in inside[opens + 1 : -1]:
        if token.text == ",":
            items.append([])
        else:
            items[-1].append(token)
    queried = any(item and item[0].word in ("select", "with", "values") for item in items)
    if queried or [] in items or any(t.text in ("(", ")") for item in items for t in item):
        raise _refused(clause, "of a list that holds other than values and names")
    return items


def _named(item: list[Token]) -> tuple[list[Token], str]:
    """What is named, and its alias, which may come without AS after a word, a value or a call."""
    if len(item) > 1 and item[-1].kind in (Kind.WORD, Kind.QUOTED):
        if item[-2].word == "as":
            return item[:-2], identifier(item[-1])
        if item[-2].kind is not Kind.OTHER or item[-2].text == ")":
            return item[:-1], identifier(item[-1])
    return item, ""


def _name_of(value: list[Token]) -> str:
    """A value's name as a column."""
    if len(value) != 1 or value[0].kind not in (Kind.STRING, Kind.NUMBER, Kind.WORD):
        raise _refused("PIVOT", "of a value without a name", "Write IN (value AS name).")
    return literal(value[0]).lower() if value[0].kind is Kind.STRING else value[0].text.lower()


def _aliased(text: _Text, source: list[Token]) -> str:
    return text.of(source) if source[-1].text != ")" else f"{text.of(source)} AS {_SOURCE}"


def _at(tokens: list[Token], word: str) -> int:
    """Where the word stands outside parentheses; after the end if nowhere."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.word == word:
            return place
    return len(tokens)


def _index(tokens: list[Token], wanted: Token) -> int:
    return next(n for n, token in enumerate(tokens) if token is wanted)


def _refused(clause: str, what: str, hint: str = "") -> GatewayError:
    return not_supported(f"{clause} {what}", hint)
