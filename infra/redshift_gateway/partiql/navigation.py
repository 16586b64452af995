"""SUPER navigated as PartiQL does: `t.doc.name` becomes `t.doc['name']`, and an array in FROM is iterated over.

Names are resolved by what the query itself says: the first is a table or alias of the query or of one around it, or
else a column. The statement's own text stays, but for the chains of names and what they are compared with.
https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
"""

import re

from redshift_gateway.errors import not_supported, syntax_error
from redshift_gateway.partiql import calls as super_calls
from redshift_gateway.partiql.chains import Chain, Unnested
from redshift_gateway.partiql.scopes import Reading
from redshift_gateway.partiql.values import Value, Values
from redshift_gateway.statements.lexer import Kind, Token, join, quote_literal, quote_name, significant, tokenize

_DOTTED = re.compile(rb'[\w"\x80-\xff\]]\s*\.\s*[A-Za-z_"\x80-\xff]|\]\s*::|\[\s*-|\barray\s*\(', re.IGNORECASE)
_ARRAY = re.compile(rb"\barray\s*\((?!\s*(?:select|with|values|\())", re.IGNORECASE)
# What is passed over, the names that FROM and its like introduce, and the chains: do they start from such a name?
_NO_ALIAS = (
    rb"(?!(?:from|set|where|on|join|using|left|right|inner|outer|full|cross|natural|order|group|limit|values|select"
    rb"|union|having|and|or|then|is|in|when|end|asc|desc|into|returning|for)\b)"
)
_PIECES = re.compile(
    rb"""(?P<skip>'(?:[^']|'')*' | --[^\n]* | /\*.*?\*/ | ::\s*[\w."]+ | \bcollate\s+[\w."]+ | [\w.]+\s*\( )
       | (?P<element>\]\s*(?:\.|::) | \[\s*- | \bunpivot\b)
       | \b(?:from|join|update|into|using|only|table|view)\s+(?P<table>[\w."\#\x80-\xff]+)
         (?:\s+(?:as\s+)?(?P<alias>%(name)s))?
       | \s*,\s*(?P<more>(?!unpivot\b)[A-Za-z_"][\w."\x80-\xff]*)(?!\s*\()(?:\s+(?:as\s+)?(?P<another>%(name)s))?
       | \)\s*(?:as\s+)?(?P<sub>%(name)s)
       | (?P<chain>[A-Za-z_"\x80-\xff][\w"\x80-\xff]*(?:\s*\.\s*[A-Za-z_"\x80-\xff][\w"\x80-\xff]*)+)"""
    % {b"name": _NO_ALIAS + rb'[A-Za-z_"\x80-\xff][\w"\x80-\xff]*'},
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_READ = frozenset(
    {"select", "with", "insert", "update", "delete", "merge", "explain", "create", "declare", "prepare", "("}
)
_NEVER_COLUMNS = frozenset({"pg_catalog", "information_schema", "excluded", "new", "old", "redshift_gateway"})


def may_navigate(sql: bytes) -> bool:
    """Whether a chain of names could be more than a table and its column. Without a dot it is one search."""
    return _DOTTED.search(sql) is not None and (_ARRAY.search(sql) is not None or _suspicious(sql))


def _suspicious(sql: bytes) -> bool:
    """A quick look, that may err: whether a chain starts from what no FROM names, or FROM iterates over one."""
    known: set[bytes] = set()
    chains: list[list[bytes]] = []
    items: list[list[bytes]] = []
    end_of_item = -1
    for piece in _PIECES.finditer(sql):
        if piece["element"]:
            return True
        first = piece["table"] or (piece["more"] if piece.start() == end_of_item else None)
        if first:
            items.append(_parts(first))
            known |= {items[-1][-1], (piece["alias"] or piece["another"] or b"").lower()}
            end_of_item = piece.end()
        elif name := piece["more"] or piece["chain"]:
            chains.append(_parts(name))
        elif piece["sub"]:
            known.add(piece["sub"].lower())
            end_of_item = piece.end()
    iterated = any(item[0] in known for item in items if len(item) > 1)
    return iterated or any(len(chain) > 2 or (len(chain) == 2 and chain[0] not in known) for chain in chains)


def _parts(name: bytes) -> list[bytes]:
    return [part.strip() for part in name.lower().split(b".")]


def rewrite(tokens: list[Token]) -> list[Token]:
    """The statement with SUPER values navigated as PostgreSQL does it. Raises GatewayError for what is refused."""
    tokens = super_calls.rewrite(tokens)
    words = [t.word for t in significant(tokens)[:6]]
    if words[:1] == [] or words[0] not in _READ or (words[0] == "create" and not {"table", "view"} & {*words}):
        return tokens
    try:
        edits = _Edits(Reading(tokens))
    except (IndexError, RecursionError):
        return tokens  # parentheses that are not balanced, or too many: PostgreSQL says so
    return edits.done() if edits.any else tokens


class _Edits:
    """What is put in the place of which tokens."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._values = Values(reading)
        driver = any(t.word.startswith("pg_") for t in reading.tokens)  # the catalogue has arrays: `indkey[0]`
        self._instead: dict[int, tuple[int, str]] = {}
        for unnested in reading.unnested:
            self._unnest(unnested)
        self._values.read([v for c in reading.chains if (v := self._value(c, driver))])

    @property
    def any(self) -> bool:
        """Whether there is anything to change."""
        return bool(self._instead or self._values.changes)

    def done(self) -> list[Token]:
        """The tokens with all that changes changed."""
        tokens, places = self._reading.tokens, self._reading.places
        changes = self._values.changes
        result: list[str] = []
        at = skip = 0
        starts = {n: p for p, n in enumerate(places)}
        for number, token in enumerate(tokens):
            at = starts.get(number, -1)
            if at >= 0 and number >= skip:
                result.append(changes.before(at))
                if at in self._instead:
                    end, text = self._instead[at]
                    skip = places[end - 1] + 1
                    result.append(text + changes.after(end - 1))
            if number >= skip:
                result.append(changes.instead(at, token.text))
                if at >= 0:
                    result.append(changes.after(at))
        return tokenize("".join(result))

    def _unnest(self, unnested: Unnested) -> None:
        """An item of FROM that is iterated over: a set of rows that PostgreSQL makes of each row before it."""
        if not unnested.alias:
            raise syntax_error("unnesting a SUPER value in FROM requires an alias")
        base = self._navigated(unnested.chain)
        kind = "pairs" if unnested.unpivot is not None else "elements"
        index = unnested.index or (f"{unnested.alias}_attribute" if kind == "pairs" else "")
        function = f"super_{kind}" + ("_at" if kind == "elements" and index else "")
        columns = ", ".join(quote_name(name) for name in (unnested.alias, index) if name)
        text = f"lateral redshift_gateway.{function}({base}) as {quote_name(unnested.alias)} ({columns})"
        self._instead[unnested.chain.start] = (unnested.end, text)
        if unnested.unpivot is not None:
            place = self._reading.places.index(unnested.unpivot)
            self._instead[place] = (place + 1, "")

    def _value(self, chain: Chain, driver: bool) -> Value | None:
        """What a chain stands for if it is SUPER; nothing if it is a plain column."""
        count = self._own(chain)
        rest = chain.steps[count:]
        element = chain.scope.find(chain.names[0])
        if count == 0 or not (rest or element):
            return None
        attributes = [step for step in rest if isinstance(step, str)]
        if not driver and any(self._step(step).startswith("[-") for step in rest if not isinstance(step, str)):
            raise not_supported(
                "SUPER: an element counted from the end, [-1]", "PostgreSQL counts so, Redshift does not."
            )
        if not attributes and not element and (driver or chain.names == ["array"]):
            return None
        text = self._navigated(chain)
        if attributes or element:
            self._instead[chain.start] = (chain.end, text)
        return Value(chain.start, chain.end, text, chain, attributes[-1] if attributes else "")

    def _own(self, chain: Chain) -> int:
        """How many of the chain's names are the table's and the column's; none when it is not to be touched."""
        names, scope = chain.names, chain.scope
        before = self._reading.word(chain.start - 1)
        typed = before in (":", "collate", "as") or self._reading.token(chain.end).kind is Kind.STRING
        if typed or names[0] in _NEVER_COLUMNS or not scope.names:
            return 0
        if (known := scope.find(names[0])) is not None and not scope.has_path(tuple(names[:2])):
            return 1 if known else 2
        for depth in (3, 2):
            if len(names) > depth and scope.has_path(tuple(names[:depth])):
                return depth + 1
        return 2 if known is not None else 1

    def _navigated(self, chain: Chain) -> str:
        count = self._own(chain)
        own = chain.names[:count]
        if chain.scope.find(own[0]):
            own = [own[0], own[0]]
        return ".".join(quote_name(name) for name in own) + "".join(map(self._step, chain.steps[count:]))

    def _step(self, step: str | tuple[int, int]) -> str:
        if isinstance(step, str):
            return f"[{quote_literal(step).strip()}]"
        return join(self._reading.tokens[slice(*step)])
