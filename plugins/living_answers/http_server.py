"""A small HTTP server of an answer's own: real sockets on loopback, with replies that the answer decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked; ``body`` is the JSON that it sent, ``None`` if it sent nothing."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What it is told; ``body`` is sent as JSON."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """The running server: its address, and how many connections and requests it has accepted."""

    url: str
    connections: int = 0
    requests: int = 0


@contextmanager
def serving(reply: Callable[[Request], Reply]) -> Iterator[Server]:
    """Serve on a free port of loopback until the end of the block; ``reply`` is called in each connection's thread."""
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay open, as a client expects today
        timeout = 30

        def setup(self) -> None:
            super().setup()
            with lock:
                server.connections += 1

        def handle_any(self) -> None:
            with lock:
                server.requests += 1
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = urlsplit(self.path)
            request = Request(self.command, url.path, dict(parse_qsl(url.query)), json.loads(sent) if sent else None)
            told = reply(request)
            content = json.dumps(told.body).encode()
            self.send_response(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives it
            """Say nothing: a task's log is for the task."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True  # a client that keeps its connection open must not keep the task
    server = Server(f"http://127.0.0.1:{listener.server_port}")
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
