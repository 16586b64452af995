"""What the standard library's client sends arrives as it was."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

from living_answers.local_mail import receive_mail


def test_mail_arrives_whole() -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "a@example.org", "b@example.org", "TaskSlow"
    letter.set_content("one\n.\n..two\n")
    with receive_mail() as server:
        host, _, port = server.address.partition(":")
        with smtplib.SMTP(host, int(port), timeout=10) as client:
            client.send_message(letter)
            client.send_message(letter)
    assert [mail["Subject"] for mail in server.received] == ["TaskSlow"] * 2
    assert server.received[0].get_payload().replace("\r\n", "\n") == "one\n.\n..two\n"
