"""Messages of the PostgreSQL protocol 3.0, as far as the gateway reads or writes them.

A message is a tag byte, a length (which counts itself but not the tag), and a payload. The start-up packet has no tag.
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping

from redshift_gateway.errors import GatewayError

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102

_HEADER = struct.Struct("!BI")
_read_header = _HEADER.unpack_from
# A message that is looked at must fit in memory; data does not go through here.
MAX_MESSAGE = 64 * 1024 * 1024
MAX_STATEMENT = 16 * 1024 * 1024  # Redshift's own limit of one statement's SQL

RAW = 0  # the tag of a piece that is relayed without a look
QUERY, PARSE, BIND, EXECUTE, CLOSE, SYNC, FUNCTION_CALL, TERMINATE = b"QPBECSFX"
READY, ERROR, COPY_IN, PARAMETER_STATUS, COMPLETE, DATA_ROW, KEY_DATA, AUTHENTICATION = b"ZEGSCDKR"
COPY_OUT, COPY_DONE, COPY_FAIL, NOTICE, DESCRIBE, ROW_DESCRIPTION = b"HcfNDT"
PASSWORD, NEGOTIATE_VERSION = b"pv"


class Frames:
    """Cuts a stream of bytes into pieces: whole messages of the tags asked for, and raw spans of all others.

    A raw span may hold many messages, or a part of one. So a large result costs one look at each header and no copy
    of any row, and only messages that matter are ever held in memory.
    """

    def __init__(self, whole: Collection[int] | None, max_statement: int = MAX_STATEMENT) -> None:
        """`whole` are the tags to be delivered message by message; None means every tag."""
        self.whole = whole
        self._limits = {QUERY: max_statement, PARSE: max_statement}
        self._kept = bytearray()  # a message that has not arrived whole
        self._need = 0  # its length, as far as known
        self._skip = 0  # what is left of a raw message

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """The pieces that `chunk` completes, in order, as (tag or RAW, bytes). Raises GatewayError on a bad length.

        `whole` may be changed between two pieces; the generator must be run to its end.
        """
        chunk = self._joined(chunk)
        start, position, end, whole = 0, min(self._skip, len(chunk)), len(chunk), self.whole
        self._skip -= position
        while end - position >= 5:
            tag, length = _read_header(chunk, position)
            after = position + length + 1
            if whole is not None and tag not in whole and length >= 4:
                position = after
                continue
            _check_length(length, self._limits.get(tag, MAX_MESSAGE))
            if after > end:
                self._need = after - position
                break
            if position > start:
                yield RAW, chunk[start:position]
            yield tag, chunk[position:after]
            start, position, whole = after, after, self.whole
        if position > end:
            self._skip, position = position - end, end
        if position > start:
            yield RAW, chunk[start:position]
        self._kept += chunk[position:]

    def _joined(self, chunk: bytes) -> bytes:
        """The chunk behind what is kept; nothing while the message that it belongs to is still incomplete."""
        if not self._kept:
            return chunk
        self._kept += chunk
        if len(self._kept) < self._need:
            return b""
        chunk, self._kept, self._need = bytes(self._kept), bytearray(), 0
        return chunk


def _check_length(length: int, limit: int) -> None:
    if length < 4:  # the length counts itself
        raise GatewayError("invalid message length", sqlstate="08P01")
    if length > limit:
        raise GatewayError(f"message length {length} is over the limit of {limit} bytes", sqlstate="54000")


def message(tag: int, payload: bytes = b"") -> bytes:
    """One message, ready to send."""
    return _HEADER.pack(tag, len(payload) + 4) + payload


def text(value: str) -> bytes:
    """A protocol string: the text and a zero byte. Undecodable bytes that came in go out as they were."""
    return value.encode("utf-8", "surrogateescape") + b"\0"


def decode(value: bytes) -> str:
    """The text of bytes in whatever encoding the client uses: `text` gives back the same bytes."""
    return value.decode("utf-8", "surrogateescape")


def cut_text(payload: bytes, start: int = 0) -> tuple[str, int]:
    """The protocol string at `start` and the position after it. Raises GatewayError when it has no end."""
    end = payload.find(b"\0", start)
    if end < 0:
        raise GatewayError("invalid string in message", sqlstate="08P01")
    return decode(payload[start:end]), end + 1


def startup_packet(version: int, parameters: Mapping[str, str]) -> bytes:
    """The first packet of a connection, as sent to PostgreSQL."""
    body = struct.pack("!I", version) + b"".join(text(k) + text(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def startup_parameters(body: bytes) -> dict[str, str]:
    """The name and value pairs of a start-up packet's body (after the version)."""
    parts = decode(body).split("\0")
    return {k: v for k, v in zip(parts[::2], parts[1::2], strict=False) if k}


def error_response(error: GatewayError, severity: str = "ERROR") -> bytes:
    """An ErrorResponse. FATAL is for errors after which the connection closes."""
    return message(ERROR, _fields(severity, error.sqlstate, error.message, error.detail, error.hint))


def notice(severity: str, wording: str) -> bytes:
    """A NoticeResponse, such as Redshift's INFO after a COPY."""
    return message(NOTICE, _fields(severity, "00000", wording))


def _fields(severity: str, sqlstate: str, wording: str, detail: str = "", hint: str = "") -> bytes:
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": wording, "D": detail, "H": hint}
    return b"".join(k.encode() + text(v.replace("\0", "")) for k, v in fields.items() if v) + b"\0"


def error_fields(frame: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse frame, by their one-letter names."""
    return {f[:1]: f[1:] for f in decode(frame[5:]).split("\0") if f}


def rebuild_error(fields: Mapping[str, str]) -> bytes:
    """An ErrorResponse out of fields by their one-letter names."""
    return message(ERROR, b"".join(k.encode() + text(v) for k, v in fields.items()) + b"\0")


def own_query(sql: str, parameters: Iterable[str]) -> bytes:
    """A query of the gateway's own, with text parameters, under names that no client uses."""
    values = [text(p)[:-1] for p in parameters]
    packed = b"".join(struct.pack("!I", len(v)) + v for v in values)
    bind = b"_gateway\0_gateway\0" + struct.pack("!HH", 0, len(values)) + packed + struct.pack("!H", 0)
    return (
        message(PARSE, b"_gateway\0" + text(sql) + b"\0\0")
        + message(BIND, bind)
        + message(EXECUTE, b"_gateway\0\0\0\0\0")
        + message(CLOSE, b"P_gateway\0")
        + message(CLOSE, b"S_gateway\0")
        + message(SYNC)
    )


def own_description(sql: str) -> bytes:
    """Asks what columns a statement gives, without running it."""
    return (
        message(PARSE, b"_gateway\0" + text(sql) + b"\0\0")
        + message(DESCRIBE, b"S_gateway\0")
        + message(CLOSE, b"S_gateway\0")
        + message(SYNC)
    )


def row_values(frame: bytes) -> list[str | None]:
    """The text values of a DataRow frame."""
    (count,) = struct.unpack_from("!H", frame, 5)
    values: list[str | None] = []
    position = 7
    for _ in range(count):
        (length,) = struct.unpack_from("!i", frame, position)
        position += 4
        values.append(decode(frame[position : position + length]) if length >= 0 else None)
        position += max(length, 0)
    return values
