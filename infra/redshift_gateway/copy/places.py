"""From a line of the stream that PostgreSQL reads back to the object and the line that it came from."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from redshift_gateway.copy.source import Chunk
from redshift_gateway.s3.objects import S3Object

_REMEMBERED: Final = 12 << 20  # bytes: what may be on its way to PostgreSQL


@dataclass(frozen=True)
class Place:
    """Where a row comes from; line 0 when the format has no lines."""

    uri: str
    line: int
    raw_line: str


@dataclass
class Places:
    """What was sent. Of each chunk three numbers are kept, and of the last ones the text."""

    objects: list[S3Object] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)  # at which line of the stream each chunk starts
    _chunks: list[tuple[int, int]] = field(default_factory=list)  # its object, and its line in it
    _recent: deque[tuple[int, Chunk]] = field(default_factory=deque)
    _line: int = 1
    _bytes: int = 0

    def note(self, number: int, chunk: Chunk) -> None:
        """A chunk of the object of that number is sent."""
        self._starts.append(self._line)
        self._chunks.append((number, chunk.line))
        self._recent.append((self._line, chunk))
        self._line += bytes(chunk.data).count(b"\n")
        self._bytes += len(chunk.data) + len(chunk.raw)
        while self._bytes > _REMEMBERED and len(self._recent) > 1:
            _, oldest = self._recent.popleft()
            self._bytes -= len(oldest.data) + len(oldest.raw)

    def forget(self) -> None:
        """The load has ended. Its statement may stay prepared, and its session's memory unclaimed for long."""
        self._starts, self._chunks, self._bytes = [], [], 0
        self._recent.clear()

    def find(self, line: int) -> Place | None:
        """Where a line of the stream came from."""
        index = bisect_right(self._starts, line) - 1
        if index < 0:
            return None
        number, first = self._chunks[index]
        start = self._starts[index]
        chunk = next((c for at, c in self._recent if at == start), None)
        place = first + line - start if first else 0
        if chunk and chunk.lines:
            place = chunk.lines[min(line - start, len(chunk.lines) - 1)]
        return Place(self.objects[number].uri, place, _raw(chunk, place))


def _raw(chunk: Chunk | None, line: int) -> str:
    """The line as the object has it, if it is still known."""
    if chunk is None or not chunk.raw or line < chunk.line:
        return ""
    lines = bytes(chunk.raw).split(b"\n", line - chunk.line + 1)
    return lines[line - chunk.line].decode(errors="replace") if line - chunk.line < len(lines) else ""
