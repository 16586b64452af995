"""A mail server that keeps what it is sent: for answers that send mail, so that a proof can read it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

LOOPBACK = "127.0.0.1"


@dataclass
class MailServer:
    """A server at work; ``address`` is host and port."""

    address: str
    received: list[Message] = field(default_factory=list)


@contextmanager
def receive_mail() -> Iterator[MailServer]:
    """Receive mail by SMTP (RFC 5321) on a free port of the loopback, until the block ends."""
    with _Server((LOOPBACK, 0), _Session) as server:
        server.at_work = MailServer(f"{LOOPBACK}:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.at_work
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    at_work: MailServer


class _Session(socketserver.StreamRequestHandler):
    """One client: every command is answered by its first word; after DATA comes the message, up to a lone dot."""

    timeout = 30
    server: _Server

    def handle(self) -> None:
        self._say("220 localhost at your service")
        for line in self.rfile:
            word = line.split(maxsplit=1)[0].upper() if line.strip() else b""
            if word == b"DATA":
                self._say("354 end with a dot on a line of its own")
                self.server.at_work.received.append(message_from_bytes(self._message()))
            self._say("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return

    def _message(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line.rstrip(b"\r\n") == b".":
                break
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
