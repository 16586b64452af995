"""A session's COPYs from S3 and UNLOADs: what they move is looked up, and they run one by one."""

import asyncio
from collections.abc import Callable

from redshift_gateway import wire
from redshift_gateway.copy import columns
from redshift_gateway.copy.load import Load
from redshift_gateway.errors import GatewayError
from redshift_gateway.s3.objects import S3Settings
from redshift_gateway.server.backend import Backend
from redshift_gateway.server.feed import Feeder
from redshift_gateway.server.portals import Transfer
from redshift_gateway.server.unloader import Unloader
from redshift_gateway.translation.translate import Translation
from redshift_gateway.unload.plan import Unload

_FLUSH = wire.message(ord("H"))


class Transfers:
    """Runs one transfer at a time."""

    def __init__(self, backend: Backend, feeder: Feeder, unloader: Unloader, s3: S3Settings) -> None:
        """`feeder` and `unloader` move the data."""
        self._backend, self._feeder, self._unloader, self._s3 = backend, feeder, unloader, s3

    def cancel(self) -> None:
        """Stops what is running: PostgreSQL cannot interrupt what waits for S3."""
        self._feeder.cancel()
        self._unloader.cancel()

    def client_gone(self) -> None:
        """Stops what is running: nobody waits for it."""
        self._feeder.client_gone()
        self._unloader.client_gone()

    async def find(self, translation: Translation, position: int) -> Transfer | None:
        """What the statement at this position moves, if it is one of these, with the columns as the session sees them.

        Only when idle. Raises GatewayError.
        """
        if copy := translation.copies.get(position):
            rows = await self._backend.ask(columns.LOOKUP, copy.qualified_table) or []
            return Load(copy, columns.from_rows(rows), self._s3, translation.said[position])
        if unload := translation.unloads.get(position):
            described = await self._backend.describe(unload.query)
            return Unload(unload, described, self._s3, translation.said[position])
        return None

    async def execute(self, transfer: Transfer, frame: bytes) -> GatewayError | None:
        """Runs a prepared transfer: `frame` is the client's Execute. Returns what PostgreSQL has still to be told."""
        if isinstance(transfer, Unload):
            return await self._unloader.run(transfer, frame + _FLUSH)
        self._backend.copy_events = asyncio.Queue()
        self._backend.send(frame + _FLUSH)
        try:
            if await self._backend.copy_events.get() == wire.COPY_IN:
                await self._feeder.feed(transfer)
        finally:
            self._backend.copy_events = None
        return None

    async def query(self, translation: Translation, refuse: Callable[[GatewayError], str]) -> None:
        """Runs a query string of which some statements are transfers: one by one, for those look up types first.

        PostgreSQL runs the statements of one string as one transaction, and so does this. Only when idle.
        """
        implicit = self._backend.status == b"I" and translation.needs_block
        if implicit:
            await self._backend.run_script("begin")
        for position, statement in enumerate(translation.statements):
            self._backend.begun(translation.said[position].encode())
            try:
                transfer = await self.find(translation, position)
                await self._run(transfer.sql if transfer else statement, transfer)
            except GatewayError as error:
                await self._run(refuse(error))
            if self._backend.failed:
                break
        if implicit and self._backend.status != b"I":
            await self._end_block(failed=self._backend.failed)
        self._backend.client.write(wire.message(wire.READY, self._backend.status))

    async def _run(self, sql: str, transfer: Transfer | None = None) -> None:
        """Runs a statement to its end; the client sees its results but no ReadyForQuery."""
        request = wire.message(wire.QUERY, wire.text(sql))
        if isinstance(transfer, Unload):
            await self._run_unload(request, transfer)
            return
        events = self._backend.copy_events = asyncio.Queue() if transfer else None
        self._backend.hidden += 1
        self._backend.send(request, wire.QUERY)
        while events and transfer and (event := await events.get()) != wire.READY:
            if event == wire.COPY_IN:
                await self._feeder.feed(transfer)
        self._backend.copy_events = None
        await self._backend.idle.wait()

    async def _run_unload(self, request: bytes, unload: Unload) -> None:
        """The same for an UNLOAD. Raises GatewayError when PostgreSQL has still to be told of it."""
        error = await self._unloader.run(unload, request, wire.QUERY)
        await self._backend.idle.wait()
        if error:
            raise error

    async def _end_block(self, *, failed: bool) -> None:
        problem = await self._backend.run_script("rollback" if failed else "commit")
        if problem:
            self._backend.client.write(wire.error_response(GatewayError(problem, sqlstate="40000")))
