"""What a SUPER value meets: a cast, a comparison, arithmetic, an ORDER BY. Types are known only when the query runs.

A value of the wrong type is NULL in a cast and unequal in a comparison; see "dynamic typing" and "lax semantics" in
https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
"""

from collections import defaultdict
from dataclasses import dataclass

from redshift_gateway.errors import not_supported
from redshift_gateway.partiql.chains import Chain
from redshift_gateway.partiql.operands import ARITHMETIC, CAST_HINT, Operands
from redshift_gateway.partiql.scopes import Reading
from redshift_gateway.statements.lexer import quote_name

_OF, _SCHEMA = "redshift_gateway.super_of(", "redshift_gateway."
_ORDERED = frozenset({"<", ">", "<=", ">="})
_COMPARISONS = _ORDERED | {"=", "<>", "!="}
_TEXTS = frozenset({"varchar", "text", "char", "character", "bpchar", "nvarchar", "nchar"})
_SUPER = frozenset({"super", "jsonb", "json"})
_SAME_TYPE, _COMPARING_CALLS = (
    frozenset({"coalesce", "nvl", "nullif"}),
    frozenset({"decode", "nvl2", "greatest", "least"}),
)
_PATTERNS = frozenset({"like", "ilike", "similar"})
_AFTER_ITEM = frozenset({
    "", ",", ")", "from", "into", "where", "group", "order", "having", "limit", "union", "intersect", "except", "minus",
    "qualify", "offset", "window",
})  # fmt: skip
_AFTER_KEY = _AFTER_ITEM | {"asc", "desc", "nulls", "rows", "range"}


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
        self._operands = Operands(reading)
        self._values: dict[int, Value] = {}
        self._typed: dict[int, int] = {}  # where those begin that are cast, and where the cast ends
        self._compared: set[int] = set()
        self._lists: set[int] = set()

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
        end, typed = self._operands.type(first)
        self._typed[value.start] = end + within
        if name in _TEXTS:
            self.changes.wrap(value.start, value.end, f"{_SCHEMA}super_text(", ")")
        else:
            self.changes.wrap(value.start, value.end, f"{_SCHEMA}super_cast(", f", null::{typed})")

    def _dynamic(self, value: Value) -> None:
        """A value that is not cast: what stands before and after it says what is done with it."""
        before, after = self._operands.sign_before(value.start), self._operands.sign_after(value.end)
        last, following = self._word(value.start - 1), self._word(value.end + (self._word(value.end) == "not"))
        self._refuse(value, before, after, following)
        if before in ARITHMETIC or after in ARITHMETIC or self._is_summed(value):
            self._wrap(value, "super_number")
        elif following in _PATTERNS or last in _PATTERNS:
            self._wrap(value, "super_string")
        elif after in _COMPARISONS:
            self._compare_left(value, after)
        elif before in _COMPARISONS and value.start not in self._compared:
            self._compare_right(value, before)
        elif following == "in":
            self._in_list(value.end + (self._word(value.end) == "not"))
        elif self._call(value) in _SAME_TYPE:
            self._make_super(self._operands.opening(value.start))
        elif value.chain.clause == "order" and last in ("by", ",") and following in _AFTER_KEY:
            self._wrap(value, "super_key")

    def _refuse(self, value: Value, before: str, after: str, following: str) -> None:
        last = self._word(value.start - 1)
        if value.chain.clause == "set" and last in ("set", ",") and after == "=":
            raise not_supported(
                f"SUPER: an update of the attribute {value.attribute} alone", "Update the whole column."
            )
        if "||" in (before, after):
            raise not_supported("|| of a SUPER value", CAST_HINT)
        if "between" in (following, last):
            raise not_supported("BETWEEN of a SUPER value", CAST_HINT)
        if last == "case" or self._call(value) in _COMPARING_CALLS:
            raise not_supported(f"{self._call(value).upper() or 'CASE'} of a SUPER value", CAST_HINT)
        if following == "is" and "distinct" in (self._word(value.end + 1), self._word(value.end + 2)):
            raise not_supported("IS DISTINCT FROM of a SUPER value", CAST_HINT)

    def _call(self, value: Value) -> str:
        """The function of which the value alone is an argument."""
        if self._word(value.start - 1) not in ("(", ",") or self._word(value.end) not in (")", ","):
            return ""
        return self._word(self._operands.opening(value.start) - 1)

    def _wrap(self, value: Value, function: str) -> None:
        self.changes.wrap(value.start, value.end, f"{_SCHEMA}{function}(", ")")

    def _is_summed(self, value: Value) -> bool:
        alone = self._word(value.start - 1) == "(" and self._word(value.end) == ")"
        return alone and self._word(value.start - 2) in ("sum", "avg")

    def _compare_left(self, value: Value, sign: str) -> None:
        """The value stands before the operator."""
        at = value.end + len(sign)
        right = self._values.get(at)
        if right is not None and at not in self._typed and self._operands.sign_after(right.end) not in ARITHMETIC:
            end = right.end
            self._compared.add(at)
        else:
            end = self._operands.operand(at)
            self.changes.wrap(at, end, _OF, ")")
        self._ordered(value.start, value.end, end, sign)

    def _compare_right(self, value: Value, sign: str) -> None:
        """The value stands after the operator, and something that is not SUPER before it."""
        end = value.start - len(sign)
        start = self._operands.operand_before(end)
        if value.chain.clause == "set" and self._word(start - 1) in ("set", ","):
            return  # an assignment
        self.changes.wrap(start, end, _OF, ")")
        self._ordered(start, end, value.end, sign)

    def _ordered(self, start: int, sign_at: int, end: int, sign: str) -> None:
        """`<` and its like: NULL unless the types are the same."""
        if sign in _ORDERED:
            self.changes.wrap(start, end, f"{_SCHEMA}super_order(", f") {sign} 0")
            self.changes.replace(sign_at, sign_at + len(sign), ",")

    def _in_list(self, at: int) -> None:
        """`IN (1, 'two')`: each of the list becomes SUPER."""
        if self._word(at + 1) == "(" and self._word(at + 2) not in ("select", "with"):
            self._make_super(at + 1)

    def _make_super(self, opening: int) -> None:
        """Makes SUPER of all that is between commas in the parentheses that open here."""
        if opening in self._lists:
            return
        self._lists.add(opening)
        last = self._reading.closing(opening)
        start = place = opening + 1
        while place <= last:
            if self._word(place) in ("(", "["):
                place = self._reading.closing(place)
            if place == last or self._word(place) == ",":
                value = self._values.get(start)
                if value is None or value.end != place:
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
