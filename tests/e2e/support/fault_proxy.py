"""A TCP proxy that misbehaves on demand, with the names of Shopify's toxiproxy for what it does.

    with FaultProxy(upstream=5432) as proxy:
        proxy.toxics = Toxics(limit_data=1_000_000)   # the connection breaks after so many bytes from the client
        ...
        proxy.down()                                  # every connection breaks, and none is let in

Runs in a thread of its own, so that the test may block.
"""

import asyncio
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
CHUNK = 16_384


@dataclass(frozen=True)
class Toxics:
    """What goes wrong; the default is nothing."""

    #: Seconds by which each chunk is late, in both directions.
    latency: float = 0.0
    #: Bytes from the client after which the connection is closed; those before are passed on.
    limit_data: int | None = None
    #: Reset the connection at its next byte.
    reset_peer: bool = False


class FaultProxy:
    """Listens on a free loopback port and passes everything on to the loopback port `upstream`."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.toxics = Toxics()
        self.port = 0
        self.cuts = 0
        self._passed = 0
        self._enabled = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def passed(self) -> int:
        """Bytes from clients that were passed on."""
        return self._passed

    def down(self) -> None:
        """Reset every connection and refuse new ones."""
        self._enabled = False
        self._call(self._reset_all())

    def up(self) -> None:
        """Let connections in again."""
        self._enabled = True

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, LOOPBACK, 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.close()
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, coroutine):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if not self._enabled:
            _reset(to_client)
            return
        from_server, to_server = await asyncio.open_connection(LOOPBACK, self.upstream)
        pair = {to_client, to_server}
        self._writers |= pair
        pumps = [self._pump(from_client, to_server, counted=True), self._pump(from_server, to_client, counted=False)]
        tasks = [asyncio.ensure_future(pump) for pump in pumps]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for writer in pair:
                writer.close()
            self._writers -= pair

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        """Pass on what comes until the end; return early where a toxic cuts the connection."""
        sent = 0
        while chunk := await reader.read(CHUNK):
            toxics = self.toxics
            if toxics.reset_peer:
                self.cuts += 1
                return await self._reset_all()
            if toxics.latency:
                await asyncio.sleep(toxics.latency)
            room = len(chunk) if toxics.limit_data is None or not counted else max(0, toxics.limit_data - sent)
            writer.write(chunk[:room])
            await writer.drain()
            sent += room
            self._passed += room if counted else 0
            if room < len(chunk):
                self.cuts += 1
                return None
        return None

    async def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a crashed peer or a firewall does."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
