"""Finds the health and metrics pages of a service: GETs only, one after another, and few of them."""

import json
import re
import secrets
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from deployments.init.notes import Note
from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.health.body import parse_health
from tasks.health.facts import HealthBody
from tasks.http import Body, NotReadable, NotWhole, causes
from tasks.observation import ObservationError, printable

MOST_REQUESTS = 40
LIVE = (
    *("/api/live", "/live", "/livez", "/healthz", "/-/healthy", "/actuator/health/liveness", "/health/live"),
    *("/api/health/live", "/ping"),
)
READY = (
    *("/api/ready", "/ready", "/readyz", "/-/ready", "/actuator/health/readiness", "/health/ready"),
    "/api/health/ready",
)
REPORT = ("/api/health", "/health", "/healthz", "/actuator/health", "/status", "/api/status")
METRICS = ("/metrics", "/api/metrics", "/actuator/prometheus")
_TIMEOUT_S = 2.0
_LONGEST_S = 5.0
"""One answer, body included, however slowly it trickles."""
_MOST_BYTES = 4_194_304
_LONGEST_PROBE = 1024
"""An HTML page longer than this is for people, such as /live of a broadcaster."""
_COMPARED_BYTES = 65_536
_GIVE_UP_AFTER = 3
_MOST_SAMPLED = 5
_UNAVAILABLE = 503
_WORD = re.compile(rb"[0-9A-Za-z-]+")
_SAMPLE = re.compile(r"^[A-Za-z_:][\w:]*(\{.*\})? [0-9.eE+-]+|^# TYPE ", re.MULTILINE | re.ASCII)


