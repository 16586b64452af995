"""What a SUPER value meets: a cast, a comparison, arithmetic, an ORDER BY. Types are known only when the query runs.

A value of the wrong type is NULL in a cast and unequal in a comparison; see "dynamic typing" and "lax semantics" in
https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
"""

from collections import defaultdict
from dataclasses import dataclass

from redshift_gateway.errors import not_supported
from redshift_gateway.lexer import Kind, quote_name
from redshift_gateway.scopes import Chain, Reading

_OF, _SCHEMA = "redshift_gateway.super_of(", "redshift_gateway."
_SIGNS = frozenset("+-*/<>=~!@#%^&|`?")
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%"})
_EQUAL, _ORDERED = frozenset({"=", "<>", "!="}), frozenset({"<", ">", "<=", ">="})
_TEXTS = frozenset({"varchar", "text", "char", "character", "bpchar", "nvarchar", "nchar"})
_SUPER = frozenset({"super", "jsonb", "json"})
_PATTERNS = frozenset({"like", "ilike", "similar"})
_BEFORE_EXPRESSION = frozenset({
    "", "(", ",", "and", "or", "not", "where", "on", "when", "then", "else", "having", "select", "by", "case", "all",
    "distinct", "qualify", "return", "set",
})  # fmt: skip
_AFTER_ITEM = frozenset({
    "", ",", ")", "from", "into", "where", "group", "order", "having", "limit", "union", "intersect", "except", "minus",
    "qualify", "offset", "window",
})  # fmt: skip
_AFTER_KEY = _AFTER_ITEM | {"asc", "desc", "nulls", "rows", "range"}
_NAMES = (Kind.WORD, Kind.QUOTED, Kind.TEMP)
_CAST_HINT = "Cast the SUPER value to the type that it should have: doc.name::varchar."


@dataclass(frozen=True)
class Value:
    """A chain that is SUPER: its places, how it is written for PostgreSQL, and its last attribute."""

    start: int
    end: int
    text: str
    chain: Chain
    attribute: str


class Changes:
    """What is put before, after and in the place of tokens. What comes later stands further out."""

    def __init__(self) -> None:
        self._before: defaultdict[int, str] = defaultdict(str)
        self._after: defaultdict[int, str] = defaultdict(str)
        self._instead: dict[int, str] = {}

    def __bool__(self) -> bool:
        return bool(self._before or self._after or self._instead)

    def wrap(self, start: int, end: int, before: str, after: str) -> None:
        """Puts texts around the tokens from `start` up to `end`."""
        self._before[start] = before + self._before[start]
        self._after[end - 1] += after

    def replace(self, start: int, end: int, text: str) -> None:
        """Puts a text in the place of the tokens."""
        self._instead |= {start: text} | dict.fromkeys(range(start + 1, end), "")

    def before(self, at: int) -> str:
        """What comes before the token."""
        return self._before.get(at, "")

    def after(self, at: int) -> str:
        """What comes after the token."""
        return self._after.get(at, "")

    def instead(self, at: int, text: str) -> str:
        """The token's text, or what takes its place."""
        return self._instead.get(at, text)


