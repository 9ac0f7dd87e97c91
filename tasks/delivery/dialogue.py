"""Questions and answers with a mail server; every failure becomes a DeliveryError."""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tasks.delivery.steps import Step, lost, refused
from tasks.delivery.wire import Wire

_SHOWN_REPLY = 200
_MASK = "••••••"


class Dialogue:
    """One connection as long as both sides agree on what is said; it closes itself when they no longer do."""

    def __init__(self, wire: Wire, where: str, username: str | None, password: str | None) -> None:
        self.wire = wire
        self.where = where
        self.closed = False
        bare = [plain_login(username or "", password or ""), password or "", username or ""]
        self._secrets = sorted({*bare, *map(base64_of, bare)} - {""}, key=len, reverse=True)

    def ask(self, step: Step, ask: Callable[[], tuple[int, bytes]], wanted: int | None = 2) -> str:
        """The reply to one step whose first digit is wanted (None: no reply is); else DeliveryError."""
        with self.during(step):
            code, text = ask()
        reply = self._readable(code, text)
        if code // 100 == wanted:
            return reply
        if code == 421 or code // 100 not in (4, 5):
            self.close()
        raise refused(step, self.where, code, reply)

    @contextmanager
    def during(self, step: Step) -> Iterator[None]:
        """A loss of the connection inside becomes the DeliveryError of this step."""
        try:
            yield
        except OSError as error:
            self.close()
            raise lost(step, self.where, error) from None

    def reset(self) -> None:
        """Leave the current message behind, or the connection if the server does not agree."""
        if self.closed:
            return
        try:
            code, _ = self.wire.docmd("RSET")
        except OSError:
            code = -1
        if code != 250:
            self.close()

    def close(self) -> None:
        """Close the connection without a word."""
        self.closed = True
        with suppress(OSError):
            self.wire.close()

    def _readable(self, code: int, text: bytes) -> str:
        """A reply on one line, bounded, without what it may repeat of the login."""
        reply = text.decode("utf-8", "replace")
        for secret in self._secrets:
            reply = re.sub(re.escape(secret), _MASK, reply, flags=re.IGNORECASE)
        numbered = reply if code < 0 else f"{code} {reply}"
        return " ".join("".join(c if c.isprintable() else " " for c in numbered).split())[:_SHOWN_REPLY]


def plain_login(username: str, password: str) -> str:
    """The message of AUTH PLAIN (RFC 4616)."""
    return f"\0{username}\0{password}"


def base64_of(text: str) -> str:
    """Base64 of the text in UTF-8."""
    return base64.b64encode(text.encode()).decode()
