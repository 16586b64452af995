"""Marks text that is HTML already, so that the templates leave it as it is."""

from __future__ import annotations


class Html(str):
    """Only what escapes its input by itself may make one: the Markdown renderer and the highlighter."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the text unescaped: what templates ask for before they escape."""
        return str(self)
