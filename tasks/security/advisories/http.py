"""HTTP to an advisory endpoint: bounded in time and size, and tried again when that may help."""

import json
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.http import causes, trust
from tasks.observation import ObservationError, printable

WAITS_S: Final = (1.0, 3.0, 9.0)
_LONGEST_WAIT_S = 60.0
_MOST_BYTES = 64 * 1024 * 1024
_AGAIN = (429, 500, 502, 503, 504)


class NotFound(ObservationError):
    """The endpoint has nothing at this address."""


class Endpoint(AbstractContextManager["Endpoint"]):
    """An advisory endpoint; may be used by several threads. Errors name its host and no more of its address."""

    def __init__(
        self,
        url: str,
        *,
        ca_file: Path | None,
        timeout_s: float,
        deadline: Deadline,
        waits_s: tuple[float, ...] = WAITS_S,
    ) -> None:
        self.host = _host(url)
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._deadline = deadline
        self._waits_s = waits_s
        self._client = httpx.Client(
            verify=trust(ca_file, "security.advisories"), timeout=timeout_s, headers={"User-Agent": "opsrounds"}
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that a POST is answered with; raises ObservationError."""
        return self._json(self._patiently("POST", self._url + path, body))

    def get(self, path: str) -> Any:
        """The JSON at an address; raises ObservationError, and NotFound if there is none."""
        return self._json(self._patiently("GET", self._url + path, None))

    def beginning(self, url: str, most_bytes: int) -> bytes:
        """The first bytes at an address, and no more is loaded; raises ObservationError."""
        return self._patiently("GET", url, None, beginning=most_bytes)

    def unlike_osv(self) -> ObservationError:
        """The error for an answer that has not OSV's form."""
        return ObservationError(msg("The response of the advisory endpoint {host} is not OSV's JSON", host=self.host))

    def _json(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise self.unlike_osv() from None

    def _patiently(self, method: str, url: str, body: Mapping[str, Any] | None, beginning: int | None = None) -> bytes:
        """Tries again after a while, as often as there are waits and while the time allows."""
        for wait_s in (*self._waits_s, None):
            self._deadline.require()
            try:
                return self._once(method, url, body, beginning)
            except _Again as again:
                self._deadline.require()
                pause_s = again.after_s if again.after_s is not None else wait_s
                if wait_s is None or pause_s is None or pause_s > min(_LONGEST_WAIT_S, self._deadline.left_s):
                    raise ObservationError(again.reason) from None
            time.sleep(max(pause_s, 0.0))
        raise AssertionError("unreachable")

    def _once(self, method: str, url: str, body: Mapping[str, Any] | None, beginning: int | None) -> bytes:
        limit = self._deadline.within(self._timeout_s)
        # Packed, the first bytes would not be those of the text.
        headers = {} if beginning is None else {"Range": f"bytes=0-{beginning - 1}", "Accept-Encoding": "identity"}
        try:
            with self._client.stream(
                method, url, json=body, headers=headers, timeout=max(limit.left_s, 0.001)
            ) as response:
                if response.status_code not in (200, 206):
                    raise _refused(response, _host(url))
                content = bytearray()
                for piece in response.iter_bytes():
                    content += piece
                    if beginning is not None and len(content) >= beginning:
                        return bytes(content[:beginning])
                    if len(content) > _MOST_BYTES:
                        raise self.unlike_osv()
                    if limit.passed:  # each piece came in time, all of them together did not
                        raise _Again(self._late(url))
                return bytes(content)
        except httpx.TimeoutException:
            raise _Again(self._late(url)) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise _unreached(error, _host(url)) from None

    def _late(self, url: str) -> Message:
        return msg(
            "The advisory endpoint {host} did not answer within {seconds} s", host=_host(url), seconds=self._timeout_s
        )


class _Again(Exception):
    """A failure that another try may mend, after `after_s` if the server says so."""

    def __init__(self, reason: Message, after_s: float | None = None) -> None:
        super().__init__(reason.text)
        self.reason = reason
        self.after_s = after_s


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


def _refused(response: httpx.Response, host: str) -> Exception:
    code = response.status_code
    reason = msg("The advisory endpoint {host} answered with HTTP {code}", host=host, code=str(code))
    if code in _AGAIN:
        return _Again(reason, _retry_after_s(response.headers.get("retry-after")))
    return (NotFound if code == 404 else ObservationError)(reason)


def _unreached(error: BaseException, host: str) -> Exception:
    found = list(causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in found):
        return _Again(msg("The name of the advisory endpoint {host} does not resolve", host=host))
    if refused := next((c for c in found if isinstance(c, ssl.SSLCertVerificationError)), None):
        why = printable(refused.verify_message, 100)
        return ObservationError(
            msg("The certificate of the advisory endpoint {host} is not trusted ({why})", host=host, why=why)
        )
    if isinstance(error, httpx.ConnectError):
        return _Again(msg("The advisory endpoint {host} cannot be reached", host=host))
    return _Again(msg("The connection to the advisory endpoint {host} was lost", host=host))


def _host(url: str) -> str:
    return printable(urlsplit(url).hostname or "?", 100)
