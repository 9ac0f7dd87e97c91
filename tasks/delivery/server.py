"""A mail server as configured: its address, how the connection is protected, and whom it trusts."""

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tasks.delivery.errors import permanent

Security = Literal["plain", "starttls", "tls"]

_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("plain", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
_ALLOWED = "use smtp://host[:25], smtp+starttls://host[:587] or smtps://host[:465]"
_DEADLINE_TIMEOUTS = 3


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """What a URL says of a server: where it is and how the connection is protected."""

    host: str
    port: int
    security: Security


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server and how to log in; `timeout_s` bounds each step with it."""

    host: str
    port: int
    security: Security
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    timeout_s: float = 20.0

    @property
    def deadline_s(self) -> float:
        """The longest that one message may take, a new connection included."""
        return _DEADLINE_TIMEOUTS * self.timeout_s

    def tls_context(self) -> ssl.SSLContext | None:
        """Whom to trust, None for a plain connection; raises DeliveryError for an unusable CA file."""
        if self.security == "plain":
            return None
        try:
            context = ssl.create_default_context()
            if self.ca_file is not None:
                context.load_verify_locations(self.ca_file)  # besides the machine's authorities
        except OSError as error:
            why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
            raise permanent(f"the CA file {self.ca_file} cannot be used ({why}): correct [mail] ca_file") from None
        return context


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