class NoAnswer(ExplainedError):
    """The service cannot be examined."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a path answered; `reason` says why there is no answer."""

    path: str
    status: int | None
    html: bool = False
    kind: str = ""
    body: bytes = b""
    location: str = ""
    reason: str = ""

    @property
    def good(self) -> bool:
        """True for 2xx."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Found:
    """The pages that were found; `notes` say what else was seen."""

    live: str | None
    ready: str | None
    report: str | None
    body: HealthBody | None
    metrics: str | None
    metrics_text: str
    notes: tuple[Note, ...]


@contextmanager
def open_prober(base_url: str, timeout_s: float = _TIMEOUT_S) -> Iterator["Prober"]:
    """A prober of a service. Raises NoAnswer if the service does not answer at all."""
    # A cache on the way would answer for the service; packed bodies could unpack to any size.
    headers = {"Cache-Control": "no-cache", "Accept-Encoding": "identity"}
    with httpx.Client(
        base_url=base_url,
        headers=headers,
        timeout=timeout_s,
        trust_env=False,
        verify=ssl.create_default_context(),  # takes SSL_CERT_FILE, as the health check does
    ) as client:
        yield Prober(client, base_url)


class Prober:
    """Asks each path once; `asked` counts the requests. What is answered to any path is no page of its own."""

    def __init__(self, client: httpx.Client, base_url: str) -> None:
        self._client = client
        self._pages: dict[str, Page] = {}
        self._silent = 0
        token = secrets.token_hex(8)
        self._random = tuple(self.page(path) for path in (f"/no-such-{token}", f"/api/no-such-{token}"))
        if all(page.status is None for page in (*self._random, self.page("/"))):
            why = self._random[0].reason
            raise NoAnswer(f"{base_url} does not answer: {why}. Nothing was written")

    @property
    def asked(self) -> int:
        """How many requests were sent."""
        return sum(page.status is not None or bool(page.reason) for page in self._pages.values())

    def page(self, path: str) -> Page:
        """What a path answers; nothing once there were enough requests, or several in a row without an answer."""
        if path not in self._pages:
            if self.asked >= MOST_REQUESTS or self._silent >= _GIVE_UP_AFTER:
                return Page(path, None)
            page = self._pages[path] = self._get(path)
            self._silent = 0 if page.status is not None else self._silent + 1
        return self._pages[path]

    def look(self) -> Found:
        """Find the health paths and the metrics page."""
        report, body = self._report()
        metrics = next((page for page in map(self.page, METRICS) if page.good and _SAMPLE.search(_text(page))), None)
        return Found(
            live=self._probe(LIVE),
            ready=self._probe(READY),
            report=report,
            body=body,
            metrics=None if metrics is None else metrics.path,
            metrics_text="" if metrics is None else _text(metrics),
            notes=tuple(self._notes()),
        )

    def answered(self, candidates: Iterable[str]) -> tuple[str, ...]:
        """The front page and the given paths, as far as they answer 2xx now."""
        found = ["/"] if self.page("/").good else []
        for path in candidates:
            if len(found) >= _MOST_SAMPLED:
                break
            if path not in found and self._own(self.page(path)):
                found.append(path)
        return tuple(found)

    def _probe(self, paths: Iterable[str]) -> str | None:
        """The first path that answers well, else the first that is there and says that it is not well."""
        ill: str | None = None
        for path in paths:
            page = self.page(path)
            if self._own(page) and not (page.html and len(page.body) > _LONGEST_PROBE):
                return path
            if page.status == _UNAVAILABLE and self._random[0].status != _UNAVAILABLE:
                ill = ill or path
        return ill

    def _report(self) -> tuple[str | None, HealthBody | None]:
        for path in REPORT:
            page = self.page(path)
            if not self._own(page) and (page.status != _UNAVAILABLE or self._random[0].status == _UNAVAILABLE):
                continue
            try:
                return path, parse_health(page.body, page.kind)
            except ObservationError:
                # A report of another form is a report still: the round says what is wrong with it.
                if _has_status(page.body):
                    return path, None
        return None, None

    def _own(self, page: Page) -> bool:
        """True for a 2xx answer that is not what the service answers to any path."""
        return page.good and not any(other.good and _alike(page, other) for other in self._random)

    def _notes(self) -> Iterator[Note]:
        first = self._random[0]
        if any(page.good for page in self._random):
            yield (msg("the service answers every path with 200: only pages that differ were taken"),)
        if first.location:
            there = first.location.partition("?")[0]  # behind it a login keeps its state
            yield (
                msg(
                    "every path leads to {address}: perhaps that is the address to give", address=printable(there, 200)
                ),
            )
        if first.status in (401, 403):
            login = msg(
                "every path asks for a login (HTTP {code}): set [health.headers] and run this again",
                code=str(first.status),
            )
            yield (login,)
        else:
            for page in self._pages.values():
                if page.status in (401, 403):
                    code = str(page.status)
                    asks = msg(
                        "{path} asks for a login (HTTP {code}): set [health.headers] to check it",
                        path=page.path,
                        code=code,
                    )
                    yield (asks,)
        if self._silent >= _GIVE_UP_AFTER:
            yield (msg("gave up after several requests in a row without an answer"),)

    def _get(self, path: str) -> Page:
        try:
            with self._client.stream("GET", path) as response:
                body = _body(response)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, UnicodeError, ObservationError) as error:
            return Page(path, None, reason=_reason(error))
        kind = response.headers.get("content-type", "").lower()
        location = response.headers.get("location", "") if response.is_redirect else ""
        return Page(path, response.status_code, "html" in kind, kind, body, location)


def _body(response: httpx.Response) -> bytes:
    """The first of what was sent; raises ReadTimeout if it trickles, NotWhole or NotReadable as Body does."""
    deadline = Deadline.after(_LONGEST_S)
    body = Body(response, _MOST_BYTES)
    for sent in response.iter_raw():
        body.take(sent)
        if body.too_large:
            return bytes(body.kept[:_MOST_BYTES])
        if deadline.passed:
            raise httpx.ReadTimeout("the answer trickles", request=response.request)
    return body.end()


def _alike(page: Page, other: Page) -> bool:
    """Two pages of the same application for browsers, or the same text but for the path, numbers and ids in it."""
    return (page.html and other.html) or _fixed(page) == _fixed(other)


def _fixed(page: Page) -> bytes:
    body = page.body[:_COMPARED_BYTES].replace(page.path.encode(), b"")
    return _WORD.sub(lambda word: word[0] if word[0].isalpha() else b"", body)


def _has_status(body: bytes) -> bool:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and isinstance(data.get("status"), str)


def _text(page: Page) -> str:
    return page.body.decode(errors="replace")


def _reason(error: BaseException) -> str:
    found = list(causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in found):
        return "its name does not resolve; check the address and DNS"
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in found):
        return "its TLS certificate is not trusted; for a CA of your own set SSL_CERT_FILE, and [health] ca_file later"
    if any(isinstance(cause, ssl.SSLError) for cause in found):
        return "the TLS handshake failed; perhaps it speaks http"
    if any(isinstance(cause, ConnectionRefusedError) for cause in found):
        return "it refuses connections; is it running, and is the port right?"
    if isinstance(error, NotWhole | NotReadable):
        return "its answer is cut, damaged or encoded in a way that was not requested"
    if isinstance(error, httpx.TimeoutException):
        return "nothing came in time; check the address and firewalls"
    return "the connection broke; is this an HTTP server?"
