"""Looks at a service over HTTP."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from tasks.check_result import Message, msg
from tasks.health.body import parse_health
from tasks.health.facts import Answer, HealthReport, Sampled
from tasks.health.settings import LONGEST_S
from tasks.http import CODINGS, Body, NotReadable, NotWhole, causes, sendable, shared_trust
from tasks.observation import ObservationError, Unobserved, printable
from tasks.visible import look

_MOST_BYTES = 262_144
_GIVE_UP_AFTER = 3
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
"""What OpenSSL says of a chain that does not lead to an authority it knows: the one fault that a CA file mends.

Source: X509_V_ERR_* of openssl-verification-options."""


@dataclass(frozen=True)
class Target:
    """An instance with a warm client of its own; `timeout_s` bounds a whole request, body included."""

    name: str
    client: httpx.AsyncClient
    timeout_s: float


@asynccontextmanager
async def open_target(
    name: str, base_url: str, *, headers: Mapping[str, str], ca_file: Path | None, timeout_s: float
) -> AsyncIterator[Target]:
    """A client for one instance; redirects are not followed, proxies of the environment not used.

    Raises UsageError if the CA file or a header cannot be used.
    """
    # A cache on the way would answer for a service that is down.
    sent = httpx.Headers({"Cache-Control": "no-cache", **CODINGS})
    sent.update(sendable(headers, "health"))
    async with httpx.AsyncClient(
        base_url=base_url, headers=sent, verify=shared_trust(ca_file, "health"), timeout=timeout_s, trust_env=False
    ) as client:
        yield Target(name, client, timeout_s)


@look("read-answers {target.name} {path}", timeout_s=LONGEST_S)
async def read_answers(target: Target, path: str, samples: int) -> Sampled:
    """Ask a path `samples` times after a first request that opens the connection.

    Gives up after three requests in a row without an answer. Raises ObservationError if the name does not resolve.
    """
    answers: list[Answer] = []
    for _ in range(samples + 1):
        answer, _body, _headers = await _ask(target, path)
        answers.append(answer)
        if len(answers) >= _GIVE_UP_AFTER and all(a.status is None for a in answers[-_GIVE_UP_AFTER:]):
            break
    return Sampled(tuple(answers), samples + 1)


@look("read-health {target.name}", timeout_s=120)
async def read_health(target: Target, path: str) -> HealthReport:
    """Read the health report of a service. Raises ObservationError if the name does not resolve."""
    answer, body, kind = await _ask(target, path)
    if (why := answer.error or answer.doubt) is not None:
        return HealthReport(answer, Unobserved(why))
    if len(body) > _MOST_BYTES:  # cut there, it could read as a whole other report
        return HealthReport(answer, Unobserved(msg("The health report is larger than {most} bytes", most=_MOST_BYTES)))
    try:
        return HealthReport(answer, parse_health(body, kind))
    except ObservationError as error:
        return HealthReport(answer, Unobserved(error.reason))


async def _ask(target: Target, path: str) -> tuple[Answer, bytes, str]:
    """An answer with at most one byte more of its body than is used, and the media type of that."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(target.timeout_s), target.client.stream("GET", path) as response:
            body = Body(response, _MOST_BYTES)
            async for sent in response.aiter_raw():
                # What is not kept is read all the same: an answer is complete, and in time, with its last byte.
                body.take(sent)
    except (TimeoutError, httpx.TimeoutException):
        return _unanswered(started, msg("No response within {seconds} s", seconds=target.timeout_s))
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        return _unanswered(started, _reason(error))
    except NotWhole as error:
        return _unanswered(started, error.reason)
    answer = Answer(response.status_code, _since(started), stored_s=_stored_s(response.headers))
    try:
        return answer, body.end(), response.headers.get("content-type", "")
    except NotWhole as error:
        return _unanswered(started, error.reason)
    except NotReadable as error:
        return replace(answer, doubt=error.reason), b"", ""


def _unanswered(started: float, reason: Message) -> tuple[Answer, bytes, str]:
    return Answer(None, _since(started), reason), b"", ""


def _stored_s(headers: httpx.Headers) -> float:
    """How long ago a cache got the answer, by what it says; 0 when it says nothing. Source: RFC 9111 4.2.3."""
    age = headers.get("age", "").partition(",")[0].strip()
    said = float(age) if age.isascii() and age.isdigit() else 0.0
    try:
        made = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return said
    return max(said, (datetime.now(UTC) - made.replace(tzinfo=made.tzinfo or UTC)).total_seconds())


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


def _reason(error: BaseException) -> Message:
    found = list(causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in found):
        raise ObservationError(msg("The host name does not resolve: check base_url and DNS")) from None
    if refused := next((c for c in found if isinstance(c, ssl.SSLCertVerificationError)), None):
        why = printable(refused.verify_message, 100)
        if refused.verify_code not in _UNKNOWN_AUTHORITY:
            return msg("The certificate is not trusted: {why}", why=why)
        return msg("The TLS certificate is not trusted ({why}); for a private CA, set [health] ca_file", why=why)
    if any(isinstance(cause, ConnectionRefusedError) for cause in found):
        return msg("Connection refused")
    if any(isinstance(cause, ssl.SSLError) for cause in found):
        return msg("TLS handshake failed")
    if isinstance(error, httpx.ConnectError):
        return msg("Cannot connect")
    return msg("The connection was lost before the response was complete")
