"""One UNLOAD, ready to run, and the bytes on their way from PostgreSQL to the thread that writes its files."""

import asyncio
import struct

from redshift_gateway import wire
from redshift_gateway.s3.objects import S3Settings
from redshift_gateway.statements.unload import UnloadStatement
from redshift_gateway.unload.columns import OutputColumn, check
from redshift_gateway.unload.files import Files
from redshift_gateway.unload.sql import copy_sql

_BLOCK = 1 << 20  # bytes given to the thread at once
_FULL = 2 << 20  # bytes held before PostgreSQL has to wait


class Unload:
    """An UNLOAD statement with the columns of its query; it may run more than once if the client wants it."""

    def __init__(self, statement: UnloadStatement, columns: list[OutputColumn], s3: S3Settings, said: str = "") -> None:
        """`said` is the client's text. Raises GatewayError for columns that the statement's options do not take."""
        check(statement, columns)
        self.statement, self.columns, self._s3, self.said = statement, columns, s3, said

    @property
    def sql(self) -> str:
        """The COPY that PostgreSQL runs in place of the client's statement."""
        return copy_sql(self.statement, self.columns)

    def files(self) -> "Writing":
        """A new run's files."""
        return Writing(Files(self.statement, self.columns, self._s3))


class Writing:
    """Takes PostgreSQL's CopyData messages as they come. Runs in the worker thread."""

    def __init__(self, files: Files) -> None:
        """Nothing is written before `start`."""
        self.files = files
        self._rest = b""

    def write(self, data: bytes) -> None:
        """Adds messages; the last may be incomplete."""
        rows, self._rest = payloads(self._rest + data)
        if rows:
            self.files.write(rows)


def payloads(data: bytes) -> tuple[bytes, bytes]:
    """What the CopyData messages in `data` carry, and what is left: the beginning of a message."""
    length_at = struct.Struct("!I").unpack_from
    found, position, end = [], 0, len(data)
    while position + 5 <= end:
        after = position + 1 + length_at(data, position + 1)[0]
        if after > end:
            break
        found.append(data[position + 5 : after])
        position = after
    return b"".join(found), data[position:]


class Spool:
    """Bytes between PostgreSQL's connection, which fills it, and the session, which empties it. Bounded."""

    def __init__(self) -> None:
        """Nothing flows before `begin`."""
        self.active = False  # PostgreSQL is sending rows, and has not said how it ended
        self._buffer = bytearray()
        self._ended = self._dropping = False
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()

    def begin(self) -> None:
        """PostgreSQL starts to send rows."""
        self.active = True

    def feed(self, piece: bytes) -> None:
        """Adds what PostgreSQL has sent."""
        if self._dropping:
            return
        self._buffer += piece
        if len(self._buffer) >= _BLOCK:
            self._more.set()
        if len(self._buffer) >= _FULL:
            self._room.clear()

    def end(self) -> None:
        """PostgreSQL has told how it ended: well or not."""
        self.active, self._ended = False, True
        self._more.set()

    def drop(self) -> None:
        """Whatever else comes is of no use."""
        self._dropping = True
        self._buffer.clear()
        self._room.set()

    async def room(self) -> None:
        """Waits while too much is held."""
        await self._room.wait()

    async def take(self) -> bytes | None:
        """What has come, about a megabyte at least; None at the end."""
        await self._more.wait()
        data, self._buffer = bytes(self._buffer), bytearray()
        self._room.set()
        if not self._ended:
            self._more.clear()
        return data or None


COMPLETION = wire.message(wire.COMPLETE, wire.text("UNLOAD"))


def completion(rows: int) -> bytes:
    """What the client gets at the end."""
    return wire.notice("INFO", f"UNLOAD completed, {rows} record(s) unloaded successfully.") + COMPLETION
