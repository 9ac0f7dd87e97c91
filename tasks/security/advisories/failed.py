"""How a request to an advisory source or an index came to nothing, and whether another try may mend it."""

import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

import httpx

from tasks.http import causes
from tasks.observation import printable

_AGAIN = (429, 500, 502, 503, 504)


class Trouble(StrEnum):
    """How a request came to nothing."""

    REFUSED = "refused"
    LATE = "late"
    NAME = "name"
    CERTIFICATE = "certificate"
    UNREACHED = "unreached"
    LOST = "lost"
    TOO_LARGE = "too large"
    ASTRAY = "astray"


class Failed(Exception):
    """A request came to nothing, also when it was tried again; `detail` is the HTTP status or a word about it."""

    def __init__(self, trouble: Trouble, detail: str = "", *, again: bool = False, after_s: float | None = None):
        super().__init__(trouble)
        self.trouble = trouble
        self.detail = detail
        self.again = again
        self.after_s = after_s


def refused(response: httpx.Response) -> Failed:
    """What a response that is not one of success comes to."""
    code = response.status_code
    again = code in _AGAIN
    after_s = _retry_after_s(response.headers.get("retry-after")) if again else None
    return Failed(Trouble.REFUSED, str(code), again=again, after_s=after_s)


def unreached(error: BaseException) -> Failed:
    """What an error of the connection comes to."""
    found = list(causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in found):
        return Failed(Trouble.NAME, again=True)
    if refused := next((c for c in found if isinstance(c, ssl.SSLCertVerificationError)), None):
        return Failed(Trouble.CERTIFICATE, printable(refused.verify_message, 100))
    if isinstance(error, httpx.TooManyRedirects | httpx.UnsupportedProtocol):
        return Failed(Trouble.ASTRAY)
    if isinstance(error, httpx.ConnectError):
        return Failed(Trouble.UNREACHED, again=True)
    return Failed(Trouble.LOST, again=True)


def _retry_after_s(header: str | None) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3); None for anything else."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header.strip()[:9])
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)
