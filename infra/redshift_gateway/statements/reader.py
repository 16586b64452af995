"""Reads the tokens of a statement from the left."""

from redshift_gateway.errors import syntax_error
from redshift_gateway.statements.lexer import Kind, Token, identifier, join, literal


class Reader:
    """The tokens of one statement, taken from the left."""

    def __init__(self, tokens: list[Token], command: str = "COPY") -> None:
        self._tokens, self._command = tokens, command

    @property
    def done(self) -> bool:
        return not self._tokens

    def next(self) -> Token:
        if not self._tokens:
            raise syntax_error(f"{self._command} ends too early")
        return self._tokens.pop(0)

    def take(self, *words: str) -> str:
        """The next token's word if it is one of `words`, which then is consumed; else nothing."""
        return self.next().word if self._tokens and self._tokens[0].word in words else ""

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise syntax_error(f'{self._command}: expected "{word}"')

    def string(self) -> str:
        """A string literal, with the AS that may stand before it."""
        self.take("as")
        token = self.next()
        if token.kind is not Kind.STRING:
            raise syntax_error(f"{self._command}: expected a quoted string")
        return literal(token)

    def number(self) -> int:
        self.take("as")
        token = self.next()
        digits = literal(token) if token.kind is Kind.STRING else token.text
        if not digits.isdigit():
            raise syntax_error(f"{self._command}: expected a number")
        return int(digits)

    def name(self) -> tuple[str, ...]:
        parts = [self._part()]
        while self.take("."):
            parts.append(self._part())
        return tuple(parts)

    def names(self) -> tuple[str, ...]:
        found = [self._part()]
        while self.take(","):
            found.append(self._part())
        self.expect(")")
        return tuple(found)

    def peek_string(self) -> bool:
        return bool(self._tokens) and self._tokens[0].kind is Kind.STRING

    def _part(self) -> str:
        token = self.next()
        if token.kind not in (Kind.WORD, Kind.QUOTED, Kind.TEMP):
            raise syntax_error(f'{self._command}: expected a name, found "{join([token])[:20]}"')
        return identifier(token)
