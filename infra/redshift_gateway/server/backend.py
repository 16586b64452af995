"""The PostgreSQL side of a session: relays what comes back, and knows where in the conversation it is."""

import asyncio
import re

from redshift_gateway import wire
from redshift_gateway.catalogue import load_errors
from redshift_gateway.catalogue.history import Statements
from redshift_gateway.catalogue.system_tables import Origin, SystemTables
from redshift_gateway.catalogue.transfer_history import Memory
from redshift_gateway.copy.expected import Expected
from redshift_gateway.copy.load import Load
from redshift_gateway.errors import GatewayError, of_postgres
from redshift_gateway.server.startup import SERVER_VERSION
from redshift_gateway.translation import hints
from redshift_gateway.translation.answers import Last
from redshift_gateway.unload.columns import OutputColumn, from_description
from redshift_gateway.unload.plan import Spool

CHUNK = 1 << 18
_LOOKED_AT = frozenset({wire.READY, wire.ERROR, wire.COPY_IN, wire.PARAMETER_STATUS, wire.COMPLETE, wire.KEY_DATA})
_LOOKED_AT_FOR_UNLOAD = _LOOKED_AT | {wire.COPY_OUT, wire.COPY_DONE, wire.NOTICE}


class Backend:
    """Reads PostgreSQL's messages, passes them to the client, and tells the session what it waits for."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        """Nothing is read until `run`."""
        self.reader, self.writer, self.client = reader, writer, client
        self.idle = asyncio.Event()  # all requests are answered
        self.status = b"I"  # of the transaction: I idle, T in a block, E in a failed block
        self.failed = False  # whether the last answered request failed
        self.key = b""  # what a cancel request for this session names
        self.hidden = 0  # ReadyForQuery messages that the client must not see: the answers to the gateway's requests
        self.refusal: GatewayError | None = None  # takes the place of the next error
        self.copy_events: asyncio.Queue[int] | None = None  # set while the session waits for a load or an unload
        self.loading: Load | None = None  # the load that is being fed
        self.interrupted = asyncio.Event()  # the load that is being fed must stop
        self.spool: Spool | None = None  # takes the rows of an UNLOAD
        self.postgres_version = 0  # the first number of it
        self.conforming = True  # standard_conforming_strings, as PostgreSQL says it is
        self.last = Last()  # what pg_last_copy_id() and its kin answer
        self.origin = Origin("", "")  # who the session is
        self.statements = Statements()  # what the client has running
        self.tables = SystemTables()  # what the gateway remembers, of all its sessions
        self._frames = wire.Frames(_LOOKED_AT)
        self._expected = Expected()
        self._error_seen = False
        self._answer: list[bytes] | None = None

    def send(self, data: bytes | memoryview, request: int | None = None) -> None:
        """Queues bytes for PostgreSQL. `request` is the tag of the message in them that brings a ReadyForQuery."""
        if request is not None:
            self._expected.sent(request)
            self._set_idle()
        self.writer.write(data)

    def begun(self, sql: bytes) -> None:
        """Notes a statement of the client's for the history."""
        self.statements.begun(self.tables.next_query(), sql)

    @property
    def process(self) -> int:
        """The number of the session's process in PostgreSQL; 0 until it is known."""
        return int.from_bytes(self.key[:4])

    @property
    def memory(self) -> Memory:
        """Where the session's transfers are remembered."""
        return Memory(self.tables, self.origin, self.process)

    @property
    def error_seen(self) -> bool:
        """Whether the request that is being answered has failed."""
        return self._error_seen

    async def run(self) -> None:
        """Relays until PostgreSQL closes the connection."""
        while chunk := await self.reader.read(CHUNK):
            await self.relay(chunk)

    async def relay(self, chunk: bytes) -> None:
        """Takes what PostgreSQL has said; the client gets what is its own of it."""
        out = [
            self._raw(piece) if tag == wire.RAW else self._message(tag, piece)
            for tag, piece in self._frames.feed(chunk)
        ]
        if data := b"".join(out):
            self.client.write(data)
            await self.client.drain()
        if self.spool is not None:
            await self.spool.room()

    async def ask(self, sql: str, *parameters: str) -> list[list[str | None]] | None:
        """The rows of a query of the gateway's own; None when it fails. Only when idle."""
        answer = await self._own(wire.own_query(sql, parameters))
        if any(m[0] == wire.ERROR for m in answer):
            return None
        return [wire.row_values(m) for m in answer if m[0] == wire.DATA_ROW]

    async def describe(self, sql: str) -> list[OutputColumn]:
        """The columns that a query gives. Raises GatewayError when PostgreSQL does not take it. Only when idle."""
        answer = await self._own(wire.own_description(sql))
        for message in answer:
            if message[0] == wire.ERROR:
                raise of_postgres(wire.error_fields(message))
        return next((from_description(m) for m in answer if m[0] == wire.ROW_DESCRIPTION), [])

    def begin_unload(self) -> Spool:
        """From now on the rows of the next COPY TO STDOUT are the spool's, and its end is told to `unload_outcome`."""
        self.copy_events, self.spool = asyncio.Queue(), Spool()
        self._frames.whole = _LOOKED_AT_FOR_UNLOAD
        return self.spool

    async def unload_outcome(self) -> int:
        """How the COPY TO STDOUT ended: COMPLETE or ERROR. The client has seen the error, but no completion."""
        assert self.copy_events is not None  # noqa: S101 - begin_unload() was called
        while (event := await self.copy_events.get()) not in (wire.COMPLETE, wire.ERROR):
            pass
        return event

    def end_unload(self) -> None:
        """What comes next is the client's again."""
        self.copy_events = self.spool = None
        self._frames.whole = _LOOKED_AT

    async def run_script(self, sql: str) -> str:
        """Runs statements of the gateway's own; the error's text when they fail, else nothing. Only when idle."""
        answer = await self._own(wire.message(wire.QUERY, wire.text(sql)))
        return next((wire.error_fields(m).get("M", "?") for m in answer if m[0] == wire.ERROR), "")

    async def _own(self, request: bytes) -> list[bytes]:
        """The messages that answer a request of the gateway's own; the client sees none of them."""
        self._answer, self._frames.whole = [], None
        self.send(request, wire.SYNC)
        await self.idle.wait()
        answer, self._answer, self._frames.whole = self._answer, None, _LOOKED_AT
        return answer

    def _raw(self, piece: bytes) -> bytes:
        if self.spool is None or not self.spool.active:
            return piece
        self.spool.feed(piece)
        return b""

    def _message(self, tag: int, frame: bytes) -> bytes:
        """What the client gets for a message of PostgreSQL's."""
        if tag == wire.PARAMETER_STATUS and frame[5:].startswith(b"standard_conforming_strings\0"):
            self.conforming = frame[5:].endswith(b"\0on\0")
        if self._answer is not None:
            self._answer.append(frame)
            return b"" if tag != wire.READY else self._ready(frame, visible=False)
        if self.spool is not None and self._is_unload(self.spool, tag):
            return b""
        match tag:
            case wire.READY:
                return self._ready(frame, visible=not self.hidden)
            case wire.ERROR:
                return self._error(frame)
            case wire.COPY_IN if self.copy_events is not None:
                self.copy_events.put_nowait(tag)
                return b""
            case wire.COMPLETE if self.loading is not None:
                return self._loaded(self.loading, frame)
        return self._relayed(tag, frame)

    def _relayed(self, tag: int, frame: bytes) -> bytes:
        """What the client gets for a message that is its own: with some, PostgreSQL would not pass for Redshift."""
        if tag == wire.COPY_IN:
            self._expected.copy_began()
            self._set_idle()
        if tag == wire.COMPLETE and frame[5:] == b"DO\0":  # of the gateway's own making: Redshift has no DO
            return wire.message(tag, wire.text("CREATE TABLE"))
        if tag == wire.PARAMETER_STATUS and frame[5:].startswith(b"server_version\0"):
            self.postgres_version = int(re.split(rb"\D", frame[20:], maxsplit=1)[0] or 0)
            return wire.message(tag, wire.text("server_version") + wire.text(SERVER_VERSION))
        if tag == wire.KEY_DATA:
            self.key = frame[5:]
        return frame

    def _ready(self, frame: bytes, *, visible: bool) -> bytes:
        self.status = frame[5:6]
        self.failed, self._error_seen, self.refusal = self._error_seen, False, None
        self._expected.answered()
        self._set_idle()
        if self._answer is None:
            last = self.statements.ended(self.tables, self.origin, self.process, failed=self.failed)
            self.last.query_id = last or self.last.query_id
            self.hidden -= not visible
            self._tell(wire.READY)
        return frame if visible else b""

    def _set_idle(self) -> None:
        (self.idle.set if self._expected.none else self.idle.clear)()

    def _tell(self, tag: int) -> None:
        if self.copy_events is not None:
            self.copy_events.put_nowait(tag)

    def _error(self, frame: bytes) -> bytes:
        refusal, self.refusal = self.refusal, None
        loading, self.loading = self.loading, None
        self._error_seen = True
        self._expected.failed()
        self._set_idle()
        self.interrupted.set()
        if self.spool is not None:
            self.spool.end()
        self._tell(wire.ERROR)
        if refusal is not None:
            frame = wire.error_response(refusal)
        elif loading is not None:
            frame = load_errors.explained(frame, loading)
        else:
            frame = hints.explained(frame)
        if loading is not None:
            self._remember(loading)
        return frame

    def _remember(self, load: Load, rows: int | None = None) -> None:
        """The load has ended, with so many rows in its table, or not well: the system tables tell of it."""
        self.last.copy_id = load.query
        load.places.forget()
        self.memory.loaded(load, rows)

    def _is_unload(self, spool: Spool, tag: int) -> bool:
        """Follows the rows of an UNLOAD; whether the message belongs to them."""
        if tag == wire.COPY_OUT:
            spool.begin()
            self.last.unload_count = 0  # until it has ended well
        elif tag == wire.COMPLETE and spool.active:
            spool.end()
            self._tell(tag)
        else:
            return tag == wire.COPY_DONE
        return True

    def _loaded(self, load: Load, frame: bytes) -> bytes:
        self.loading = None
        count = frame[5:-1].rpartition(b" ")[2].decode()
        self.last.copy_count = int(count) if count.isdigit() else 0
        self._remember(load, self.last.copy_count)
        done = f"Load into table '{load.statement.table[-1]}' completed, "
        notices = wire.notice("INFO", f"{done}{count} record(s) loaded successfully.")
        if load.rejects.count:
            hint = "Check 'stl_load_errors' system table for details."
            notices += wire.notice("WARNING", f"{done}{load.rejects.count} record(s) could not be loaded.  {hint}")
        return notices + frame
