"""The gateway as a service: what is looked at when it starts, the signals it takes, and its page for monitoring."""

import asyncio
import signal
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from redshift_gateway.log import Log
from redshift_gateway.server.gateway import Gateway

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_LOOK_SECONDS = 3.0  # at S3 when the gateway starts, and at the event loop and PostgreSQL when somebody asks


async def run(gateway: Gateway, metrics_port: int, grace: float) -> None:
    """Serves until SIGTERM or SIGINT. Raises OSError when a port cannot be had."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: gateway.stop_now() if stop.is_set() else stop.set())
    loop.add_signal_handler(signal.SIGHUP, lambda: _reload(gateway))
    settings = gateway.settings
    port = await gateway.start()
    if metrics_port:
        _serve_page(settings.host, metrics_port, gateway.metrics.registry, lambda: _trouble(gateway, loop))
    Log().info("listening", host=settings.host, port=port, postgres_sslmode=settings.postgres_tls.mode)
    looking = asyncio.create_task(_look_around(gateway))
    await stop.wait()
    looking.cancel()
    Log().info("stopping", sessions=gateway.sessions)
    await gateway.stop(grace)
    Log().info("stopped")


def _reload(gateway: Gateway) -> None:
    try:
        gateway.reload()
    except (OSError, ValueError) as error:
        Log().error("certificates_kept", reason=str(error))


async def _look_around(gateway: Gateway) -> None:
    """Says in the log what is away. It may come later, so the gateway goes on."""
    if trouble := await gateway.trouble():
        Log().warning("postgres_away", reason=trouble, remedy="is it running, and does --postgres name it?")
    address = urlsplit(gateway.settings.s3.endpoint)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            _, writer = await asyncio.open_connection(address.hostname, port)
        writer.close()
    except (OSError, TimeoutError) as error:
        remedy = "COPY and UNLOAD fail until it is there: does --s3-endpoint name it?"
        Log().warning("s3_away", reason=str(error) or type(error).__name__, remedy=remedy)


def _trouble(gateway: Gateway, loop: asyncio.AbstractEventLoop) -> str:
    try:
        return asyncio.run_coroutine_threadsafe(gateway.trouble(), loop).result(_LOOK_SECONDS)
    except TimeoutError:
        return f"no answer within {_LOOK_SECONDS:g} seconds"


class _Server(ThreadingMixIn, WSGIServer):
    """One thread a look, so that none waits for another."""

    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is that of the library
        """Each look at the page is not worth a line."""


def _serve_page(host: str, port: int, registry: CollectorRegistry, trouble: Callable[[], str]) -> None:
    """Serves `/metrics`, `/healthz` (the process answers) and `/readyz` (a client would be served; else 503, why)."""
    metrics = make_wsgi_app(registry)

    def page(environment: "WSGIEnvironment", respond: "StartResponse") -> Iterable[bytes]:
        if (path := environment["PATH_INFO"]) not in ("/healthz", "/readyz"):
            return cast("Iterable[bytes]", metrics(environment, respond))
        wrong = trouble() if path == "/readyz" else ""
        respond("503 Service Unavailable" if wrong else "200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{wrong or 'ok'}\n".encode()]

    try:
        server = make_server(host, port, page, _Server, _Silent)
    except OSError as error:  # which does not name the port
        raise OSError(f"{error.strerror}: {host}:{port}, for --metrics-port") from None
    Thread(target=server.serve_forever, name="monitoring", daemon=True).start()
