"""Which names a query knows: the tables and aliases of each FROM, and the dotted chains that stand among them.

A light reading of tokens, not a grammar: what it does not know it passes over, so that a chain is then left as it is.
"""

from dataclasses import dataclass

from redshift_gateway.partiql.chains import Chain, Scope, Unnested
from redshift_gateway.statements.lexer import Kind, Token, identifier

_NAMES = (Kind.WORD, Kind.QUOTED, Kind.TEMP)
_CLAUSES = frozenset({
    "where", "group", "order", "having", "limit", "offset", "fetch", "union", "intersect", "except", "minus", "window",
    "qualify", "returning", "set", "for", "values",
})  # fmt: skip
_NO_ALIAS = _CLAUSES | {
    "when", "on", "join", "left", "right", "full", "inner", "outer", "cross", "natural", "using", "tablesample", "with",
    "as", "at", "select", "default", "into", "from",
}  # fmt: skip
_COMMANDS = ("update", "delete", "insert", "merge")
_NOT_READ = ("", "start", "target", "ignored")


@dataclass(eq=False)
class _Frame:
    """What is between parentheses."""

    outer: Scope | None
    scope: Scope | None
    clause: str = "start"
    command: str = ""
    query: bool = False
    item: bool = False  # it stands as an item of FROM
    expecting: bool = False  # an item of FROM comes next
    unpivot: int | None = None


