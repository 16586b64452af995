"""The first packets of a connection: what the client asks for, and what of it PostgreSQL may see."""

import asyncio
import ssl
import struct
from dataclasses import dataclass

from redshift_gateway import wire
from redshift_gateway.errors import GatewayError

SERVER_VERSION = "8.0.2"  # what Redshift has always answered; drivers choose their ways by it
_MAX_PACKET = 10_000  # PostgreSQL's own limit
_PROTOCOL_3 = 3

# Redshift's drivers send these; PostgreSQL refuses a connection with a start-up parameter that it does not know.
_UNKNOWN_TO_POSTGRES = frozenset({
    "client_protocol_version", "driver_version", "os_version", "driver_discovery_version", "plugin_name",
    "provider_name", "idp_type", "identity_namespace", "token_type", "idc_client_display_name", "preferred_role",
    "token", "connector",
})  # fmt: skip


@dataclass(frozen=True)
class Startup:
    """A client that wants a session."""

    version: int
    parameters: dict[str, str]

    @property
    def is_redshift_connector(self) -> bool:
        """Whether the client is Amazon's driver for Python, which reads the list of SASL mechanisms wrongly."""
        return "python" in self.parameters.get("driver_version", "").lower()

    def packet(self) -> bytes:
        """The start-up packet for PostgreSQL. Redshift's time zone is UTC, unless the client names another."""
        kept = {k: v for k, v in self.parameters.items() if k not in _UNKNOWN_TO_POSTGRES and k != "replication"}
        if "timezone" not in " ".join([*kept, kept.get("options", "")]).lower():
            kept["TimeZone"] = "UTC"
        return wire.startup_packet(self.version, kept)


@dataclass(frozen=True)
class Cancel:
    """A client that wants another session's statement cancelled; `key` is that session's process id and secret."""

    key: bytes

    def packet(self) -> bytes:
        """The request as PostgreSQL takes it."""
        return struct.pack("!II", len(self.key) + 8, wire.CANCEL_REQUEST) + self.key


class ClientReader(asyncio.StreamReader):
    """A stream that tells at once when the other side has closed, even while nobody reads."""

    def __init__(self, limit: int) -> None:
        """Open. About twice `limit` bytes are held before the client has to wait."""
        super().__init__(limit=limit)
        self.closed = asyncio.Event()
        self.received = 0  # bytes so far

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        """Called by asyncio."""
        self.received += len(data)
        super().feed_data(data)

    def feed_eof(self) -> None:
        """Called by asyncio when the other side closes in good order."""
        self.closed.set()
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        """Called by asyncio when the connection breaks."""
        self.closed.set()
        super().set_exception(exc)


async def read_startup(
    reader: ClientReader, writer: asyncio.StreamWriter, tls: ssl.SSLContext | None, *, required: bool = False
) -> Startup | Cancel:
    """What a new client wants, once it has encrypted the connection if it wants to and may.

    Raises GatewayError for what is not this protocol, and for a session in plain where `required` forbids it.
    """
    read, encrypted = 0, False
    for _ in range(3):  # TLS, then GSS, then the packet itself
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        if not 8 <= length <= _MAX_PACKET:
            raise GatewayError("invalid length of startup packet", sqlstate="08P01")
        packet = await reader.readexactly(length - 4)
        read += length
        (code,) = struct.unpack_from("!I", packet)
        if code == wire.CANCEL_REQUEST:
            return Cancel(packet[4:])
        if code not in (wire.SSL_REQUEST, wire.GSS_REQUEST):
            if required and not encrypted:
                raise GatewayError("no encryption: the gateway requires TLS", sqlstate="28000")
            return _startup(code, packet[4:])
        if reader.received > read:  # sent before it could be encrypted: it must not pass for what is
            raise GatewayError("received unencrypted data after an encryption request", sqlstate="08P01")
        if code == wire.SSL_REQUEST and tls is not None and not encrypted:
            encrypted, read = True, reader.received
            await _encrypt(writer, tls)
            continue
        writer.write(b"N")
        await writer.drain()
    raise GatewayError("no startup packet after the encryption requests", sqlstate="08P01")


async def _encrypt(writer: asyncio.StreamWriter, tls: ssl.SSLContext) -> None:
    writer.write(b"S")
    await writer.start_tls(tls)


def _startup(version: int, body: bytes) -> Startup:
    if version >> 16 != _PROTOCOL_3:
        raise GatewayError("unsupported frontend protocol", sqlstate="0A000")
    parameters = wire.startup_parameters(body)
    if not parameters.get("user"):
        raise GatewayError("no PostgreSQL user name specified in startup packet", sqlstate="28000")
    return Startup(version, parameters)
