"""The HTTP server: ``/metrics`` for Prometheus, ``/v1/metrics`` for OpenTelemetry senders, ``/healthz``."""

import zlib
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from living_answers import ledger
from living_answers.metrics.ledger_collector import LedgerCollector
from living_answers.metrics.otlp import UnreadableMetricsError, decode
from living_answers.metrics.otlp_store import OtlpStore

LARGEST_BODY: Final = 8 * 1024 * 1024  # bytes, as sent and as unpacked
_PROTOBUF: Final = "application/x-protobuf"

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class _RefusedError(Exception):
    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class _QuietHandler(WSGIRequestHandler):
    timeout = 30  # seconds of silence after which a connection is closed

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the base class's
        """Say nothing of each scrape: they come every few seconds."""


class _Server(ThreadingWSGIServer):
    request_queue_size = 64  # When a hundred tasks end at once, each of them reports.


def registry(store: OtlpStore) -> CollectorRegistry:
    """Return the collectors behind ``/metrics``."""
    collectors = CollectorRegistry()
    # Shorter than a scrape may take: a ledger that hangs must not cost Airflow's metrics.
    collectors.register(LedgerCollector(lambda: ledger.engine(connect_timeout=2, statement_timeout=4)))
    collectors.register(store)
    ProcessCollector(registry=collectors)
    PlatformCollector(registry=collectors)
    return collectors


def application(store: OtlpStore) -> App:
    """Return the WSGI application."""
    scrape: App = make_wsgi_app(registry(store))

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        route = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if route == ("GET", "/metrics"):
            return scrape(environ, start_response)
        try:
            return _answer(route, environ, start_response, store)
        except _RefusedError as refused:
            start_response(refused.status, [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{refused}\n".encode()]

    return app


def serve(host: str, port: int) -> None:
    """Serve until the process is told to stop."""
    with make_server(host, port, application(OtlpStore()), _Server, _QuietHandler) as server:
        server.serve_forever()


def _answer(
    route: tuple[str, str], environ: Environ, start_response: StartResponse, store: OtlpStore
) -> Iterable[bytes]:
    if route == ("POST", "/v1/metrics"):
        response = _receive(environ, store)
        start_response("200 OK", [("Content-Type", _PROTOBUF)])
        return [response]
    if route == ("GET", "/healthz"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok\n"]
    raise _RefusedError("404 Not Found", "there are GET /metrics, POST /v1/metrics and GET /healthz")


def _receive(environ: Environ, store: OtlpStore) -> bytes:
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip() != _PROTOBUF:
        raise _RefusedError("415 Unsupported Media Type", f"send {_PROTOBUF}")
    try:
        refused = store.record(decode(_body(environ)))
    except UnreadableMetricsError as error:
        raise _RefusedError("400 Bad Request", str(error)) from error
    response = ExportMetricsServiceResponse()
    if refused:
        response.partial_success.rejected_data_points = refused
        response.partial_success.error_message = "see living_answers_otlp_points_dropped_total for the reasons"
    serialised: bytes = response.SerializeToString()
    return serialised


def _body(environ: Environ) -> bytes:
    length = environ.get("CONTENT_LENGTH") or ""
    if not length.isdigit():
        raise _RefusedError("411 Length Required", "send a Content-Length")
    if int(length) > LARGEST_BODY:
        raise _RefusedError("413 Content Too Large", f"send at most {LARGEST_BODY} bytes")
    body: bytes = environ["wsgi.input"].read(int(length))
    return _unpack(body) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else body


def _unpack(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)  # 31: gzip's framing
    try:
        unpacked: bytes = unpacker.decompress(body, LARGEST_BODY)
    except zlib.error as error:
        raise _RefusedError("400 Bad Request", "the body is no gzip") from error
    if unpacker.unconsumed_tail:
        raise _RefusedError("413 Content Too Large", f"send at most {LARGEST_BODY} bytes, unpacked")
    if not unpacker.eof:
        raise _RefusedError("400 Bad Request", "the gzip is cut short")
    return unpacked
