"""Looks at a service over HTTP."""

import asyncio
import json
import socket
import ssl
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.check_result import Message, msg
from tasks.errors import UsageError
from tasks.health.facts import Answer, Component, HealthBody, HealthReport, Sampled
from tasks.observation import ObservationError, Unobserved, shown
from tasks.secrets import masked

_MOST_BYTES = 262_144
_MOST_COMPONENTS = 50
_GIVE_UP_AFTER = 3
_LONGEST_VERSION = 200


@dataclass(frozen=True)
class Target:
    """An instance with a warm client of its own; `timeout_s` bounds a whole request, body included."""

    base_url: str
    client: httpx.AsyncClient
    timeout_s: float


@asynccontextmanager
async def open_target(
    base_url: str, *, headers: Mapping[str, str], ca_file: Path | None, timeout_s: float
) -> AsyncIterator[Target]:
    """A client for one instance; redirects are not followed, proxies of the environment not used.

    Raises UsageError if the CA file or a header cannot be used.
    """
    # A cache on the way would answer for a service that is down.
    sent = httpx.Headers({"Cache-Control": "no-cache", "Accept-Encoding": "gzip"})
    sent.update({name.encode(): _sendable(name, value) for name, value in headers.items()})
    async with httpx.AsyncClient(
        base_url=base_url, headers=sent, verify=_trust(ca_file), timeout=timeout_s, trust_env=False
    ) as client:
        yield Target(base_url, client, timeout_s)


@task(task_run_name="read-answers {path}", retries=0, timeout_seconds=600, cache_policy=NO_CACHE, persist_result=False)
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


@task(task_run_name="read-health {path}", retries=0, timeout_seconds=120, cache_policy=NO_CACHE, persist_result=False)
async def read_health(target: Target, path: str) -> HealthReport:
    """Read what a service says of itself. Raises ObservationError if the name does not resolve."""
    answer, body, headers = await _ask(target, path)
    if answer.error is not None:
        return HealthReport(answer, Unobserved(answer.error))
    try:
        return HealthReport(answer, parse_health(_unpacked(body, headers), headers.get("content-type", "")))
    except ObservationError as error:
        return HealthReport(answer, Unobserved(error.reason))


def parse_health(body: bytes, content_type: str) -> HealthBody:
    """A health report in JSON: `status`, `version`, `timestamp`, and `checks` or `components` (list or object).

    Raises ObservationError if it is something else, or if it says two things under one name.
    """
    try:
        # Masked before anything is cut: half a secret would not be recognised any more.
        data = masked(json.loads(body, object_pairs_hook=_said_once, parse_constant=_no_number))
    except (ValueError, RecursionError):
        kind = shown(content_type.partition(";")[0].strip(), 60) or "no content type"
        raise ObservationError(msg("The health report is not JSON but {kind}", kind=kind)) from None
    if not isinstance(data, dict) or not isinstance(data.get("status"), str):
        raise ObservationError(msg("The health report has no text field {field}", field="status"))
    components = [c for key in ("checks", "components") for c in _components(data.get(key))]
    if len(components) > _MOST_COMPONENTS:
        raise _no_list()
    return HealthBody(
        status=shown(data["status"], 60),
        version=_version(data.get("version")),
        timestamp=_timestamp(data.get("timestamp")),
        components=tuple(components),
    )


def _no_list() -> ObservationError:
    most = _MOST_COMPONENTS
    return ObservationError(msg("The components of the health report are not a list of at most {most}", most=most))


def _components(checks: Any) -> Iterator[Component]:
    if checks is None:
        return
    if isinstance(checks, dict):
        checks = [{**(c if isinstance(c, dict) else {"status": c}), "name": name} for name, c in checks.items()]
    if not isinstance(checks, list):
        raise _no_list()
    for check in checks:
        if not (isinstance(check, dict) and all(isinstance(check.get(key), str) for key in ("name", "status"))):
            raise ObservationError(msg("A component of the health report has no name or no status"))
        message = check.get("message")
        yield Component(
            shown(check["name"], 60),
            shown(check["status"], 60),
            _milliseconds(check.get("responseTime")),
            shown(message, 200) if isinstance(message, str) else "",
        )


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of two values under one key, Python would keep the last and hide the first."""
    said = dict(pairs)
    if len(said) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ObservationError(msg("The health report says {key} twice", key=shown(twice, 60)))
    return said


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _version(value: Any) -> str | None:
    """A version that can be compared; one that would have to be cut could hide a difference."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return shown(text) if 0 < len(text) <= _LONGEST_VERSION else None


def _milliseconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ObservationError(msg("A response time in the health report is no number of milliseconds"))
    return float(value)


def _timestamp(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ObservationError(msg("The timestamp of the health report is not ISO 8601")) from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"the CA file {ca_file} cannot be used ({why}): correct [health] ca_file") from None


def _sendable(name: str, value: str) -> bytes:
    if not value.isprintable() or value != value.strip():
        raise UsageError(f"health.headers.{name}: a value has no line breaks, control characters or outer spaces")
    return value.encode()


def _unpacked(body: bytes, headers: httpx.Headers) -> bytes:
    """A whole body; one that is cut at the most that is kept could read as a whole other report."""
    if headers.get("content-encoding", "").lower() == "gzip" and len(body) <= _MOST_BYTES:
        with suppress(zlib.error):  # not gzip: not JSON either
            body = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, _MOST_BYTES + 1)
    if len(body) > _MOST_BYTES:
        raise ObservationError(msg("The health report is larger than {most} bytes", most=_MOST_BYTES))
    return body


async def _ask(target: Target, path: str) -> tuple[Answer, bytes, httpx.Headers]:
    """An answer with its headers and, as sent, at most one byte more of its body than is used."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(target.timeout_s), target.client.stream("GET", path) as response:
            body = b""
            async for chunk in response.aiter_raw():
                # What is not kept is read all the same: an answer is complete, and in time, with its last byte.
                body += chunk[: _MOST_BYTES + 1 - len(body)]
    except (TimeoutError, httpx.TimeoutException):
        reason = msg("no answer within {seconds} s", seconds=target.timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        reason = _reason(error)
    else:
        return Answer(response.status_code, _since(started)), body, response.headers
    return Answer(None, _since(started), reason), b"", httpx.Headers()


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


def _reason(error: BaseException) -> Message:
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        raise ObservationError(msg("The name of the service does not resolve: check base_url and DNS")) from None
    if refused := next((c for c in causes if isinstance(c, ssl.SSLCertVerificationError)), None):
        why = shown(refused.verify_message, 100)
        return msg("the TLS certificate is not trusted ({why}); for a CA of your own set [health] ca_file", why=why)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return msg("connection refused")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return msg("the TLS handshake failed")
    if isinstance(error, httpx.ConnectError):
        return msg("no connection")
    return msg("the connection broke before the answer was complete")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
