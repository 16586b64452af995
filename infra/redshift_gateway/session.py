"""One client's session: reads its messages, sends PostgreSQL what they mean, and has S3 read or written."""

import asyncio
import time
from typing import Protocol

from redshift_gateway import columns, shims, system_tables, wire
from redshift_gateway.backend import CHUNK, Backend
from redshift_gateway.copy_statement import CopyStatement
from redshift_gateway.errors import GatewayError, not_supported
from redshift_gateway.feed import Feeder
from redshift_gateway.load import Load
from redshift_gateway.log import Log
from redshift_gateway.metrics import Metrics
from redshift_gateway.objects import S3Settings
from redshift_gateway.portals import Portals, Transfer
from redshift_gateway.translate import Translation, may_differ, translate
from redshift_gateway.unload import Unload
from redshift_gateway.unload_statement import UnloadStatement
from redshift_gateway.unloader import Unloader

# A word that no grammar takes: sent in place of a statement that the gateway refuses, so that PostgreSQL itself puts
# the transaction into the state it has after an error. Its syntax error is replaced by the gateway's own.
_REFUSED = "refused_by_the_redshift_gateway"
_LOOKED_AT = frozenset({wire.QUERY, wire.PARSE, wire.SYNC, wire.FUNCTION_CALL, wire.TERMINATE})
_LOOKED_AT_WITH_TRANSFERS = _LOOKED_AT | {wire.BIND, wire.EXECUTE, wire.CLOSE}
_LAST_COPY = b"pg_last_copy_"
_MOST_LOOKS = 1000  # prepared statements of a session that are noted
_GONE_SECONDS = 2.0  # for PostgreSQL to let in a client that has gone
_FLUSH = wire.message(ord("H"))


class Limits(Protocol):
    """What a session needs of the gateway's settings."""

    @property
    def s3(self) -> S3Settings:
        """Where S3 is."""

    @property
    def max_statement_bytes(self) -> int:
        """How long a statement may be."""


