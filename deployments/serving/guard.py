"""Who is let in: those who name this server by its own name, from its own pages, with its credential."""

import asyncio
import json
import re
import secrets
import socket
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import psutil
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ANY_ADDRESS = frozenset({"0.0.0.0", "::"})
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(:[0-9]{1,5})?", re.IGNORECASE)
_STRANGERS = 50
"""Requests, and websockets. Prefect answers 100 at once; half are kept for those who have the credential."""
_CREDENTIAL_WITHIN_S = 5.0
_UNAUTHORIZED = 1008
_TRY_LATER = 1013


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come in: the credential (`user:password`, None for anybody) and the names of this server.

    `allowed` are names that a reverse proxy has for it: their pages may use it too.
    """

    auth: str | None
    host: str
    allowed: frozenset[str] = frozenset()

    def is_name(self, given: str) -> bool:
        """True for a Host header that names this server; others come from a page that gave its own name our address."""
        if not _HOST.fullmatch(given):
            return False
        name = _name(f"//{given}")
        if name in self.allowed or name == self.host.lower():
            return True
        if self.host in ANY_ADDRESS:
            return name in LOOPBACK or name in _names_of_this_machine()
        return name in LOOPBACK and self.host in LOOPBACK

    def is_own_page(self, origin: str, given_host: str) -> bool:
        """True for the Origin header of a page of this server, as the browser or a reverse proxy names it."""
        scheme, _, place = origin.partition("://")
        return scheme in ("http", "https") and (place.lower() == given_host.lower() or _name(origin) in self.allowed)

    def opens_for(self, header: str) -> bool:
        """True for an Authorization header with the credential."""
        if self.auth is None:
            return True
        scheme, _, value = header.partition(" ")
        try:
            given = b64decode(value, validate=True)
        except ValueError:
            return False
        return scheme.lower() == "basic" and secrets.compare_digest(given, self.auth.encode())


class Guard:
    """Hands an application only what comes through the door; `is_public` says which paths need no credential.

    `ask` makes a browser ask for the credential by itself, and `headers` are those of every answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        door: Door,
        *,
        headers: Mapping[str, str],
        is_public: Callable[[str, str], bool] = lambda method, path: False,
        closed: Collection[str] = (),
        ask: bool = False,
    ) -> None:
        self._app = app
        self._door = door
        self._headers = headers
        self._is_public = is_public
        self._closed = closed
        self._ask = ask
        self._strangers: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, self._with_headers(send))
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if refusal := self._refused(scope, headers) or self._not_found(scope):
            await refusal(scope, receive, send)
        elif self._door.opens_for(headers.get("authorization", "")):
            await self._app(scope, receive, send)
        elif not self._is_public(scope["method"], scope["path"]):
            await self._unauthorized()(scope, receive, send)
        elif self._strangers["http"] >= _STRANGERS:
            await PlainTextResponse("too many requests without a credential\n", 503)(scope, receive, send)
        else:
            with self._stranger("http"):
                await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Prefect's handshake (the first message has the credential) before Prefect knows of the connection at all."""
        connect = await receive()
        if refusal := self._refused(scope, Headers(scope=scope)):
            await refusal(scope, receive, send)
            return
        if self._door.auth is None:
            await self._app(scope, _again([connect], receive), send)
            return
        if "prefect" not in scope["subprotocols"] or self._strangers["websocket"] >= _STRANGERS:
            await send({"type": "websocket.close", "code": _UNAUTHORIZED})
            return
        await send({"type": "websocket.accept", "subprotocol": "prefect"})
        with self._stranger("websocket"):
            try:
                first = await asyncio.wait_for(receive(), _CREDENTIAL_WITHIN_S)
            except TimeoutError:
                first = {"type": "websocket.receive"}
        if first["type"] == "websocket.disconnect":
            return
        if not self._has_credential(first):
            await send({"type": "websocket.close", "code": _UNAUTHORIZED, "reason": "Invalid token"})
            return

        async def send_the_rest(message: Message) -> None:
            if message["type"] != "websocket.accept":
                await send(message)

        await self._app(scope, _again([connect, first], receive), send_the_rest)

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._door.is_name(host):
            text = (
                "this is not a name of this server; behind a reverse proxy, start rounds up with --allowed-host NAME\n"
            )
            return PlainTextResponse(text, 400)
        if origin is not None and not self._door.is_own_page(origin, host):
            return PlainTextResponse("pages of other sites may not use this server\n", 403)
        from_elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        followed_a_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if from_elsewhere and not followed_a_link:
            return PlainTextResponse("pages of other sites may not use this server\n", 403)
        return None

    def _not_found(self, scope: Scope) -> Response | None:
        return PlainTextResponse("not found\n", 404) if scope["path"].rstrip("/") in self._closed else None

    def _unauthorized(self) -> Response:
        if self._ask:
            headers = {"WWW-Authenticate": 'Basic realm="opsrounds"'}
            return PlainTextResponse("user and password, please; `rounds ui` shows them\n", 401, headers)
        return JSONResponse({"exception_message": "Unauthorized"}, 401)

    def _has_credential(self, message: Message) -> bool:
        try:
            given = json.loads(message.get("text") or "")
        except ValueError:
            return False
        token = given.get("token") if isinstance(given, dict) and given.get("type") == "auth" else None
        assert self._door.auth is not None
        return isinstance(token, str) and secrets.compare_digest(token.encode(), self._door.auth.encode())

    def _with_headers(self, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        return send_with_headers

    @contextmanager
    def _stranger(self, kind: str) -> Iterator[None]:
        self._strangers[kind] += 1
        try:
            yield
        finally:
            self._strangers[kind] -= 1


def _again(messages: list[Message], receive: Receive) -> Receive:
    async def received() -> Message:
        return messages.pop(0) if messages else await receive()

    return received


def _name(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def _names_of_this_machine() -> frozenset[str]:
    addresses = (a.address.partition("%")[0] for found in psutil.net_if_addrs().values() for a in found)
    return frozenset({socket.gethostname().lower(), *(address for address in addresses if _is_address(address))})


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
