"""Calls whose form only Redshift has: LISTAGG, RATIO_TO_REPORT, DECODE, APPROXIMATE, and the TOP of a SELECT.

https://docs.aws.amazon.com/redshift/latest/dg/r_LISTAGG.html
https://docs.aws.amazon.com/redshift/latest/dg/r_WF_RATIO_TO_REPORT.html
https://docs.aws.amazon.com/redshift/latest/dg/r_DECODE_expression.html
https://docs.aws.amazon.com/redshift/latest/dg/r_CAST_function.html
https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html
"""

import re
from collections.abc import Callable

from redshift_gateway.errors import not_supported, syntax_error
from redshift_gateway.statements.lexer import Kind, Token, closing, join

_FRAME = " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
_MINIMUM_OF_DECODE = 3
_PART = re.compile(r"""['"]?(\w+)['"]?\s*\bfrom\b(.*)""", re.IGNORECASE | re.DOTALL)


def rewrite(tokens: list[Token]) -> list[Token]:
    """The statement with these calls as PostgreSQL writes them. Calls within calls are rewritten too."""
    result: list[Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.word == "approximate" and _word_at(tokens, position + 1) in ("count", "percentile_disc"):
            position = _after_space(tokens, position + 1)
            continue
        form = _FORMS.get(token.word)
        if form is None or _word_at(tokens, position + 1) != "(" or not _is_call(result):
            result.append(token)
            position += 1
            continue
        call = Call(tokens, position)
        result.append(Token(Kind.WORD, form(call)))
        position = call.end
    return _without_top(result)


def _is_call(before: list[Token]) -> bool:
    """Whether a parenthesis after the next word makes it a call: not where the statement names something so."""
    last = next((t for t in reversed(before) if t.kind is not Kind.SPACE), None)
    return last is None or last.word not in ("function", "aggregate", "into", "table", ".")


class Call:
    """A call with what follows it: WITHIN GROUP and OVER."""

    def __init__(self, tokens: list[Token], position: int) -> None:
        """Reads the call whose name stands at `position`."""
        self._tokens = tokens
        self.source, self.end = tokens, position + 1
        self.arguments = _split(self._parentheses())
        self.within = self._clause("within", "group")
        self.filter = self._clause("filter")
        self.over = self._clause("over")

    def _parentheses(self) -> list[Token]:
        start = _after_space(self._tokens, self.end)
        self.end = closing(self._tokens, start) + 1
        return self._tokens[start + 1 : self.end - 1]

    def _clause(self, *words: str) -> str:
        """What stands in the parentheses after the words, rewritten; nothing if the words do not come next."""
        position = self.end
        for word in (*words, "("):
            position = _after_space(self._tokens, position)
            if position >= len(self._tokens) or self._tokens[position].word != word:
                return ""
            position += 1
        self.end = position - 1
        return join(rewrite(self._parentheses())) or " "


def _listagg(call: Call) -> str:
    """NULLs and empty texts are left out."""
    value, delimiter = call.arguments[0], (call.arguments[1:] or ["''"])[0]
    if value.lower().startswith("distinct"):
        return _listagg_distinct(call, value[len("distinct") :].strip(), delimiter)
    value = f"nullif(({value})::text, '')"
    if not call.over:
        return f"string_agg({value}, {delimiter} {call.within})"
    framed = f"{call.over} {call.within}{_FRAME}" if call.within else call.over
    return f"string_agg({value}, {delimiter}) OVER ({framed})"


def _listagg_distinct(call: Call, value: str, delimiter: str) -> str:
    """The values are gathered in their own type, whose order it is; PostgreSQL orders what is distinct by itself."""
    if call.over:
        raise not_supported("LISTAGG(DISTINCT ...) OVER (...)")
    words = call.within.split()
    plain = " ".join(w for w in words[2:] if w.lower() not in ("asc", "desc"))
    if words and plain != value:
        raise not_supported("LISTAGG(DISTINCT x) ordered by anything but x")
    gathered = f"array_agg(DISTINCT {value} {call.within}) FILTER (WHERE ({value})::text <> '')"
    return f"redshift_gateway.listagg({gathered}, {delimiter})"


def _ratio_to_report(call: Call) -> str:
    (value,) = call.arguments
    if not call.over:
        raise syntax_error("RATIO_TO_REPORT requires an OVER clause")
    return f"(({value})::float8 / nullif(sum({value}) OVER ({call.over}), 0)::float8)"


def _decode(call: Call) -> str:
    """DECODE is a CASE in which NULL equals NULL; with two arguments it is PostgreSQL's own function."""
    if len(call.arguments) < _MINIMUM_OF_DECODE:
        return f"decode({', '.join(call.arguments)})"
    value, *rest = call.arguments
    pairs = zip(rest[::2], rest[1::2], strict=False)
    cases = "".join(f" WHEN {_same(value, search)} THEN {result}" for search, result in pairs)
    default = f" ELSE {rest[-1]}" if len(rest) % 2 else ""
    return f"(CASE{cases}{default} END)"


def _same(value: str, search: str) -> str:
    return f"({value}) IS NULL" if search.lower() == "null" else f"({value}) IS NOT DISTINCT FROM ({search})"


def _concat(call: Call) -> str:
    """Redshift's CONCAT takes two values, and gives NULL when one is. VARIADIC is PostgreSQL's."""
    if call.arguments and call.arguments[-1].lower().startswith("variadic"):
        return f"concat({', '.join(call.arguments)})"
    return f"(({')::text || ('.join(call.arguments)})::text)"


def _median(call: Call) -> str:
    return f"redshift_gateway.median({', '.join(call.arguments)})" + (f" OVER ({call.over})" if call.over else "")


def _avg(call: Call) -> str:
    """The average of integers is an integer: the least of the values says their type to redshift_gateway.avg()."""
    (value,) = call.arguments
    after = (f" FILTER ({call.filter})" if call.filter else "") + (f" OVER ({call.over})" if call.over else "")
    return f"redshift_gateway.avg(avg({value}){after}, min({value}){after}{', true' if call.over else ''})"


def _extract(call: Call) -> str:
    """EXTRACT(part FROM value): the part is a word, or a text of one."""
    match = _PART.fullmatch(", ".join(call.arguments))
    if match is None:
        raise syntax_error("EXTRACT takes a part, FROM and a value")
    return f"redshift_gateway.date_part('{match[1].lower()}', {match[2]})"


def _convert(call: Call) -> str:
    """CONVERT(type, value) is a CAST; with three arguments it is PostgreSQL's own function, of encodings."""
    if len(call.arguments) != 2:
        return f"convert({', '.join(call.arguments)})"
    return f"CAST({call.arguments[1]} AS {call.arguments[0]})"


_FORMS: dict[str, Callable[[Call], str]] = {
    "avg": _avg,
    "convert": _convert,
    "extract": _extract,
    "listagg": _listagg,
    "ratio_to_report": _ratio_to_report,
    "concat": _concat,
    "decode": _decode,
    "median": _median,
}
WORDS = frozenset(_FORMS) | {"approximate"}


def _without_top(tokens: list[Token]) -> list[Token]:
    """SELECT TOP n becomes a LIMIT at the end of that SELECT."""
    result = list(tokens)
    position = 0
    while position < len(result):
        if result[position].word == "top" and _is_top(result, position):
            start = _after_space(result, position + 1)
            end = closing(result, start) + 1 if result[start].text == "(" else start + 1
            count = join(result[start:end])
            del result[position:end]
            result.insert(_end_of_select(result, position), Token(Kind.WORD, f" LIMIT {count}"))
        position += 1
    return result


def _is_top(tokens: list[Token], position: int) -> bool:
    before = [t.word for t in tokens[:position] if t.kind is not Kind.SPACE][-1:]
    after = _after_space(tokens, position + 1)
    counted = after < len(tokens) and (tokens[after].kind is Kind.NUMBER or tokens[after].text in ("(", "$"))
    return before[0:1] in (["select"], ["distinct"], ["all"]) and counted


def _end_of_select(tokens: list[Token], position: int) -> int:
    """Where the SELECT that is being read at `position` ends."""
    depth = 0
    for index in range(position, len(tokens)):
        token = tokens[index]
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.word in ("union", "intersect", "except", "minus"):
            raise not_supported("TOP in a SELECT of a set operation", "Put that SELECT into parentheses.")
        if depth < 0:
            return index
    return len(tokens)


def _word_at(tokens: list[Token], position: int) -> str:
    at = _after_space(tokens, position)
    return tokens[at].word if at < len(tokens) else ""


def _after_space(tokens: list[Token], position: int) -> int:
    while position < len(tokens) and tokens[position].kind is Kind.SPACE:
        position += 1
    return position


def _split(tokens: list[Token]) -> list[str]:
    """The arguments between the commas, each rewritten."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            found.append([])
        else:
            found[-1].append(token)
    return [join(rewrite(argument)).strip() for argument in found]
