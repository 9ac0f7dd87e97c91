"""Mail over SMTP: one connection for many messages, and every failure named by what it allows."""

import asyncio
import re
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Self

from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPResponseException

from tasks.delivery.encoding import encoded, needs_utf8
from tasks.delivery.errors import DeliveryError, permanent
from tasks.delivery.login import authenticate, login_secrets
from tasks.delivery.replies import ENDLESS, readable
from tasks.delivery.server import SmtpServer
from tasks.delivery.steps import SmtpStep, lost, refused
from tasks.delivery.wire import connect, own_name, write_text

_ADDRESS = re.compile(r"[^\s@<>\",;:()\\]+@[^\s@<>\",;:()\\]+")


class SmtpLink:
    """A connection made at the first message, kept for the next, made anew when the server dropped it."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._where = f"mail server {server.host}:{server.port}"
        self._secrets = login_secrets(server.username or "", server.password or "")
        self._smtp: SMTP | None = None
        self._step = SmtpStep.CONNECT

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._smtp is not None:
            with suppress(OSError, SMTPException):
                await self._smtp.quit()
        self._close()

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> str:
        """The server's final reply to one message for one recipient; raises DeliveryError."""
        for address in (sender, recipient):
            if not (_ADDRESS.fullmatch(address) and address.isprintable()):
                raise permanent(f"{address[:100]!a} is not one plain mail address: correct it")
        utf8 = needs_utf8(message, sender, recipient)
        data = encoded(message, utf8=utf8)
        try:
            async with asyncio.timeout(self._server.deadline_s):
                smtp = await self._begin(sender, len(data), utf8)
                await self._ask(SmtpStep.RCPT, smtp.rcpt(recipient, encoding="utf-8"))
                return await self._transfer(smtp, data)
        except DeliveryError:
            await self._reset()
            raise
        except BaseException as error:
            self._close()
            if isinstance(error, TimeoutError):
                raise lost(self._step, self._where, error) from None
            raise

    async def _begin(self, sender: str, size: int, utf8: bool) -> SMTP:
        """A connection on which MAIL was accepted; a kept one may have been dropped meanwhile."""
        if self._smtp is not None:
            try:
                return await self._mail(self._smtp, sender, size, utf8)
            except DeliveryError:
                if self._smtp is not None:
                    raise
        return await self._mail(await self._connect(), sender, size, utf8)

    async def _mail(self, smtp: SMTP, sender: str, size: int, utf8: bool) -> SMTP:
        options = [f"SIZE={size}"] if smtp.supports_extension("size") else []
        if utf8:
            if not smtp.supports_extension("smtputf8"):
                raise permanent(
                    f"an address is not ASCII and {self._where} does not offer SMTPUTF8: use an ASCII address"
                )
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        await self._ask(SmtpStep.MAIL, smtp.mail(sender, options=options, encoding="utf-8"))
        return smtp

    async def _transfer(self, smtp: SMTP, data: bytes) -> str:
        await self._ask(SmtpStep.DATA, smtp.execute_command(b"DATA"), wanted=3)
        with self._during(SmtpStep.DATA):
            ended, reply = await write_text(smtp, data, self._server.timeout_s)
        if ended:
            return await self._ask(SmtpStep.END, asyncio.wait_for(reply, self._server.timeout_s))
        try:
            return await self._ask(SmtpStep.DATA, reply, wanted=None)
        finally:
            self._close()

    async def _connect(self) -> SMTP:
        server, context = self._server, self._server.tls_context()
        with self._during(SmtpStep.CONNECT):
            sock = await connect(server.host, server.port, server.timeout_s)
        smtp = self._smtp = SMTP(
            hostname=server.host,
            sock=sock,
            local_hostname=own_name(sock),
            timeout=server.timeout_s,
            use_tls=server.security == "tls",
            start_tls=False,
            tls_context=context,
        )
        try:
            await self._ask(SmtpStep.GREETING, smtp.connect())
            await self._ask(SmtpStep.EHLO, smtp.ehlo())
            if server.security == "starttls":
                if not smtp.supports_extension("starttls"):
                    raise permanent(f"{self._where} does not offer STARTTLS: {SmtpStep.STARTTLS.value.remedy}")
                await self._ask(SmtpStep.STARTTLS, smtp.starttls())
                await self._ask(SmtpStep.EHLO, smtp.ehlo())
            if server.username is not None or server.password is not None:
                with self._during(SmtpStep.AUTH):
                    login = authenticate(smtp, self._where, server.username or "", server.password or "")
                await self._ask(SmtpStep.AUTH, login)
        except BaseException:
            self._close()  # half a connection must never carry a message
            raise
        return smtp

    async def _ask(self, step: SmtpStep, answer: Awaitable[SMTPResponse], wanted: int | None = 2) -> str:
        """The reply to one step whose first digit is wanted (None: no reply is); else DeliveryError."""
        with self._during(step):
            try:
                code, text = await answer
            except SMTPResponseException as error:
                code, text = error.code, error.message
                if (code, text) == ENDLESS:
                    raise ConnectionError("the server's reply has no end") from None
        reply = readable(code, text, self._secrets)
        if code // 100 == wanted:
            return reply
        if code == 421 or code // 100 not in (4, 5):
            self._close()
        raise refused(step, self._where, code, reply)

    @contextmanager
    def _during(self, step: SmtpStep) -> Iterator[None]:
        """A loss of the connection inside becomes the DeliveryError of this step."""
        self._step = step
        try:
            yield
        except OSError as error:
            self._close()
            raise lost(step, self._where, error) from None

    async def _reset(self) -> None:
        """Leave the current message behind, or the connection if the server does not agree."""
        if self._smtp is not None:
            try:
                await self._smtp.rset()
            except (OSError, SMTPException):
                self._close()

    def _close(self) -> None:
        """Close the connection without a word."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            if isinstance(smtp.transport, asyncio.WriteTransport):
                smtp.transport.abort()
            smtp.close()
