"""The listening side: accepts clients, opens PostgreSQL for each, and tidies up when either of them goes."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

from redshift_gateway import wire
from redshift_gateway.backend import Backend
from redshift_gateway.errors import GatewayError
from redshift_gateway.feed import Feeder
from redshift_gateway.log import Log
from redshift_gateway.metrics import Metrics
from redshift_gateway.objects import S3Settings
from redshift_gateway.session import Session
from redshift_gateway.startup import Cancel, ClientReader, Startup, read_startup
from redshift_gateway.system_tables import Origin, SystemTables
from redshift_gateway.tls import TlsSettings, server_context
from redshift_gateway.transfers import Transfers
from redshift_gateway.unloader import Unloader

_BUFFER = 1 << 20  # bytes held for a slow reader before the writer is made to wait
_CONNECTING = 100  # connections above those of sessions: clients that start, and cancel requests
_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
_GONE_SECONDS = 5.0  # that a session has to finish what a client has asked for that has gone
_LOOK_SECONDS = 0.1  # between two looks at the sessions while the gateway stops


@dataclass(frozen=True)
class Settings:
    """What the gateway needs to know."""

    postgres_host: str
    postgres_port: int
    s3: S3Settings
    host: str = "127.0.0.1"
    port: int = 5439
    max_sessions: int = 200
    max_statement_bytes: int = wire.MAX_STATEMENT
    startup_seconds: float = 10.0
    load_threads: int = 4
    tls: TlsSettings = field(default_factory=TlsSettings)


class Gateway:
    """A server in front of one PostgreSQL."""

    def __init__(self, settings: Settings) -> None:
        """Nothing listens until `start`."""
        self.settings = settings
        self.metrics = Metrics()
        self._tables = SystemTables()
        self._pool = ThreadPoolExecutor(settings.load_threads, thread_name_prefix="load")
        self._open: dict[Transfers, tuple[Backend, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._tls = server_context(settings.tls, settings.host)
        self._number = self._taken = 0

    async def start(self) -> int:
        """Listens; returns the port, which matters when the settings say 0."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self.settings.host, self.settings.port, backlog=512)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, grace: float = 5.0) -> None:
        """Stops listening and ends what is idle. The other sessions have `grace` seconds to end their transactions."""
        if self._server is not None:
            self._server.close()
        deadline = asyncio.get_running_loop().time() + grace
        while self._tasks and asyncio.get_running_loop().time() < deadline:
            for task in [t for b, t in self._open.values() if b.idle.is_set() and b.status == b"I"]:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=_LOOK_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(
            reader := ClientReader(_BUFFER), lambda _, writer: self._accept(reader, writer)
        )

    def _accept(self, reader: ClientReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= self.settings.max_sessions + _CONNECTING:
            writer.transport.abort()  # an error needs a task too
            self.metrics.turned_away.inc()
            return
        task = asyncio.get_running_loop().create_task(self._client(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _client(self, reader: ClientReader, writer: asyncio.StreamWriter) -> None:
        self._number += 1
        log = Log(session=self._number)
        try:
            async with asyncio.timeout(self.settings.startup_seconds):
                wanted = await read_startup(reader, writer, self._tls, required=self.settings.tls.required)
            if isinstance(wanted, Cancel):
                await self._cancel(wanted)
            else:
                with self._place():
                    await self._session(wanted, reader, writer, log)
        except GatewayError as error:
            writer.write(wire.error_response(error, "FATAL"))
            log.warning("session_refused", reason=error.message)
        except asyncio.CancelledError:  # by stop()
            stopping = GatewayError("terminating connection due to administrator command", sqlstate="57P01")
            writer.write(wire.error_response(stopping, "FATAL"))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.info("connection_lost", reason=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a fault of the gateway's own must not go unseen, nor end other sessions
            writer.write(wire.error_response(GatewayError("internal error of the Redshift gateway"), "FATAL"))
            log.fault("session_failed", error)
        finally:
            await _close(writer)

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """One of the places for sessions. Raises GatewayError when there is none."""
        if self._taken >= self.settings.max_sessions:
            raise GatewayError("sorry, too many clients already", sqlstate="53300")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def _session(self, wanted: Startup, reader: ClientReader, writer: asyncio.StreamWriter, log: Log) -> None:
        backend = await self._connect(writer)
        backend.redshift_connector = wanted.is_redshift_connector
        parameters = wanted.parameters
        backend.origin = Origin(parameters["user"], parameters.get("database") or parameters["user"])
        backend.tables = self._tables
        feeder = Feeder(backend, self._pool, self.metrics, log)
        unloader = Unloader(backend, self._pool, self.metrics, log, lambda: self._ask_to_cancel(Cancel(backend.key)))
        transfers = Transfers(backend, feeder, unloader, self.settings.s3)
        session = Session(backend, transfers, self.settings.max_statement_bytes, self.metrics, log)
        backend.send(wanted.packet())
        self._open[transfers] = backend, cast("asyncio.Task[None]", asyncio.current_task())
        self.metrics.sessions.inc()
        log.info("session_started", user=wanted.parameters["user"], database=wanted.parameters.get("database", ""))
        started = time.monotonic()
        try:
            by_client = await _until_one_ends(session.run(reader), backend.run(), _watch(reader, transfers))
            if not by_client and not backend.error_seen:  # a FATAL error of PostgreSQL's own has been passed on
                raise GatewayError("PostgreSQL closed the connection unexpectedly", sqlstate="08006")
        finally:
            if not backend.idle.is_set():
                await self._ask_to_cancel(Cancel(backend.key))  # nobody waits for what it is doing
            backend.writer.transport.abort()
            del self._open[transfers]
            self.metrics.sessions.dec()
            log.info("session_ended", seconds=round(time.monotonic() - started, 3))

    async def _connect(self, client: asyncio.StreamWriter) -> Backend:
        client.transport.set_write_buffer_limits(high=_BUFFER)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(
                    self.settings.postgres_host, self.settings.postgres_port, limit=_BUFFER
                )
        except (OSError, TimeoutError) as error:
            raise GatewayError(f"PostgreSQL cannot be reached: {type(error).__name__}", sqlstate="08006") from None
        writer.transport.set_write_buffer_limits(high=4 * _BUFFER)
        return Backend(reader, writer, client)

    async def _cancel(self, request: Cancel) -> None:
        """Passes a cancel request on. A load waits for S3, where PostgreSQL cannot interrupt it: the gateway does."""
        await self._ask_to_cancel(request)
        for transfers, (backend, _) in self._open.items():
            if request.key and backend.key == request.key:
                transfers.cancel()

    async def _ask_to_cancel(self, request: Cancel) -> None:
        """Returns once PostgreSQL has read the request."""
        if not request.key:
            return
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(self.settings.postgres_host, self.settings.postgres_port)
                writer.write(request.packet())
                await reader.read()
                await _close(writer)


async def _watch(reader: ClientReader, transfers: Transfers) -> None:
    """Tells the transfers that the client has gone. Returns when the session has had the time to end by itself."""
    await reader.closed.wait()
    transfers.client_gone()
    await asyncio.sleep(_GONE_SECONDS)


async def _until_one_ends(session: Awaitable[None], backend: Awaitable[None], watch: Awaitable[None]) -> bool:
    """Runs all three until one ends. Returns whether PostgreSQL is not the one; raises the error of what has ended."""
    first, second, third = (asyncio.ensure_future(w) for w in (session, backend, watch))
    try:
        done, _ = await asyncio.wait({first, second, third}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return second not in done
    finally:
        for task in (first, second, third):
            task.cancel()
        await asyncio.gather(first, second, third, return_exceptions=True)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Sends what is left and closes, within a short time."""
    with contextlib.suppress(OSError, TimeoutError):
        writer.close()
        async with asyncio.timeout(_CLOSE_SECONDS):
            await writer.wait_closed()
