"""Runs a session's UNLOADs: rows from PostgreSQL's COPY TO STDOUT go to S3 instead of to the client."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from redshift_gateway import wire
from redshift_gateway.errors import GatewayError
from redshift_gateway.log import Log
from redshift_gateway.metrics import Metrics
from redshift_gateway.server.backend import Backend
from redshift_gateway.unload.plan import Spool, Unload, Writing, completion

_ABANDON_SECONDS = 5.0  # that a client waits for what was written to be deleted; it goes on without


class Unloader:
    """Runs one UNLOAD at a time."""

    def __init__(
        self,
        backend: Backend,
        pool: ThreadPoolExecutor,
        metrics: Metrics,
        log: Log,
        stop_query: Callable[[], Awaitable[None]],
    ) -> None:
        """`pool` runs what blocks. `stop_query` asks PostgreSQL to cancel what the session is doing."""
        self._backend, self._pool, self._metrics, self._log = backend, pool, metrics, log
        self._stop_query = stop_query
        self._interrupted = asyncio.Event()
        self._why: Exception | None = None
        self._running = False

    def cancel(self) -> None:
        """Stops the UNLOAD that is running, as a cancel request wants it."""
        if self._running:
            self._why = self._why or GatewayError("canceling statement due to user request", sqlstate="57014")
            self._interrupted.set()

    def client_gone(self) -> None:
        """Stops the UNLOAD that is running, since nobody waits for it any more."""
        self._why = ConnectionResetError("the client has gone")
        self._interrupted.set()

    async def run(self, unload: Unload, request: bytes, tag: int | None = None) -> GatewayError | None:
        """Sends `request`, which makes PostgreSQL send the rows, and writes them to S3.

        Returns the error that PostgreSQL has still to be told: the caller fails the transaction with it. Raises
        ConnectionResetError when the client has gone.
        """
        self._running, self._why = True, None
        self._interrupted.clear()
        started, outcome, writing = time.monotonic(), "failed", unload.files()
        number, began = self._backend.statements.current, datetime.now(UTC)
        try:
            error, rows = await self._write(writing, request, tag)
            self._backend.memory.unloaded(number, began, writing.files, rows)
            if rows is not None:
                outcome = "written"
                self._backend.last.unload_count, self._backend.last.unload_id = rows, number
                self._backend.client.write(completion(rows))
            return error
        finally:
            self._running = False
            self._backend.end_unload()
            self._done(unload, outcome, time.monotonic() - started)

    async def _write(self, writing: Writing, request: bytes, tag: int | None) -> tuple[GatewayError | None, int | None]:
        """The error that PostgreSQL has still to be told, and the number of rows if all went well."""
        spool: Spool | None = None
        finished = False
        try:
            await self._do(writing.files.start)
            spool = self._backend.begin_unload()
            self._backend.hidden += tag is not None  # the client sees no ReadyForQuery yet
            self._backend.send(request, tag)
            if not await self._rows(spool, writing):
                return None, None
            rows = await self._do(writing.files.finish)
            finished = True
            return None, rows
        except GatewayError as error:
            if spool is not None and spool.active:
                return await self._stop(spool, error), None
            return error, None
        finally:
            if not finished:
                await self._abandon(writing)

    async def _rows(self, spool: Spool, writing: Writing) -> bool:
        """Writes all rows. Returns whether PostgreSQL has sent them all; else the client has its error already."""
        while (data := await self._unless(spool.take())) is not None:
            self._metrics.unload_bytes.inc(len(data))
            await self._do(writing.write, data)
        return await self._backend.unload_outcome() == wire.COMPLETE

    async def _stop(self, spool: Spool, error: GatewayError) -> GatewayError | None:
        """Makes PostgreSQL fail with this error. Returns it when PostgreSQL had finished before that."""
        spool.drop()
        self._backend.refusal = error
        await self._stop_query()
        if await self._backend.unload_outcome() == wire.ERROR:
            return None
        self._backend.refusal = None
        return error

    async def _do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Runs what blocks, unless something happens that makes it useless."""
        self._work = asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        return await self._unless(asyncio.shield(self._work))

    async def _unless(self, work: Awaitable[Any]) -> Any:
        task, interrupted = asyncio.ensure_future(work), asyncio.ensure_future(self._interrupted.wait())
        try:
            await asyncio.wait({task, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if self._why is not None:
                task.cancel()
                raise self._why
            return await task
        finally:
            interrupted.cancel()

    async def _abandon(self, writing: Writing) -> None:
        """Deletes what was written, once the thread is done with what it is doing; not for long in the client's way."""

        async def clean() -> None:
            with contextlib.suppress(Exception):
                await self._work
            with contextlib.suppress(RuntimeError):  # the gateway is being stopped
                await asyncio.get_running_loop().run_in_executor(self._pool, writing.files.abandon)

        task = asyncio.ensure_future(clean())
        _CLEANING.add(task)
        task.add_done_callback(_CLEANING.discard)
        if not isinstance(self._why, ConnectionResetError):
            await asyncio.wait({task}, timeout=_ABANDON_SECONDS)

    def _done(self, unload: Unload, outcome: str, seconds: float) -> None:
        statement = unload.statement
        self._metrics.unloads.labels(statement.format.value, outcome).inc()
        self._metrics.unload_seconds.observe(seconds)
        self._log.info("unload", target=statement.uri, outcome=outcome, seconds=round(seconds, 3))


_CLEANING: set[asyncio.Task[None]] = set()  # asyncio itself holds its tasks weakly
