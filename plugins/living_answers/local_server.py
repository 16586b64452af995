"""A small HTTP server that an answer scripts and counts: real sockets on loopback, in a thread of the task.

It is for answers whose subject is a server that fails, is slow, or hangs up. What reached it stands in ``requests``, so
that a proof compares what the *server* saw with what the client believes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; the headers' names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


#: Makes the reply to a request; None hangs up without one, as a server does that dies after it has done the work.
Script = Callable[[Request], Reply | None]


@dataclass
class LocalServer:
    """A server at work."""

    url: str
    requests: list[Request] = field(default_factory=list)


@contextmanager
def serve(script: Script) -> Iterator[LocalServer]:
    """Serve what ``script`` answers on a free port of the loopback, until the block ends."""
    handler = type("Handler", (_Handler,), {"script": staticmethod(script)})
    with _Server((LOOPBACK, 0), handler) as server:
        server.at_work = LocalServer(f"http://{LOOPBACK}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.at_work
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection open must not keep the answer from ending
    request_queue_size = 256
    at_work: LocalServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    server: _Server
    script: Script

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self.server.at_work.requests.append(request)
        reply = type(self).script(request)
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  names that the base class looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the base class's
        """Say nothing: the requests are counted, not logged."""

    def handle_one_request(self) -> None:
        """Serve one; a client that has gone away is no error of ours."""
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True
