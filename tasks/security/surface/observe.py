"""Asks a service for a page as a browser would, and keeps what its headers say."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from tasks.check_result import Message, msg
from tasks.http import causes, trust
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.security.facts.surface import Answer, Cookie
from tasks.visible import look

LONGEST_S = 180.0
_NAME_CHARS = 60
_SHOWN_CHARS = 160
_AGENT = "opsrounds"


@dataclass(frozen=True, slots=True)
class Surface:
    """Where pages are asked for; `timeout_s` bounds one request. `ca_file` adds to the system's authorities."""

    url: str
    ca_file: Path | None
    timeout_s: float

    @property
    def https(self) -> bool:
        """True for an encrypted address."""
        return self.url.startswith("https:")


@look("read-surface {path}", timeout_s=LONGEST_S)
async def read_surface(surface: Surface, path: str, now: datetime) -> Answer:
    """The answer to one GET; redirects are not followed, the page itself is not read.

    A certificate that is not trusted is not believed, but its answer is read: nothing secret is sent. Raises
    ObservationError without an answer, UsageError for a CA file that cannot be used.
    """
    trusted = trust(surface.ca_file, "security.surface")
    try:
        return await _ask(surface, path, trusted, now, trusted=True)
    except _Distrusted:
        return await _ask(surface, path, _unverified(), now, trusted=False)


class _Distrusted(Exception):
    """The certificate is not trusted."""


async def _ask(surface: Surface, path: str, verify: ssl.SSLContext, now: datetime, *, trusted: bool) -> Answer:
    sent = {"Accept": "text/html,*/*;q=0.8", "User-Agent": _AGENT, "Cache-Control": "no-cache"}
    try:
        async with (
            asyncio.timeout(surface.timeout_s),
            httpx.AsyncClient(headers=sent, verify=verify, timeout=surface.timeout_s, trust_env=False) as client,
            client.stream("GET", f"{surface.url}{path}") as response,
        ):
            return _answer(response, surface, path, now, trusted=trusted)
    except (TimeoutError, httpx.TimeoutException):
        raise ObservationError(msg("No response within {seconds} s", seconds=surface.timeout_s)) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        found = list(causes(error))
        if trusted and any(isinstance(cause, ssl.SSLCertVerificationError) for cause in found):
            raise _Distrusted from None
        raise ObservationError(_reason(found)) from None


def _answer(response: httpx.Response, surface: Surface, path: str, now: datetime, *, trusted: bool) -> Answer:
    headers: dict[str, list[str]] = {}
    for name, value in response.headers.multi_items():
        headers.setdefault(name.lower(), []).append(value)
    cookies = headers.pop("set-cookie", [])
    location = response.headers.get("location")
    return Answer(
        path=external_text(path),
        https=surface.https,
        status=response.status_code,
        headers={name: tuple(lines) for name, lines in headers.items()},
        shown={name: external_text(", ".join(lines), _SHOWN_CHARS) for name, lines in headers.items()},
        cookies=tuple(_cookie(line, now) for line in cookies),
        location=None if location is None or not response.has_redirect_location else _target(response, location),
        trusted=trusted,
    )


def _target(response: httpx.Response, location: str) -> str:
    """Where a redirect leads, without what an address may hold of a person: query and fragment."""
    try:
        return external_text(str(response.url.join(location).copy_with(query=None, fragment=None)))
    except httpx.InvalidURL:
        return external_text(location.partition("?")[0])


def _cookie(line: str, now: datetime) -> Cookie:
    """What a line says of a cookie; its value is passed over."""
    pair, *parts = line.split(";")
    attributes: Mapping[str, str] = {
        name.strip().lower(): value.strip() for name, _, value in (part.partition("=") for part in parts)
    }
    same_site = attributes.get("samesite")
    return Cookie(
        name=external_text(pair.partition("=")[0].strip() if "=" in pair else "", _NAME_CHARS),
        secure="secure" in attributes,
        http_only="httponly" in attributes,
        same_site=None if same_site is None else external_text(same_site, _NAME_CHARS),
        removed=_is_over(attributes, now),
    )


def _is_over(attributes: Mapping[str, str], now: datetime) -> bool:
    age = attributes.get("max-age", "")
    if age.isascii() and age.removeprefix("-").isdigit():  # it wins over Expires
        return age.startswith("-") or not age.strip("0")
    try:
        ends = parsedate_to_datetime(attributes.get("expires", ""))
    except (ValueError, OverflowError):
        return False
    return (ends if ends.tzinfo is not None else ends.replace(tzinfo=UTC)) <= now


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _reason(found: list[BaseException]) -> Message:
    kinds = tuple(type(cause).__name__ for cause in found)
    if "gaierror" in kinds:
        return msg("The host name does not resolve: check the address and DNS")
    if "ConnectionRefusedError" in kinds:
        return msg("Connection refused")
    if any(isinstance(cause, ssl.SSLError) for cause in found):
        return msg("TLS handshake failed")
    if "ConnectError" in kinds:
        return msg("Cannot connect")
    return msg("The connection was lost before the response was complete")
