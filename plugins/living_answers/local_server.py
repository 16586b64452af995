"""A small HTTP server that an answer scripts and counts: real sockets on loopback, in a thread of the task.

It is for answers whose subject is a server that fails, is slow, or hangs up. What reached it stands in ``requests``, so
that a proof compares what the *server* saw with what the client believes; ``connections`` counts those it accepted.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent: the path as it came, with its query; the headers' names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the path's question mark; of a name that comes twice, the last value."""
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The body read as JSON; None if there is none."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def as_json(cls, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """A reply that carries ``body`` as JSON, and says so."""
        return cls(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


#: Makes the reply to a request; None hangs up without one, as a server does that dies after it has done the work.
#: Each connection has a thread of its own, so a script that serves several clients may be called by several at once.
Script = Callable[[Request], Reply | None]


@dataclass
class LocalServer:
    """A server at work; a request and its connection are counted before the script is called."""

    url: str
    requests: list[Request] = field(default_factory=list)
    connections: int = 0


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

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count the connection here: one thread accepts them all, so that no count is lost."""
        self.at_work.connections += 1
        super().process_request(request, client_address)


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
        self.server.at_work.requests.append(request)  # appending is atomic, so it needs no lock
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
