"""One COPY from S3 as chunks of CSV: made in worker threads, several objects at once, a chunk of each ahead."""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from redshift_gateway.copy import jsonpaths
from redshift_gateway.copy.blocks import chunks
from redshift_gateway.copy.columns import Column
from redshift_gateway.copy.places import Places
from redshift_gateway.copy.rejects import Rejects
from redshift_gateway.copy.source import Chunk, Source
from redshift_gateway.errors import GatewayError
from redshift_gateway.s3.objects import S3Settings, connect, find, read_whole
from redshift_gateway.statements.copy import CopyStatement
from redshift_gateway.statements.lexer import quote_name

Chunks = Generator[Chunk, None, None]
OBJECTS_AT_ONCE: Final = 4
T = TypeVar("T")


class Load:
    """A COPY statement with the columns it fills, ready to run, more than once if the client wants it."""

    def __init__(self, statement: CopyStatement, columns: list[Column], s3: S3Settings, said: str = "") -> None:
        """`columns` are the target's, in order; none when the table does not exist. `said` is the client's text."""
        self.statement, self.said = statement, said
        self.columns = _chosen(statement, columns)
        self.query = 0  # its number in the system tables
        self._s3 = s3
        self._begin()

    def _begin(self) -> None:
        self.started = datetime.now(UTC)
        self.scanned: Counter[int] = Counter()  # lines of each object
        self.rejects, self.places = Rejects(self.statement), Places()

    @property
    def sql(self) -> str:
        """The COPY that PostgreSQL runs in place of the client's."""
        names = ", ".join(quote_name(c.name) for c in self.columns)
        return f"COPY {self.statement.qualified_table} {f'({names})' if names else ''} FROM STDIN (FORMAT csv)"

    def open(self) -> list[Chunks]:
        """The rows of each object. Blocks: lists what S3 has. Raises GatewayError."""
        self._begin()
        system, copy = connect(self._s3, self.statement), self.statement
        paths: list[list[str | int]] | None = []
        if copy.mapping.startswith("s3://"):
            paths = jsonpaths.parse(read_whole(system, copy.mapping), copy.mapping)
            copy = replace(copy, mapping="auto") if paths is None else copy
        self.places.objects = find(system, copy)
        sources = [Source(system, item, copy, self.columns, self.rejects, paths or []) for item in self.places.objects]
        return [chunks(source) for source in sources]


def _chosen(statement: CopyStatement, columns: list[Column]) -> list[Column]:
    """The columns that the files fill. Raises GatewayError as Redshift does for a list with IDENTITY columns."""
    explicit = statement.has("explicit_ids")
    if not statement.columns:
        return [c for c in columns if not c.generated and (explicit or not c.identity)]
    known = {c.name: c for c in columns}
    # A name that the table lacks goes on to PostgreSQL, which has the right words for it.
    chosen = [known.get(name, Column(name, "text")) for name in statement.columns]
    if not explicit and any(c.identity for c in chosen):
        raise GatewayError("COPY: an IDENTITY column in the column list needs EXPLICIT_IDS", sqlstate="42601")
    if explicit and any(c.identity and c not in chosen for c in columns):
        raise GatewayError("COPY: EXPLICIT_IDS needs the IDENTITY column in the column list", sqlstate="42601")
    return chosen


class Stream:
    """The chunks of a load. Of each object that is open the next one is begun when the one before it is taken."""

    def __init__(self, load: Load, pool: ThreadPoolExecutor) -> None:
        """Starts to look for the objects."""
        self._load, self._pool = load, pool
        self._opening: asyncio.Future[list[Chunks]] = self._run(load.open)
        self._waiting: Iterator[tuple[int, Chunks]] | None = None
        self._running: dict[asyncio.Future[Chunk | None], tuple[int, Chunks]] = {}

    def _run(self, work: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def next(self) -> Chunk | None:
        """A chunk of any object; None at the end. May be cancelled. Raises GatewayError when the load fails."""
        if self._waiting is None:
            self._waiting = iter(enumerate(await asyncio.shield(self._opening)))
            for _ in range(OBJECTS_AT_ONCE):
                self._start_object()
        while self._running:
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            number, chunk = self._take(next(future for future in self._running if future in done))
            if chunk is None:
                self._start_object()
            elif not self._load.statement.has("noload") and len(chunk.data):
                self._load.places.note(number, chunk)
                return chunk
        return None

    def _take(self, future: "asyncio.Future[Chunk | None]") -> tuple[int, Chunk | None]:
        number, source = self._running.pop(future)
        chunk = future.result()
        if chunk is not None:
            self._load.scanned[number] += chunk.scanned
            self._advance(number, source)
        return number, chunk

    def _start_object(self) -> None:
        assert self._waiting is not None  # noqa: S101 - next() has set it
        if (entry := next(self._waiting, None)) is not None:
            self._advance(*entry)

    def _advance(self, number: int, source: Chunks) -> None:
        self._running[self._run(next, source, None)] = (number, source)

    def abandon(self) -> None:
        """Gives up the stream without waiting: what is open is closed once the chunks being made are done."""
        self._opening.add_done_callback(_looked_at)
        for future, (_, source) in self._running.items():
            future.add_done_callback(_looked_at)
            future.add_done_callback(partial(_close, source))


def _close(source: Chunks, _: "asyncio.Future[Any]") -> None:
    source.close()


def _looked_at(done: "asyncio.Future[Any]") -> None:
    """So that asyncio does not complain of an exception that nobody saw."""
    done.cancelled() or done.exception()
