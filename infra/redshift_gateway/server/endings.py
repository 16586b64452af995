"""How a session ends: by the client, by PostgreSQL, or some time after the client has gone."""

import asyncio
import contextlib
from collections.abc import Awaitable

from redshift_gateway.server.startup import ClientReader
from redshift_gateway.server.transfers import Transfers

_CLOSE_SECONDS = 2.0
_GONE_SECONDS = 5.0  # that a session has to finish what a client has asked for that has gone


async def watch(reader: ClientReader, transfers: Transfers) -> None:
    """Tells the transfers that the client has gone. Returns when the session has had the time to end by itself."""
    await reader.closed.wait()
    transfers.client_gone()
    await asyncio.sleep(_GONE_SECONDS)


async def until_one_ends(session: Awaitable[None], backend: Awaitable[None], watch: Awaitable[None]) -> bool:
    """Runs all three until one ends. Returns whether PostgreSQL is not the one; raises the error of what has ended."""
    first, second, third = (asyncio.ensure_future(w) for w in (session, backend, watch))
    try:
        done, _ = await asyncio.wait({first, second, third}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return second not in done
    finally:
        for task in (first, second, third):
            task.cancel()
        await asyncio.gather(first, second, third, return_exceptions=True)


async def close(writer: asyncio.StreamWriter) -> None:
    """Sends what is left and closes, within a short time."""
    with contextlib.suppress(OSError, TimeoutError):
        writer.close()
        async with asyncio.timeout(_CLOSE_SECONDS):
            await writer.wait_closed()
