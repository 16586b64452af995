"""One client's session: reads its messages, sends PostgreSQL what they mean, and has S3 read or written."""

import asyncio
import time

from redshift_gateway import wire
from redshift_gateway.catalogue import system_tables
from redshift_gateway.errors import GatewayError, not_supported
from redshift_gateway.log import Log
from redshift_gateway.metrics import Metrics
from redshift_gateway.server import shims
from redshift_gateway.server.backend import CHUNK, Backend
from redshift_gateway.server.portals import Portals
from redshift_gateway.server.transfers import Transfers
from redshift_gateway.translation import subqueries
from redshift_gateway.translation.translate import Translation, may_differ, translate

# A word that no grammar takes: sent in place of a statement that the gateway refuses, so that PostgreSQL itself puts
# the transaction into the state it has after an error. Its syntax error is replaced by the gateway's own.
_REFUSED = "refused_by_the_redshift_gateway"
_LOOKED_AT = frozenset(
    {wire.QUERY, wire.PARSE, wire.SYNC, wire.FUNCTION_CALL, wire.TERMINATE, wire.COPY_DONE, wire.COPY_FAIL}
)
_LOOKED_AT_WITH_TRANSFERS = _LOOKED_AT | {wire.BIND, wire.EXECUTE, wire.CLOSE}
_LAST = b"pg_last_"
_NOT_CONFORMING = "what PostgreSQL has not, while standard_conforming_strings is off,"
_MOST_LOOKS = 1000  # prepared statements of a session that are noted


class Session:
    """Runs until the client leaves or PostgreSQL does."""

    def __init__(
        self, backend: Backend, transfers: Transfers, max_statement_bytes: int, metrics: Metrics, log: Log
    ) -> None:
        """Nothing is read until `run`."""
        self._backend, self._transfers, self._metrics, self._log = backend, transfers, metrics, log
        self._handlers = {
            wire.QUERY: self._query, wire.PARSE: self._parse, wire.BIND: self._bind, wire.EXECUTE: self._execute,
            wire.FUNCTION_CALL: self._call,
        }  # fmt: skip
        self._frames = wire.Frames(_LOOKED_AT, max_statement_bytes)
        self._portals = Portals()
        self._in_batch = False  # extended-protocol messages were sent since the last Sync
        self._skipping = False  # until the client's next Sync, as PostgreSQL does after an error
        self._prepared = False
        self._looks: dict[str, set[str]] = {}  # prepared statements that read what the gateway remembers

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
        if handle := self._handlers.get(tag):
            await handle(piece)
        elif tag in (wire.SYNC, wire.COPY_DONE, wire.COPY_FAIL):
            self._in_batch = self._in_batch and tag != wire.SYNC
            self._skipping = False
            self._backend.send(piece, tag)
        else:
            self._portals.note(tag, piece)
            self._relay(piece)

    async def _call(self, frame: bytes) -> None:
        if await self._runs():
            self._backend.send(frame, wire.FUNCTION_CALL)

    async def _bind(self, frame: bytes) -> None:
        await self._look_again(frame)
        self._portals.note(wire.BIND, frame)
        if not self._skipping:
            self._relay(frame)

    def _relay(self, piece: bytes) -> None:
        self._in_batch = self._prepared  # before the first statement there is only the password
        self._backend.send(piece)

    async def _prepare(self) -> None:
        """Before the first statement: the functions that Redshift has must be there."""
        if self._prepared:
            return
        await self._backend.idle.wait()
        self._prepared = True
        await shims.ensure(self._backend, self._log)

    async def _barrier(self) -> None:
        """Waits until all is answered, so that the next answer is to the next request.

        In the middle of a batch this takes a Sync of the gateway's own; if the batch has failed by then, what is left
        of it must not run.
        """
        in_batch, self._in_batch = self._in_batch, False
        await self._backend.idle.wait()  # what the client has synced already: those answers are its own
        if in_batch:
            self._backend.hidden += 1
            self._backend.send(wire.message(wire.SYNC), wire.SYNC)
            await self._backend.idle.wait()
        self._skipping = in_batch and self._backend.failed

    def _may_differ(self, sql: bytes) -> bool:
        older = self._backend.postgres_version < subqueries.NAMED_SINCE
        return may_differ(sql) or (older and subqueries.may_lack_names(sql))

    async def _translated(self, sql: bytes) -> Translation:
        memories = system_tables.mentioned(sql)
        if memories or _LAST in sql.lower():
            await self._barrier()  # the COPY or UNLOAD that it asks about must have ended
        await self._show(memories)
        started = time.perf_counter()
        translation = translate(wire.decode(sql), self._backend.last)
        if self._backend.postgres_version < subqueries.NAMED_SINCE:
            translation = subqueries.all_named(translation)
        self._metrics.translation_seconds.observe(time.perf_counter() - started)
        if not self._backend.conforming and translation.changes(wire.decode(sql)):
            raise not_supported(_NOT_CONFORMING, "SET standard_conforming_strings = on.")
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

    async def _parse(self, frame: bytes) -> None:
        name, position = wire.cut_text(frame, 5)
        _, rest = wire.cut_text(frame, position)
        said = frame[position : rest - 1]
        self._portals.prepare(name, None)
        self._note_look(name, said)
        if not self._may_differ(said):
            self._backend.begun(said)
            self._relay(frame)
            return
        try:
            translation = await self._translated(said)
            if translation.transfers and len(translation.statements) > 1:
                raise not_supported("COPY or UNLOAD among other commands in a prepared statement")
            if not (sql := await self._prepare_transfer(name, translation)):
                sql = "; ".join(translation.statements)
                self._backend.begun(said)
        except GatewayError as error:
            await self._barrier()
            self._backend.begun(said)
            sql = self._refuse(error)
        if not self._skipping:
            self._relay(wire.message(wire.PARSE, wire.text(name) + wire.text(sql) + frame[rest:]))

    async def _prepare_transfer(self, name: str, translation: Translation) -> str:
        """The COPY that stands for a transfer; nothing if the statement is none."""
        if not translation.transfers:
            return ""
        await self._barrier()
        if self._skipping or (transfer := await self._transfers.find(translation, 0)) is None:
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
        self._in_batch = True
        self._backend.begun(transfer.said.encode())
        if error := await self._transfers.execute(transfer, frame):
            self._relay(wire.message(wire.PARSE, b"\0" + wire.text(self._refuse(error)) + b"\0\0"))

    async def _runs(self) -> bool:
        """Whether PostgreSQL runs what comes next: in a batch that has failed it skips even a simple query."""
        if self._in_batch:
            await self._barrier()
        return not self._skipping

    async def _query(self, frame: bytes) -> None:
        sql = frame[5:-1]
        if not await self._runs():
            return
        if not self._may_differ(sql):
            self._backend.begun(sql)
            self._backend.send(frame, wire.QUERY)
            return
        try:
            translation = await self._translated(sql)
        except GatewayError as error:
            await self._barrier()
            translation = Translation([self._refuse(error)])
        if translation.transfers:
            await self._barrier()
            await self._transfers.query(translation, self._refuse)
        else:
            self._backend.begun(sql)
            self._backend.send(_query_message("; ".join(translation.statements)), wire.QUERY)


def _query_message(sql: str) -> bytes:
    return wire.message(wire.QUERY, wire.text(sql))
