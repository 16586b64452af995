"""The listening side: accepts clients, opens PostgreSQL for each, and tidies up when either of them goes."""

import asyncio
import contextlib
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

from redshift_gateway import wire
from redshift_gateway.catalogue.system_tables import Origin, SystemTables
from redshift_gateway.errors import GatewayError
from redshift_gateway.log import Log
from redshift_gateway.metrics import Metrics
from redshift_gateway.s3.objects import S3Settings
from redshift_gateway.server import authentication
from redshift_gateway.server.backend import Backend
from redshift_gateway.server.endings import close, until_one_ends, watch
from redshift_gateway.server.feed import Feeder
from redshift_gateway.server.postgres_url import PostgresTls
from redshift_gateway.server.session import Session
from redshift_gateway.server.startup import Cancel, ClientReader, Startup, read_startup
from redshift_gateway.server.transfers import Transfers
from redshift_gateway.server.unloader import Unloader
from redshift_gateway.server.upstream import BUFFER, Link, Upstream
from redshift_gateway.tls import TlsSettings, server_tls

_CONNECTING = 100  # connections above those of sessions: clients that start, and cancel requests
_CANCEL_SECONDS = 10.0
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
    postgres_tls: PostgresTls = field(default_factory=PostgresTls)


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
        self._number = self._taken = 0
        self._deadline = math.inf  # of stopping, on the loop's clock
        self.reload()

    def reload(self) -> None:
        """Reads all certificates and keys (again), for connections from now on.

        Raises OSError (ssl.SSLError too) or ValueError when they do not fit; then all stays as it was.
        """
        tls = server_tls(self.settings.tls, self.settings.host)
        self._upstream = Upstream(self.settings.postgres_host, self.settings.postgres_port, self.settings.postgres_tls)
        self._tls = tls
        if tls is not None:
            self.metrics.certificate_expires.set(tls.expires.timestamp())
            level = Log().warning if tls.expires_soon else Log().info
            level("certificate", expires=tls.expires.isoformat())

    @property
    def sessions(self) -> int:
        """How many are open."""
        return self._taken

    async def trouble(self) -> str:
        """Why a client would be refused now; nothing if none would."""
        if self._deadline < math.inf:
            return "the gateway is stopping"
        try:
            link = await self._upstream.open()
        except GatewayError as error:
            return error.message
        link.writer.close()
        return ""

    async def start(self) -> int:
        """Listens; returns the port, which matters when the settings say 0."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self.settings.host, self.settings.port, backlog=512)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, grace: float = 5.0) -> None:
        """Stops listening and ends what is idle. The other sessions have `grace` seconds to end their transactions.

        `stop_now` ends their time.
        """
        if self._server is not None:
            self._server.close()
        self._deadline = asyncio.get_running_loop().time() + grace
        while self._tasks and asyncio.get_running_loop().time() < self._deadline:
            for task in [t for b, t in self._open.values() if b.idle.is_set() and b.status == b"I"]:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=_LOOK_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def stop_now(self) -> None:
        """Who waits for the sessions does so no longer."""
        self._deadline = 0.0

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(
            reader := ClientReader(BUFFER), lambda _, writer: self._accept(reader, writer)
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
            tls = self._tls
            async with asyncio.timeout(self.settings.startup_seconds):
                context = tls.context if tls else None
                wanted = await read_startup(reader, writer, context, required=self.settings.tls.required)
            if isinstance(wanted, Cancel):
                await self._cancel(wanted)
            else:
                shown = tls.certificate if tls and writer.get_extra_info("ssl_object") else b""
                with self._place():
                    link, said = await authentication.begin(self._upstream, wanted, reader, writer, shown)
                    await self._session(wanted, link, said, reader, writer, log)
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
            await close(writer)

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

    async def _session(
        self, wanted: Startup, link: Link, said: bytes, reader: ClientReader, writer: asyncio.StreamWriter, log: Log
    ) -> None:
        writer.transport.set_write_buffer_limits(high=BUFFER)
        backend = Backend(link.reader, link.writer, writer)
        parameters = wanted.parameters
        backend.origin = Origin(parameters["user"], parameters.get("database") or parameters["user"])
        backend.tables = self._tables
        feeder = Feeder(backend, self._pool, self.metrics, log)
        unloader = Unloader(backend, self._pool, self.metrics, log, lambda: self._ask_to_cancel(Cancel(backend.key)))
        transfers = Transfers(backend, feeder, unloader, self.settings.s3)
        session = Session(backend, transfers, self.settings.max_statement_bytes, self.metrics, log)
        self._open[transfers] = backend, cast("asyncio.Task[None]", asyncio.current_task())
        self.metrics.sessions.inc()
        log.info(
            "session_started",
            user=parameters["user"],
            database=backend.origin.database,
            client=str((writer.get_extra_info("peername") or [""])[0]),
            encrypted=writer.get_extra_info("ssl_object") is not None,
            postgres_encrypted=link.encrypted,
        )
        started = time.monotonic()
        try:
            await backend.relay(said)
            by_client = await until_one_ends(session.run(reader), backend.run(), watch(reader, transfers))
            if not by_client and not backend.error_seen:  # a FATAL error of PostgreSQL's own has been passed on
                raise GatewayError("PostgreSQL closed the connection unexpectedly", sqlstate="08006")
        finally:
            if not backend.idle.is_set():
                await self._ask_to_cancel(Cancel(backend.key))  # nobody waits for what it is doing
            backend.writer.transport.abort()
            del self._open[transfers]
            self.metrics.sessions.dec()
            log.info("session_ended", seconds=round(time.monotonic() - started, 3))

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
        with contextlib.suppress(OSError, TimeoutError, GatewayError):
            link = await self._upstream.open()
            try:
                async with asyncio.timeout(_CANCEL_SECONDS):
                    link.writer.write(request.packet())
                    await link.reader.read()
            finally:
                link.abort()
