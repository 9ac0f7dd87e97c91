"""The link for tests that are not coroutines: an event loop that runs while a message is sent."""

import asyncio
from email.message import EmailMessage
from typing import Self

from tasks.delivery import smtp
from tasks.delivery.server import SmtpServer


class SmtpLink:
    """`tasks.delivery.smtp.SmtpLink` as a plain context manager."""

    def __init__(self, server: SmtpServer) -> None:
        self._link = smtp.SmtpLink(server)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.run(self._link.__aenter__())
        return self

    def send(self, message: EmailMessage, sender: str, recipient: str) -> str:
        """The server's final reply."""
        return self._runner.run(self._link.send(message, sender, recipient))

    def __exit__(self, *_: object) -> None:
        with self._runner:
            self._runner.run(self._link.__aexit__())
