"""Mail over SMTP: one connection for many messages, and every failure named by what it allows."""

import re
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from tasks.delivery.dialogue import Dialogue
from tasks.delivery.encoding import encoded, needs_utf8
from tasks.delivery.errors import DeliveryError, Outcome
from tasks.delivery.login import log_in
from tasks.delivery.steps import Step
from tasks.delivery.wire import Wire

Security = Literal["plain", "starttls", "tls"]

_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("plain", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
_ALLOWED = "use smtp://host[:25], smtp+starttls://host[:587] or smtps://host[:465]"
_ADDRESS = re.compile(r"[^\s@<>\",;:()\\]+@[^\s@<>\",;:()\\]+")
_DEADLINE_TIMEOUTS = 3


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """What a URL says of a server: where it is and how the connection is protected."""

    host: str
    port: int
    security: Security


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server and how to log in; `timeout_s` bounds each operation on the socket."""

    host: str
    port: int
    security: Security
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    timeout_s: float = 20.0

    @property
    def deadline_s(self) -> float:
        """The longest that one message may take, a new connection included (the name service apart)."""
        return _DEADLINE_TIMEOUTS * self.timeout_s


def parse_smtp_url(url: str) -> SmtpAddress:
    """The server of a URL; raises ValueError, which never repeats the URL, saying what is allowed."""
    if not url.isprintable() or " " in url:
        raise ValueError(f"an SMTP address holds no spaces or control characters: {_ALLOWED}")
    if "@" in url:
        raise ValueError("no credentials in the SMTP address: put them into [mail] username and password")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        host, port = "", 0
    if not host or port == 0:
        raise ValueError(f"an SMTP address needs a host name and a port from 1 to 65535: {_ALLOWED}")
    if parts.scheme not in _SCHEMES or re.search(r"//.*[/?#].", url):
        raise ValueError(f"not an SMTP address: {_ALLOWED}")
    security, usual_port = _SCHEMES[parts.scheme]
    return SmtpAddress(host, port or usual_port, security)


class SmtpLink:
    """A connection made at the first message, kept for the next, made anew when the server dropped it."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._where = f"mail server {server.host}:{server.port}"
        self._dialogue: Dialogue | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._dialogue is not None and not self._dialogue.closed:
            self._dialogue.wire.deadline = time.monotonic() + self._server.timeout_s
            with suppress(OSError):
                self._dialogue.wire.docmd("QUIT")
            self._dialogue.close()
        self._dialogue = None

    def send(self, message: EmailMessage, sender: str, recipient: str) -> str:
        """The server's final reply to one message for one recipient; raises DeliveryError."""
        for address in (sender, recipient):
            if not (_ADDRESS.fullmatch(address) and address.isprintable()):
                raise _permanent(f"{address[:100]!a} is not one plain mail address: correct it")
        utf8 = needs_utf8(message, sender, recipient)
        data = encoded(message, utf8=utf8)
        try:
            dialogue = self._begin(sender, len(data), utf8)
            dialogue.ask(Step.RCPT, lambda: dialogue.wire.rcpt(recipient))
            return _transfer(dialogue, data)
        except DeliveryError:
            if self._dialogue is not None:
                self._dialogue.reset()
            raise
        except BaseException:
            if self._dialogue is not None:
                self._dialogue.close()
            raise

    def _begin(self, sender: str, size: int, utf8: bool) -> Dialogue:
        """A connection on which MAIL was accepted; a kept one may have been dropped meanwhile."""
        deadline = time.monotonic() + self._server.deadline_s
        kept = self._dialogue
        if kept is not None and not kept.closed:
            kept.wire.deadline = deadline
            try:
                return _mail(kept, sender, size, utf8)
            except DeliveryError:
                if not kept.closed:
                    raise
        return _mail(self._connect(deadline), sender, size, utf8)

    def _connect(self, deadline: float) -> Dialogue:
        server, wire = self._server, Wire(self._server.timeout_s, deadline)
        context = None if server.security == "plain" else self._tls()
        dialogue = self._dialogue = Dialogue(wire, self._where, server.username, server.password)
        try:
            with dialogue.during(Step.CONNECT):
                wire.open(server.host, server.port)
            if context and server.security == "tls":
                with dialogue.during(Step.TLS):
                    wire.secure(context, server.host)
            dialogue.ask(Step.GREETING, wire.getreply)
            dialogue.ask(Step.EHLO, wire.ehlo)
            if context and server.security == "starttls":
                self._start_tls(dialogue, context)
            if server.username is not None or server.password is not None:
                log_in(dialogue, server.username or "", server.password or "")
        except BaseException:
            dialogue.close()
            raise
        return dialogue

    def _start_tls(self, dialogue: Dialogue, context: ssl.SSLContext) -> None:
        wire = dialogue.wire
        if not wire.has_extn("starttls"):
            raise _permanent(f"{self._where} does not offer STARTTLS: {Step.STARTTLS.value.remedy}")
        dialogue.ask(Step.STARTTLS, lambda: wire.docmd("STARTTLS"))
        with dialogue.during(Step.TLS):
            wire.secure(context, self._server.host)
        dialogue.ask(Step.EHLO, wire.ehlo)

    def _tls(self) -> ssl.SSLContext:
        file = self._server.ca_file
        try:
            return ssl.create_default_context(cafile=file)
        except OSError as error:
            why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
            text = f"the CA file {file} cannot be used ({why}): correct [mail] ca_file"
            raise _permanent(text) from None


def _mail(dialogue: Dialogue, sender: str, size: int, utf8: bool) -> Dialogue:
    wire = dialogue.wire
    options = [f"SIZE={size}"] if wire.has_extn("size") else []
    if utf8:
        if not wire.has_extn("smtputf8"):
            raise _permanent(
                f"an address is not ASCII and {dialogue.where} does not offer SMTPUTF8: use an ASCII address"
            )
        options += ["SMTPUTF8", "BODY=8BITMIME"]
    dialogue.ask(Step.MAIL, lambda: wire.mail(sender, options))
    return dialogue


def _transfer(dialogue: Dialogue, data: bytes) -> str:
    wire = dialogue.wire
    dialogue.ask(Step.DATA, lambda: wire.docmd("DATA"), wanted=3)
    with dialogue.during(Step.DATA):
        wire.send(re.sub(rb"(?m)^\.", b"..", data))
        # A server that left or complained before the dot has not accepted the message: that is no UNKNOWN.
        early = wire.spoke_early()
    if early:
        try:
            dialogue.ask(Step.DATA, wire.getreply, wanted=None)
        finally:
            dialogue.close()
    with dialogue.during(Step.DATA):
        wire.send(b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")
    return dialogue.ask(Step.END, wire.getreply)


def _permanent(text: str) -> DeliveryError:
    return DeliveryError(Outcome.PERMANENT, text)
