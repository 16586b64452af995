"""Feeds a load into PostgreSQL's COPY FROM STDIN, and stops at once when there is a reason to."""

import asyncio
import struct
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from redshift_gateway import wire
from redshift_gateway.copy.load import Load, Stream
from redshift_gateway.errors import GatewayError
from redshift_gateway.log import Log
from redshift_gateway.metrics import Metrics
from redshift_gateway.server.backend import Backend

T = TypeVar("T")
_COPY_DATA, _COPY_DONE, _COPY_FAIL = b"dcf"


class Feeder:
    """Runs a session's loads, one at a time."""

    def __init__(self, backend: Backend, pool: ThreadPoolExecutor, metrics: Metrics, log: Log) -> None:
        """`pool` runs what blocks: reading from S3 and decoding."""
        self._backend, self._pool, self._metrics, self._log = backend, pool, metrics, log
        self._cancelled = False
        self._client_gone = False

    def cancel(self) -> None:
        """Stops the load that is running, as a cancel request wants it."""
        if self._backend.loading is not None:
            self._cancelled = True
            self._backend.interrupted.set()

    def client_gone(self) -> None:
        """Stops the load that is running, since nobody waits for it any more."""
        self._client_gone = True
        self._backend.interrupted.set()

    async def feed(self, load: Load) -> None:
        """Sends the load's rows. PostgreSQL waits for them: CopyDone, CopyFail or an error of its own ends it.

        Raises ConnectionResetError when the client has gone.
        """
        self._cancelled = False
        self._backend.interrupted.clear()
        self._backend.loading = load
        load.query = self._backend.statements.current
        started, outcome = time.monotonic(), "failed"
        try:
            await self._send(load)
            outcome = "sent"
        except GatewayError as error:
            self._fail(error)
        except ConnectionResetError:
            load.places.forget()
            raise
        finally:
            self._done(load, outcome, time.monotonic() - started)

    async def _send(self, load: Load) -> None:
        stream = Stream(load, self._pool)
        interrupted = asyncio.ensure_future(self._backend.interrupted.wait())
        try:
            while True:
                chunk = await self._unless(interrupted, stream.next())
                if chunk is None:
                    self._backend.send(wire.message(_COPY_DONE))
                    return
                block = chunk.data
                self._metrics.copy_bytes.inc(len(block))
                self._backend.send(struct.pack("!BI", _COPY_DATA, len(block) + 4))
                self._backend.send(block)
                await self._unless(interrupted, self._backend.writer.drain())
        finally:
            interrupted.cancel()
            stream.abandon()

    async def _unless(self, interrupted: "asyncio.Task[bool]", work: Coroutine[Any, Any, T]) -> T:
        """What `work` gives, or raises what the interruption means."""
        task = asyncio.ensure_future(work)
        await asyncio.wait({task, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        if interrupted.done():
            task.add_done_callback(_looked_at)
            task.cancel()
        if self._client_gone:
            raise ConnectionResetError("the client has gone")
        if self._cancelled:
            raise GatewayError("canceling statement due to user request", sqlstate="57014")
        if interrupted.done():
            raise _RefusedByPostgresError("")
        return await task

    def _fail(self, error: GatewayError) -> None:
        if isinstance(error, _RefusedByPostgresError):
            return  # the client has its error already, and PostgreSQL waits for nothing
        self._backend.refusal = error
        self._metrics.refused.labels(error.sqlstate).inc()
        self._backend.send(wire.message(_COPY_FAIL, wire.text("the Redshift gateway gave up")))

    def _done(self, load: Load, outcome: str, seconds: float) -> None:
        self._metrics.copies.labels(load.statement.format.value, outcome).inc()
        self._metrics.copy_seconds.observe(seconds)
        table = ".".join(load.statement.table)
        self._log.info("copy", table=table, source=load.statement.uri, outcome=outcome, seconds=round(seconds, 3))


def _looked_at(done: "asyncio.Future[Any]") -> None:
    """So that asyncio does not complain of an exception that nobody saw."""
    done.cancelled() or done.exception()


class _RefusedByPostgresError(GatewayError):
    """PostgreSQL refused a row: the rest need not be sent."""
