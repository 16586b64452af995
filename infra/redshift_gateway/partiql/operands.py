"""Where the expressions and types begin and end that stand beside a SUPER value."""

from redshift_gateway.errors import not_supported
from redshift_gateway.partiql.scopes import Reading
from redshift_gateway.statements.lexer import Kind

ARITHMETIC = frozenset({"+", "-", "*", "/", "%"})
CAST_HINT = "Cast the SUPER value to the type that it should have: doc.name::varchar."
_SIGNS = frozenset("+-*/<>=~!@#%^&|`?")
_NAMES = (Kind.WORD, Kind.QUOTED, Kind.TEMP)
_BEFORE_EXPRESSION = frozenset({
    "", "(", ",", "and", "or", "not", "where", "on", "when", "then", "else", "having", "select", "by", "case", "all",
    "distinct", "qualify", "return", "set",
})  # fmt: skip


class Operands:
    """Reads around places of a statement."""

    def __init__(self, reading: Reading) -> None:
        """Nothing is read before it is asked for."""
        self._reading, self._word = reading, reading.word
        self._starts = {c.end: c.start for c in reading.chains}

    def type(self, at: int) -> tuple[int, str]:
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

    def sign_after(self, at: int) -> str:
        """The operator that stands at a place."""
        sign, places = "", self._reading.places
        while self._word(at) in _SIGNS and (not sign or places[at] == places[at - 1] + 1):
            sign += self._word(at)
            at += 1
        return sign[0] + sign[1:].rstrip("+-") if sign else ""  # `=-1` is two operators

    def sign_before(self, at: int) -> str:
        """The operator that ends before a place."""
        sign, first = "", at
        places = self._reading.places
        while self._word(at - 1) in _SIGNS and (at == first or places[at - 1] == places[at] - 1):
            sign = self._word(at - 1) + sign
            at -= 1
        return sign

    def operand(self, at: int) -> int:
        """Where the expression ends that stands after an operator."""
        if self._word(at) in ("any", "all", "some", "case"):
            raise not_supported(f"{self._word(at).upper()} compared with a SUPER value", CAST_HINT)
        end = self._primary(at)
        while (sign := self.sign_after(end)) in ARITHMETIC or sign == "||":
            end = self._primary(end + len(sign))
        return end

    def _primary(self, at: int) -> int:
        """Where a value ends that begins here, its casts and subscripts included."""
        while self._word(at) in ("+", "-"):
            at += 1
        token = self._reading.token(at)
        if token.text == "(":
            at = self._reading.closing(at) + 1
        elif token.kind in _NAMES:
            at = self._named(at + 1)
        else:
            at += 2 if token.text == "$" else 1
        while self._word(at) == "[" or (self._word(at) == ":" and self._word(at + 1) == ":"):
            at = self._reading.closing(at) + 1 if self._word(at) == "[" else self.type(at + 2)[0]
        return at

    def _named(self, at: int) -> int:
        """Where a column, a call, or a literal of a named type ends, of which the first name is read."""
        while self._word(at) == ".":
            at += 2
        if self._word(at) == "(":
            return self._reading.closing(at) + 1
        return at + (self._reading.token(at).kind is Kind.STRING)  # date '2026-01-01'

    def operand_before(self, end: int) -> int:
        """Where the expression begins that ends before an operator. Raises GatewayError when that is not plain."""
        start = end - 1
        if self._word(start) == ")":
            start = self.opening(start)
            start -= self._reading.token(start - 1).kind in _NAMES and self._word(start - 1) not in _BEFORE_EXPRESSION
        else:
            start = self._starts.get(end, start)
        if self._word(start - 1) not in _BEFORE_EXPRESSION:
            raise not_supported("an expression compared with a SUPER value", CAST_HINT)
        return start

    def opening(self, at: int) -> int:
        """The place of the bracket around what stands at `at`, or, of a closing bracket, of the one that it closes."""
        depth, at = (0, at) if self._word(at) in (")", "]") else (1, at - 1)
        while at >= 0:
            depth += (self._word(at) in (")", "]")) - (self._word(at) in ("(", "["))
            if depth == 0:
                return at
            at -= 1
        return -1
