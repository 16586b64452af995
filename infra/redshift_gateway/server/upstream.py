"""Connections to PostgreSQL: encrypted as the settings ask, or not opened at all.

https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
"""

import asyncio
import ssl
import struct
from dataclasses import dataclass
from pathlib import Path

from redshift_gateway import wire
from redshift_gateway.errors import GatewayError
from redshift_gateway.server.postgres_url import SYSTEM, PostgresTls, SslMode
from redshift_gateway.server.startup import ClientReader

BUFFER = 1 << 20  # bytes held for a slow reader before the writer is made to wait
_CONNECT_SECONDS = 10.0
_REQUEST = struct.pack("!II", 8, wire.SSL_REQUEST)


@dataclass(frozen=True)
class Link:
    """One open connection."""

    reader: ClientReader
    writer: asyncio.StreamWriter

    @property
    def encrypted(self) -> bool:
        """Whether it is."""
        return self.writer.get_extra_info("ssl_object") is not None

    @property
    def certificate(self) -> bytes:
        """The certificate that PostgreSQL has shown (DER); nothing without encryption."""
        return self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True) if self.encrypted else b""

    def abort(self) -> None:
        """Closes it at once."""
        self.writer.transport.abort()


class Upstream:
    """Where PostgreSQL is and how to get there."""

    def __init__(self, host: str, port: int, tls: PostgresTls) -> None:
        """Reads the root certificate. Raises OSError (ssl.SSLError too) when it cannot."""
        self._host, self._port, self.mode = host, port, tls.mode
        self._context = _context(tls)

    async def open(self, *, plain: bool = False) -> Link:
        """A new connection; `plain` where it need not be encrypted. Raises GatewayError when there is none."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                if self._context is None or plain:
                    return await self._connect()
                return await self._negotiate(self._context)
        except ssl.SSLCertVerificationError as error:
            wanted = "must have signed it" + (", and it must name the host" if self.mode is SslMode.VERIFY_FULL else "")
            hint = f"The gateway's --postgres says sslmode={self.mode}: its sslrootcert {wanted}."
            raise _failed(f"PostgreSQL's certificate is not trusted: {error.verify_message}", hint) from None
        except ssl.SSLError as error:
            raise _failed(f"TLS with PostgreSQL failed: {error.reason or type(error).__name__}") from None
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise _failed(f"PostgreSQL cannot be reached: {type(error).__name__}") from None

    async def _negotiate(self, context: ssl.SSLContext) -> Link:
        link = await self._connect()
        try:
            if await self._encrypt(link, context):
                return link
        except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
            link.abort()
            if self.mode is not SslMode.PREFER:
                raise
            return await self._connect()  # as libpq does
        except BaseException:
            link.abort()
            raise
        return link

    async def _encrypt(self, link: Link, context: ssl.SSLContext) -> bool:
        link.writer.write(_REQUEST)
        answer = await link.reader.readexactly(1)
        if answer != b"S":
            if answer != b"N":
                raise _failed("PostgreSQL answered the request for TLS with an error")
            if self.mode is SslMode.PREFER:
                return False
            hint = f"The gateway's --postgres says sslmode={self.mode}: turn ssl on in PostgreSQL, or ask for less."
            raise _failed("PostgreSQL does not support SSL, but the gateway requires it", hint)
        if link.reader.received > 1:  # CVE-2021-23222
            raise _failed("received unencrypted data after PostgreSQL's answer to the SSL request")
        await link.writer.start_tls(context, server_hostname=self._host)
        link.writer.transport.set_write_buffer_limits(high=4 * BUFFER)
        return True

    async def _connect(self) -> Link:
        loop, reader = asyncio.get_running_loop(), ClientReader(BUFFER)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_connection(lambda: protocol, self._host, self._port)
        transport.set_write_buffer_limits(high=4 * BUFFER)
        return Link(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


def _failed(message: str, hint: str = "") -> GatewayError:
    return GatewayError(message, sqlstate="08006", hint=hint)


def _context(tls: PostgresTls) -> ssl.SSLContext | None:
    """What the mode asks for; none where nothing shall be encrypted."""
    if tls.mode is SslMode.DISABLE:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.mode is SslMode.VERIFY_FULL
    context.verify_mode = ssl.CERT_REQUIRED if tls.verifies else ssl.CERT_NONE
    if tls.root_certificate == SYSTEM:
        context.load_default_certs()
    elif tls.root_certificate:
        context.load_verify_locations(cadata=Path(tls.root_certificate).read_text())
    return context
