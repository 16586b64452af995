"""The first words of an authentication, where SCRAM would bind it to an encryption that ends at the gateway.

A password's proof is made by the client and judged by PostgreSQL: the gateway only passes it on. SCRAM-SHA-256-PLUS
binds the proof to the server's certificate, so it does not pass where the gateway shows a certificate of its own: then
PLUS is taken out of PostgreSQL's offer. A client that could have bound says so, though, and PostgreSQL, if it is
encrypted, takes the missing offer for an attack. What the client says is part of the proof and cannot be changed.
https://www.postgresql.org/docs/current/sasl-authentication.html
"""

import asyncio
import struct

from redshift_gateway import wire
from redshift_gateway.errors import GatewayError
from redshift_gateway.server.postgres_url import SslMode
from redshift_gateway.server.startup import Startup
from redshift_gateway.server.upstream import Link, Upstream

_SECONDS = 60.0  # PostgreSQL's own default of authentication_timeout
_MAX_MESSAGE = 65_535  # PostgreSQL's own limit
_SASL = struct.pack("!I", 10)
_PLUS = b"SCRAM-SHA-256-PLUS"
_COULD_BIND = b"SCRAM-SHA-256\0"  # the mechanism of a client's answer; a length follows, then the flag
_BEFORE = (wire.NOTICE, wire.NEGOTIATE_VERSION)  # what PostgreSQL may say before it asks for a password


async def begin(
    upstream: Upstream, wanted: Startup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, shown: bytes
) -> tuple[Link, bytes]:
    """Opens PostgreSQL for a client, and carries the first words of SASL where that is how PostgreSQL asks.

    `shown` is the certificate that the gateway has shown to the client, nothing without encryption. Returns also what
    PostgreSQL has said that the client does not know yet. Raises GatewayError.
    """
    async with asyncio.timeout(_SECONDS):
        link, before, said = await _greeted(upstream, wanted)
        try:
            if not _is_offer(said):
                return link, before + said
            bound = bool(shown) and shown == link.certificate
            writer.write(before + _offer(said, plus=bound, list_end=not wanted.is_redshift_connector))
            await writer.drain()
            answer = await _message(reader)
            if link.encrypted and _could_have_bound(answer):
                link.abort()
                link = await _without_encryption(upstream, wanted)
        except BaseException:
            link.abort()
            raise
    link.writer.write(answer)
    return link, b""


async def _greeted(upstream: Upstream, wanted: Startup, *, plain: bool = False) -> tuple[Link, bytes, bytes]:
    """A connection that has asked, what PostgreSQL says first (notices, as a rule nothing), and its answer."""
    link, before = await upstream.open(plain=plain), b""
    try:
        link.writer.write(wanted.packet())
        while (said := await _message(link.reader))[0] in _BEFORE:
            before += said
    except asyncio.IncompleteReadError:
        link.abort()
        raise GatewayError("PostgreSQL closed the connection unexpectedly", sqlstate="08006") from None
    except BaseException:
        link.abort()
        raise
    return link, before, said


async def _without_encryption(upstream: Upstream, wanted: Startup) -> Link:
    """Another connection, which has asked the same; where the settings forbid it, or PostgreSQL does, an error."""
    if upstream.mode is SslMode.PREFER:
        link, _, said = await _greeted(upstream, wanted, plain=True)
        if _is_offer(said):
            return link
        link.abort()
    raise GatewayError(
        "SCRAM channel binding does not pass the gateway",
        sqlstate="28000",
        detail="The client's TLS ends at the gateway, which has another certificate than PostgreSQL.",
        hint="Connect with channel_binding=disable, or start the gateway with PostgreSQL's own certificate and key.",
    )


async def _message(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readexactly(5)
    (length,) = struct.unpack_from("!I", header, 1)
    if not 4 <= length <= _MAX_MESSAGE:
        raise GatewayError("invalid message length", sqlstate="08P01")
    return header + await reader.readexactly(length - 4)


def _is_offer(said: bytes) -> bool:
    return said[0] == wire.AUTHENTICATION and said[5:9] == _SASL


def _offer(said: bytes, *, plus: bool, list_end: bool) -> bytes:
    """PostgreSQL's list of mechanisms as the client may have it.

    redshift_connector takes the empty string that ends the list for one more mechanism, and gives up.
    """
    mechanisms = [m for m in said[9:].split(b"\0") if m and (plus or m != _PLUS)]
    return wire.message(wire.AUTHENTICATION, _SASL + b"".join(m + b"\0" for m in mechanisms) + b"\0" * list_end)


def _could_have_bound(answer: bytes) -> bool:
    """Whether the client uses SCRAM without a binding and says that it could have bound."""
    start = 5 + len(_COULD_BIND)
    return answer[0] == wire.PASSWORD and answer[5:start] == _COULD_BIND and answer[start + 4 :].startswith(b"y,")
