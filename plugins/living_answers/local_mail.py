"""A mail server that keeps what it is sent, by aiosmtpd: for answers that send mail, so that a proof can read it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

LOOPBACK = "127.0.0.1"


@dataclass
class MailServer:
    """A server at work: its address, and what it has received."""

    address: str
    received: list[Message] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a message; aiosmtpd calls this once the whole of it has come."""
        self.received.append(message_from_bytes(envelope.content))
        return "250 ok"


@contextmanager
def receive_mail() -> Iterator[MailServer]:
    """Receive mail by SMTP on a free port of the loopback, in a thread, until the block ends."""
    from aiosmtpd.controller import Controller

    with socket.create_server((LOOPBACK, 0)) as probe:  # aiosmtpd must be told a port
        port = probe.getsockname()[1]
    mail = MailServer(f"{LOOPBACK}:{port}")
    controller = Controller(mail, hostname=LOOPBACK, port=port, ready_timeout=30)
    controller.start()
    try:
        yield mail
    finally:
        controller.stop()