class Reading:
    """Reads a statement once; then `chains` and `unnested` are there."""

    def __init__(self, tokens: list[Token]) -> None:
        """Reads all. Raises IndexError when parentheses are not balanced."""
        self.tokens = tokens
        self.places = [n for n, t in enumerate(tokens) if t.kind is not Kind.SPACE]
        self.chains: list[Chain] = []
        self.unnested: list[Unnested] = []
        self._frames = [_Frame(None, None, query=True)]
        at = 0
        while at < len(self.places):
            at = self._step(at)

    def token(self, at: int) -> Token:
        """The token at a place, space not counted; an empty one beyond the ends."""
        return self.tokens[self.places[at]] if 0 <= at < len(self.places) else Token(Kind.SPACE, "")

    def word(self, at: int) -> str:
        """The word or punctuation mark at a place."""
        return self.token(at).word

    def closing(self, at: int) -> int:
        """The place of the bracket that closes the one at `at`."""
        depth = 0
        for place in range(at, len(self.places)):
            text = self.word(place)
            depth += (text in ("(", "[")) - (text in (")", "]"))
            if depth == 0:
                return place
        raise IndexError

    def _step(self, at: int) -> int:
        frame, text = self._frames[-1], self.token(at).text
        if text == "(":
            return self._open(frame, at)
        if text == ")":
            return self._close(at)
        if self.token(at).kind in _NAMES and not (frame.query and self._keyword(frame, at)):
            return self._name(frame, at)
        if text == "," and frame.query and frame.clause in ("from", "on"):
            frame.clause, frame.expecting = "from", True
        return at + 1

    def _open(self, frame: _Frame, at: int) -> int:
        item, frame.expecting = frame.expecting, False
        inner = _Frame(frame.scope, frame.scope, clause="expression", item=item)
        if self.word(at + 1) in ("select", "with", "values", "update", "delete", "insert", "("):
            inner = _Frame(frame.scope, None, query=True, item=item)
        if item and self.word(at + 1) not in ("select", "with", "values") and not self._query_within(at):
            inner = _Frame(frame.scope, frame.scope, clause="from", query=True, item=True, expecting=True)
        self._frames.append(inner)
        return at + 1

    def _query_within(self, at: int) -> bool:
        while self.word(at) == "(":
            at += 1
        return self.word(at) in ("select", "with", "values")

    def _close(self, at: int) -> int:
        frame = self._frames.pop()
        around = self._frames[-1]
        return self._alias(around, at + 1, None) if frame.item else at + 1

    def _keyword(self, frame: _Frame, at: int) -> bool:
        """Follows the clauses; whether the word is one of the query's own."""
        word, before = self.word(at), self.word(at - 1)
        if before == "." or self.word(at + 1) == ".":
            return False
        if word == "select":
            frame.scope, frame.clause, frame.expecting = Scope(frame.outer), "select", False
        elif word in _COMMANDS and frame.clause == "start":
            frame.command, frame.scope = word, Scope(frame.outer)
            frame.clause, frame.expecting = "from", word == "update"
        elif self._introduces_item(frame, word, before):
            frame.clause, frame.expecting = "from", True
        elif word == "unpivot" and frame.expecting and self.word(at + 1) != "(":
            frame.unpivot = self.places[at]
        elif word in _CLAUSES and (word not in ("group", "order") or self.word(at + 1) == "by"):
            frame.clause, frame.expecting = "ignored" if frame.clause == "ignored" else word, False
        elif (word == "on" and frame.clause == "from") or (word == "conflict" and before == "on"):
            frame.clause = "ignored" if word == "conflict" else "on"
        else:
            return (word == "with" and frame.clause == "start") or (word in ("lateral", "only") and frame.expecting)
        return True

    @staticmethod
    def _introduces_item(frame: _Frame, word: str, before: str) -> bool:
        """Whether a table comes next."""
        return (
            (word == "from" and frame.clause in ("select", "set", "from") and before != "distinct")
            or (word == "join" and frame.clause in ("from", "on"))
            or (word == "into" and frame.clause == "from" and frame.command in ("merge", "insert"))
            or (word == "using" and frame.clause == "from" and frame.command in ("delete", "merge"))
        )

    def _name(self, frame: _Frame, at: int) -> int:
        if frame.clause == "expression" and self.word(at) == "order":
            frame.clause = "order"
        chain, end = self._chain(frame, at)
        if frame.query and frame.expecting:
            frame.expecting = False
            if self.word(end) == "(":
                self._frames.append(_Frame(frame.scope, frame.scope, clause="expression", item=True))
                return end + 1
            return self._alias(frame, end, chain)
        called = self.word(end) == "(" or (self.word(end) == "." and self.word(end + 1) == "*")
        called = called or self.word(at - 1) == "."  # of a composite value, `(t.pair).first`
        if frame.scope is not None and frame.clause not in _NOT_READ and not called:
            self.chains.append(chain)
        return end

    def _chain(self, frame: _Frame, at: int) -> tuple[Chain, int]:
        start, steps = at, [identifier(self.token(at))]
        found: list[str | tuple[int, int]] = list(steps)
        at += 1
        while True:
            if self.word(at) == "." and self.token(at + 1).kind in _NAMES:
                found.append(identifier(self.token(at + 1)))
                at += 2
            elif self.word(at) == "[":
                closing = self.closing(at)
                found.append((self.places[at], self.places[closing] + 1))
                at = closing + 1
            else:
                break
        scope = frame.scope or Scope()
        top = self._frames[-2] if self.word(start - 2) == "cast" and not frame.query else frame
        in_list = top.query and top.clause == "select"
        return Chain(start, at, tuple(found), scope, frame.clause, in_list), at

    def _alias(self, frame: _Frame, at: int, chain: Chain | None) -> int:
        """Reads what an item of FROM is called, and notes it."""
        alias, index = "", ""
        at += self.word(at) == "*" and frame.query  # PostgreSQL's `FROM t*`: with what inherits from t
        if self.word(at) == "with" and self.word(at + 1) == "ordinality":
            at += 2
        named = self.word(at) == "as"
        free = self.word(at) not in _NO_ALIAS or (self.word(at) == "at" and not self._indexed(at))
        if self.token(at + named).kind in _NAMES and (named or free):
            alias, at = identifier(self.token(at + named)), at + named + 1
        if chain is not None and self._indexed(at):
            index, at = identifier(self.token(at + 1)), at + 2
        self._note(frame, at, chain, alias, index)
        if self.word(at) == "(" and alias:
            self._frames.append(_Frame(None, None, clause=""))
            return at + 1
        return at

    def _indexed(self, at: int) -> bool:
        """Whether `at i` stands here, and not an alias of that name, as in `pg_attribute at ON ...`."""
        following = self.token(at + 1)
        return self.word(at) == "at" and following.kind in _NAMES and following.word not in _NO_ALIAS

    def _note(self, frame: _Frame, end: int, chain: Chain | None, alias: str, index: str) -> None:
        unpivot, frame.unpivot = frame.unpivot, None
        scope = frame.scope or Scope()
        if chain is not None and (unpivot is not None or index or self._iterates(chain)):
            self.unnested.append(Unnested(chain, alias, index, end, unpivot))
            scope.names[alias] = True
        elif chain is not None:
            names = chain.names
            scope.names[alias or names[-1]] = False
            if not alias:
                scope.paths |= {tuple(names[n:]) for n in range(len(names) - 1)}
        elif alias:
            scope.names[alias] = False

    def _iterates(self, chain: Chain) -> bool:
        """Whether it starts from what stands before it in FROM, or around it."""
        known = chain.scope.find(chain.names[0])
        return bool(known) if len(chain.steps) == 1 else known is not None