class Values:
    """Finds what is to change around SUPER values."""

    def __init__(self, reading: Reading) -> None:
        """Nothing changes until `read`."""
        self.changes = Changes()
        self._reading, self._word = reading, reading.word
        self._values: dict[int, Value] = {}
        self._typed: dict[int, int] = {}  # where those begin that are cast, and where the cast ends
        self._compared: set[int] = set()

    def read(self, values: list[Value]) -> None:
        """Notes the changes. Raises GatewayError for what is refused."""
        self._values = {v.start: v for v in values}
        for value in values:
            self._cast(value)
        for value in values:
            if value.start not in self._typed:
                self._dynamic(value)
        for value in values:
            self._label(value)

    def _cast(self, value: Value) -> None:
        within = self._word(value.start - 2) == "cast" and self._word(value.end) == "as"
        after = self._word(value.end) == ":" and self._word(value.end + 1) == ":"
        if not (within or after):
            return
        first = value.end + (1 if within else 2)
        if (name := self._word(first)) in _SUPER:
            return
        end, typed = self._type(first)
        self._typed[value.start] = end + within
        if name in _TEXTS:
            self.changes.wrap(value.start, value.end, f"{_SCHEMA}super_text(", ")")
        else:
            self.changes.wrap(value.start, value.end, f"{_SCHEMA}super_cast(", f", null::{typed})")

    def _type(self, at: int) -> tuple[int, str]:
        """Where the type's name ends, and the type without its length."""
        words = [self._reading.token(at).text]
        at += 1
        while (word := self._word(at)) in ("precision", "varying", "with", "without", "time", "zone", ".", "("):
            if word == "(":
                at = self._reading.closing(at) + 1
                continue
            if word in ("with", "without") and self._word(at + 1) != "time":
                break
            words.append(word)
            at += 1
        return at, " ".join(words)

    def _dynamic(self, value: Value) -> None:
        before, after = self._sign_before(value.start), self._sign_after(value.end)
        words = [self._word(value.end), self._word(value.end + 1)]
        following = words[1] if words[0] == "not" else words[0]
        if value.chain.clause == "set" and self._word(value.start - 1) in ("set", ",") and after == "=":
            raise not_supported(
                f"SUPER: an update of the attribute {value.attribute} alone", "Update the whole column."
            )
        if "||" in (before, after):
            raise not_supported("|| of a SUPER value", _CAST_HINT)
        if following == "between" or self._word(value.start - 1) == "between":
            raise not_supported("BETWEEN of a SUPER value", _CAST_HINT)
        if words[0] == "is" and "distinct" in (words[1], self._word(value.end + 2)):
            raise not_supported("IS DISTINCT FROM of a SUPER value", _CAST_HINT)
        if before in _ARITHMETIC or after in _ARITHMETIC or self._is_summed(value):
            self._wrap(value, "super_number")
        elif following in _PATTERNS or self._word(value.start - 1) in _PATTERNS:
            self._wrap(value, "super_string")
        elif after in _EQUAL | _ORDERED:
            self._compare_left(value, after)
        elif before in _EQUAL | _ORDERED and value.start not in self._compared:
            self._compare_right(value, before)
        elif following == "in":
            self._in_list(value.end + words.index("in"))
        elif value.chain.clause == "order" and self._word(value.start - 1) in ("by", ",") and words[0] in _AFTER_KEY:
            self._wrap(value, "super_key")

    def _wrap(self, value: Value, function: str) -> None:
        self.changes.wrap(value.start, value.end, f"{_SCHEMA}{function}(", ")")

    def _is_summed(self, value: Value) -> bool:
        alone = self._word(value.start - 1) == "(" and self._word(value.end) == ")"
        return alone and self._word(value.start - 2) in ("sum", "avg")

    def _sign_after(self, at: int) -> str:
        """The operator that stands at a place."""
        sign, places = "", self._reading.places
        while self._word(at) in _SIGNS and (not sign or places[at] == places[at - 1] + 1):
            sign += self._word(at)
            at += 1
        return sign[0] + sign[1:].rstrip("+-") if sign else ""  # `=-1` is two operators

    def _sign_before(self, at: int) -> str:
        """The operator that ends before a place."""
        sign, first = "", at
        places = self._reading.places
        while self._word(at - 1) in _SIGNS and (at == first or places[at - 1] == places[at] - 1):
            sign = self._word(at - 1) + sign
            at -= 1
        return sign

    def _compare_left(self, value: Value, sign: str) -> None:
        """The value stands before the operator."""
        at = value.end + len(sign)
        right = self._values.get(at)
        if right is not None and at not in self._typed and self._sign_after(right.end) not in _ARITHMETIC:
            end = right.end
            self._compared.add(at)
        else:
            end = self._operand(at)
            self.changes.wrap(at, end, _OF, ")")
        self._ordered(value.start, value.end, end, sign)

    def _compare_right(self, value: Value, sign: str) -> None:
        """The value stands after the operator, and something that is not SUPER before it."""
        end = value.start - len(sign)
        start = self._operand_before(end)
        if value.chain.clause == "set" and self._word(start - 1) in ("set", ","):
            return  # an assignment
        self.changes.wrap(start, end, _OF, ")")
        self._ordered(start, end, value.end, sign)

    def _ordered(self, start: int, sign_at: int, end: int, sign: str) -> None:
        """`<` and its like: NULL unless the types are the same."""
        if sign in _ORDERED:
            self.changes.wrap(start, end, f"{_SCHEMA}super_order(", f") {sign} 0")
            self.changes.replace(sign_at, sign_at + len(sign), ",")

    def _operand(self, at: int) -> int:
        """Where the expression ends that stands after an operator."""
        if self._word(at) in ("any", "all", "some", "case"):
            raise not_supported(f"{self._word(at).upper()} compared with a SUPER value", _CAST_HINT)
        end = self._primary(at)
        while (sign := self._sign_after(end)) in _ARITHMETIC or sign == "||":
            end = self._primary(end + len(sign))
        return end

    def _primary(self, at: int) -> int:
        token = self._reading.token(at)
        if token.text in ("+", "-"):
            return self._primary(at + 1)
        if token.text in ("(", "["):
            at = self._reading.closing(at) + 1
        elif token.text == "$":
            at += 2
        elif token.kind in _NAMES:
            at += 1
            while self._word(at) == ".":
                at += 2
            if self._word(at) == "(":
                at = self._reading.closing(at) + 1
            elif self._reading.token(at).kind is Kind.STRING:  # date '2026-01-01'
                at += 1
        else:
            at += 1
        while self._word(at) == "[" or (self._word(at) == ":" and self._word(at + 1) == ":"):
            at = self._reading.closing(at) + 1 if self._word(at) == "[" else self._type(at + 2)[0]
        return at

    def _operand_before(self, end: int) -> int:
        """Where the expression begins that ends before an operator. Raises GatewayError when that is not plain."""
        start, chains = end - 1, {c.end: c.start for c in self._reading.chains}
        if self._word(start) == ")":
            start = self._opening(start)
            start -= self._reading.token(start - 1).kind in _NAMES and self._word(start - 1) not in _BEFORE_EXPRESSION
        else:
            start = chains.get(end, start)
        if self._word(start - 1) not in _BEFORE_EXPRESSION:
            raise not_supported("an expression compared with a SUPER value", _CAST_HINT)
        return start

    def _opening(self, at: int) -> int:
        depth = 0
        while at >= 0:
            depth += (self._word(at) in (")", "]")) - (self._word(at) in ("(", "["))
            if depth == 0:
                return at
            at -= 1
        raise IndexError

    def _in_list(self, at: int) -> None:
        """`IN (1, 'two')`: each of the list becomes SUPER."""
        if self._word(at + 1) != "(" or self._word(at + 2) in ("select", "with"):
            return
        last = self._reading.closing(at + 1)
        start = place = at + 2
        while place <= last:
            if self._word(place) in ("(", "["):
                place = self._reading.closing(place)
            if place == last or self._word(place) == ",":
                if start not in self._values:
                    self.changes.wrap(start, place, _OF, ")")
                start = place + 1
            place += 1

    def _label(self, value: Value) -> None:
        """A column of the select list is called as the attribute is."""
        end = self._typed.get(value.start, value.end)
        start = value.start - 2 * (self._word(value.start - 2) == "cast")
        first = self._word(start - 1) in ("select", ",", "distinct", "all") or self._word(start - 2) == "top"
        changed = value.attribute or value.start in self._typed
        if changed and value.chain.in_list and first and self._word(end) in _AFTER_ITEM:
            name = value.attribute or value.chain.names[-1]
            self.changes.wrap(value.start, end, "", f" AS {quote_name(name)}")
