"""One COPY from S3 as a stream of CSV blocks: made in a worker thread, one block ahead of PostgreSQL."""

import asyncio
from bisect import bisect_right
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

from redshift_gateway.blocks import blocks
from redshift_gateway.columns import Column
from redshift_gateway.copy_statement import CopyStatement, Format
from redshift_gateway.delimited import copy_options
from redshift_gateway.lexer import quote_name
from redshift_gateway.objects import S3Object, S3Settings, connect, find
from redshift_gateway.source import Block, Source


class Load:
    """A COPY statement with the columns it fills, ready to run, more than once if the client wants it."""

    def __init__(self, statement: CopyStatement, columns: list[Column], s3: S3Settings) -> None:
        """`columns` are the target's, in order; none when the table does not exist."""
        self.statement = statement
        self.columns = _chosen(statement, columns)
        self._s3 = s3
        self._objects: list[S3Object] = []
        self._first_lines: list[int] = []  # at which line of the stream each object starts

    @property
    def sql(self) -> str:
        """The COPY that PostgreSQL runs in place of the client's."""
        names = ", ".join(quote_name(c.name) for c in self.columns)
        options = copy_options(self.statement, self.columns)
        return f"COPY {self.statement.qualified_table} {f'({names})' if names else ''} FROM STDIN ({options})"

    def blocks(self) -> Generator[Block, None, None]:
        """The rows of all objects. Blocks: reads from S3. Raises GatewayError."""
        system = connect(self._s3, self.statement)
        self._objects, self._first_lines, line = find(system, self.statement), [], 1
        for item in self._objects:
            self._first_lines.append(line)
            for block in blocks(Source(system, item, self.statement, self.columns)):
                line += bytes(block).count(b"\n")
                yield block

    def locate(self, line: int) -> str:
        """The object, and for CSV its line, from which a line of the stream came."""
        index = bisect_right(self._first_lines, line) - 1
        if index < 0:
            return ""
        if self.statement.format is not Format.CSV:
            return f"File {self._objects[index].uri}"
        number = line - self._first_lines[index] + 1 + self.statement.ignore_header
        return f"File {self._objects[index].uri}, line {number}"


def _chosen(statement: CopyStatement, columns: list[Column]) -> list[Column]:
    if not statement.columns:
        return [c for c in columns if not c.generated]
    known = {c.name: c for c in columns}
    # A name that the table lacks goes on to PostgreSQL, which has the right words for it.
    return [known.get(name, Column(name, "text")) for name in statement.columns]


class Stream:
    """The blocks of a load, each begun when the one before it is taken."""

    def __init__(self, load: Load, pool: ThreadPoolExecutor) -> None:
        """Starts on the first block."""
        self._source, self._pool = load.blocks(), pool
        self._ahead = self._start()

    def _start(self) -> "asyncio.Future[Block | None]":
        return asyncio.get_running_loop().run_in_executor(self._pool, next, self._source, None)

    @property
    def next_block(self) -> "asyncio.Future[Block | None]":
        """The block that is being made; None at the end; a GatewayError when it fails."""
        return self._ahead

    def take(self) -> Block | None:
        """The block that is done. The next one is begun."""
        block = self._ahead.result()
        if block is not None:
            self._ahead = self._start()
        return block

    def abandon(self) -> None:
        """Gives up the stream without waiting: what is open is closed once the block being made is done."""

        def close(done: "asyncio.Future[Block | None]") -> None:
            done.cancelled() or done.exception()  # looked at, so that asyncio does not complain of a lost exception
            self._source.close()

        self._ahead.add_done_callback(close)