class Session:
    """Runs until the client leaves or PostgreSQL does."""

    def __init__(
        self, backend: Backend, feeder: Feeder, unloader: Unloader, limits: Limits, metrics: Metrics, log: Log
    ) -> None:
        """Nothing is read until `run`."""
        self._backend, self._feeder, self._unloader = backend, feeder, unloader
        self._s3, self._metrics, self._log = limits.s3, metrics, log
        self._frames = wire.Frames(_LOOKED_AT, limits.max_statement_bytes)
        self._portals = Portals()
        self._in_batch = False  # extended-protocol messages were sent since the last Sync
        self._skipping = False  # until the client's next Sync, as PostgreSQL does after an error
        self._prepared = False
        self._looks: dict[str, set[str]] = {}  # prepared statements that read what the gateway remembers
        self._gone = asyncio.Event()

    def cancel(self) -> None:
        """Stops the transfer that is running: PostgreSQL cannot interrupt what waits for S3."""
        self._feeder.cancel()
        self._unloader.cancel()

    def client_gone(self) -> None:
        """Stops the transfer that is running: nobody waits for it."""
        self._gone.set()
        self._feeder.client_gone()
        self._unloader.client_gone()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serves the client's messages. Returns when it says goodbye or closes the connection."""
        while chunk := await reader.read(CHUNK):
            for tag, piece in self._frames.feed(chunk):
                if tag == wire.TERMINATE:
                    return
                await self._message(tag, piece)
            await self._backend.writer.drain()

    async def _message(self, tag: int, piece: bytes) -> None:
        if self._skipping and tag != wire.SYNC:
            return
        if tag != wire.RAW:
            await self._prepare()
        match tag:
            case wire.QUERY:
                await self._query(piece)
            case wire.PARSE:
                await self._parse(piece)
            case wire.EXECUTE:
                await self._execute(piece)
            case wire.SYNC | wire.FUNCTION_CALL:
                self._in_batch = self._skipping = False
                self._backend.send(piece, 1)
            case _:
                if tag == wire.BIND and self._looks:
                    await self._look_again(piece)
                self._portals.note(tag, piece)
                if not self._skipping:
                    self._relay(piece)

    def _relay(self, piece: bytes) -> None:
        self._in_batch = self._prepared  # before the first statement there is only the password
        self._backend.send(piece)

    async def _prepare(self) -> None:
        """Before the first statement: the functions that Redshift has must be there."""
        if self._prepared:
            return
        await self._authenticated()
        self._prepared = True
        await shims.ensure(self._backend, self._log)

    async def _authenticated(self) -> None:
        """Waits until PostgreSQL has let the client in. Raises ConnectionResetError when the client gives up before."""
        idle, gone = (asyncio.ensure_future(e.wait()) for e in (self._backend.idle, self._gone))
        try:
            await asyncio.wait({idle, gone}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({idle}, timeout=_GONE_SECONDS)  # it may have sent all it wanted, and its password
            if not idle.done():
                raise ConnectionResetError("the client has gone")
        finally:
            idle.cancel()
            gone.cancel()

    async def _barrier(self) -> None:
        """Waits until all is answered, so that the next answer is to the next request.

        In the middle of a batch this takes a Sync of the gateway's own; if the batch has failed by then, what is left
        of it must not run.
        """
        in_batch, self._in_batch = self._in_batch, False
        await self._backend.idle.wait()  # what the client has synced already: those answers are its own
        if in_batch:
            self._backend.hidden += 1
            self._backend.send(wire.message(wire.SYNC), 1)
            await self._backend.idle.wait()
        self._skipping = in_batch and self._backend.failed

    async def _translated(self, sql: bytes) -> Translation:
        memories = system_tables.mentioned(sql)
        if memories or _LAST_COPY in sql.lower():
            await self._barrier()  # the COPY that it asks about must have ended
        await self._show(memories)
        started = time.perf_counter()
        translation = translate(wire.decode(sql), self._backend.last_copy_count, self._backend.last_copy_id)
        self._metrics.translation_seconds.observe(time.perf_counter() - started)
        return translation

    def _note_look(self, name: str, sql: bytes) -> None:
        """Notes a prepared statement that reads what the gateway remembers: it may run again later."""
        self._looks.pop(name, None)
        if (memories := system_tables.mentioned(sql)) and len(self._looks) < _MOST_LOOKS:
            self._looks[name] = memories
            self._frames.whole = _LOOKED_AT_WITH_TRANSFERS

    async def _look_again(self, frame: bytes) -> None:
        """Before such a statement runs, it is given what is remembered now."""
        _, position = wire.cut_text(frame, 5)
        if memories := self._looks.get(wire.cut_text(frame, position)[0]):
            await self._barrier()
            await self._show(memories)

    async def _show(self, memories: set[str]) -> None:
        """Gives the session what the gateway remembers, for the views that read it. Only when idle."""
        if not memories or self._skipping:
            return
        identity = await self._backend.ask(system_tables.IDENTITY) or []
        for name, rows in system_tables.settings(self._backend.tables, memories, identity):
            await self._backend.ask(system_tables.SHOW, name, rows)

    def _refuse(self, error: GatewayError) -> str:
        """What to send instead of a statement that is refused. Only when idle."""
        self._backend.refusal = error
        self._metrics.refused.labels(error.sqlstate).inc()
        self._log.info("refused", sqlstate=error.sqlstate, reason=error.message)
        return _REFUSED

    async def _load(self, statement: CopyStatement) -> Load:
        """The statement with its target's columns, as the session sees them now. Only when idle."""
        rows = await self._backend.ask(columns.LOOKUP, statement.qualified_table) or []
        return Load(statement, columns.from_rows(rows), self._s3)

    async def _unload(self, statement: UnloadStatement) -> Unload:
        """The statement with its query's columns. Only when idle. Raises GatewayError."""
        return Unload(statement, await self._backend.describe(statement.query), self._s3)

    async def _transfer(self, translation: Translation, position: int) -> Transfer | None:
        """What the statement at this position moves, if it is a COPY from S3 or an UNLOAD. Only when idle."""
        if position in translation.copies:
            return await self._load(translation.copies[position])
        if position in translation.unloads:
            return await self._unload(translation.unloads[position])
        return None

    async def _parse(self, frame: bytes) -> None:
        name, position = wire.cut_text(frame, 5)
        sql, rest = wire.cut_text(frame, position)
        self._portals.prepare(name, None)
        self._note_look(name, frame[position : rest - 1])
        if not may_differ(frame[position : rest - 1]):
            self._relay(frame)
            return
        try:
            translation = await self._translated(frame[position : rest - 1])
            if translation.transfers and len(translation.statements) > 1:
                raise not_supported("COPY or UNLOAD among other commands in a prepared statement")
            sql = await self._prepare_transfer(name, translation) or "; ".join(translation.statements)
        except GatewayError as error:
            await self._barrier()
            sql = self._refuse(error)
        if not self._skipping:
            self._relay(wire.message(wire.PARSE, wire.text(name) + wire.text(sql) + frame[rest:]))

    async def _prepare_transfer(self, name: str, translation: Translation) -> str:
        """The COPY that stands for a transfer; nothing if the statement is none."""
        if not translation.transfers:
            return ""
        await self._barrier()
        if self._skipping or (transfer := await self._transfer(translation, 0)) is None:
            return ""
        self._portals.prepare(name, transfer)
        self._frames.whole = _LOOKED_AT_WITH_TRANSFERS
        return transfer.sql

    async def _execute(self, frame: bytes) -> None:
        transfer = self._portals.executed(frame)
        if transfer is None:
            self._relay(frame)
            return
        await self._backend.idle.wait()  # earlier batches are answered: an error from now on is this one's
        if self._backend.error_seen:
            self._relay(frame)
            return
        if isinstance(transfer, Unload):
            self._in_batch = True
            if error := await self._unloader.run(transfer, frame + _FLUSH):
                self._relay(wire.message(wire.PARSE, b"\0" + wire.text(self._refuse(error)) + b"\0\0"))
            return
        self._backend.copy_events = asyncio.Queue()
        self._relay(frame + _FLUSH)
        try:
            if await self._backend.copy_events.get() == wire.COPY_IN:
                await self._feeder.feed(transfer)
        finally:
            self._backend.copy_events = None

    async def _query(self, frame: bytes) -> None:
        sql = frame[5:-1]
        if not may_differ(sql):
            self._backend.send(frame, 1)
            return
        try:
            translation = await self._translated(sql)
        except GatewayError as error:
            await self._barrier()
            translation = Translation([self._refuse(error)])
        if translation.transfers:
            await self._query_with_transfers(translation)
        else:
            self._backend.send(_query_message("; ".join(translation.statements)), 1)

    async def _query_with_transfers(self, translation: Translation) -> None:
        """A query string of which some statements load or unload: sent one by one, for those look up types first.

        PostgreSQL runs the statements of one string as one transaction, and so does this.
        """
        await self._barrier()
        implicit = self._backend.status == b"I" and translation.needs_block
        if implicit:
            await self._backend.run_script("begin")
        for position, statement in enumerate(translation.statements):
            try:
                transfer = await self._transfer(translation, position)
                await self._run_hidden(transfer.sql if transfer else statement, transfer)
            except GatewayError as error:
                await self._run_hidden(self._refuse(error))
            if self._backend.failed:
                break
        failed = self._backend.failed
        if implicit and self._backend.status != b"I":
            await self._end_block(failed=failed)
        self._backend.client.write(wire.message(wire.READY, self._backend.status))

    async def _run_hidden(self, sql: str, transfer: Transfer | None = None) -> None:
        """Runs a statement to its end; the client sees its results but no ReadyForQuery."""
        if isinstance(transfer, Unload):
            await self._run_unload(sql, transfer)
            return
        events = self._backend.copy_events = asyncio.Queue() if transfer else None
        self._backend.hidden += 1
        self._backend.send(_query_message(sql), 1)
        while events and transfer and (event := await events.get()) != wire.READY:
            if event == wire.COPY_IN:
                await self._feeder.feed(transfer)
        self._backend.copy_events = None
        await self._backend.idle.wait()

    async def _run_unload(self, sql: str, unload: Unload) -> None:
        """The same for an UNLOAD. Raises GatewayError when PostgreSQL has still to be told of it."""
        error = await self._unloader.run(unload, _query_message(sql), 1)
        await self._backend.idle.wait()
        if error:
            raise error

    async def _end_block(self, *, failed: bool) -> None:
        problem = await self._backend.run_script("rollback" if failed else "commit")
        if problem:
            self._backend.client.write(wire.error_response(GatewayError(problem, sqlstate="40000")))


def _query_message(sql: str) -> bytes:
    return wire.message(wire.QUERY, wire.text(sql))
