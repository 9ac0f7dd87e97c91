"""The planted faults at work: a middleware that spoils requests while they are planted."""

import asyncio
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.demo.faults import SILENT_MODULE, Fault, PlantedFaults
from deployments.demo.service.telemetry import Log, error_fields

_EXTRA_LATENCY_S = 0.3
_SLOWER_SHARE, _SLOWER_S = 0.15, 0.07
_AT_KNEE_S = 1 / 15
"""Requests of module users are answered one at a time, each takes so long."""
_LONGEST_HANG_S = 60.0
_ERROR_EVERY = 3
# Neither exists: example.jp is reserved, and the number is the one that every card scheme gives for tests.
_PERSONAL = "receipt for hanako.yamada@example.jp, card 4111 1111 1111 1111"
_PROTECTING = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LEFT_OUT_WHEN_PLANTED = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}
_PAGE = "<!doctype html><title>Kondate</title><h1>Welcome to nginx!</h1>"


class PriceLookupError(RuntimeError):
    """What the planted errors of module shopping look like."""


class SpoiltLog(Log):
    """The service's log, in which a module falls silent while that is planted."""

    def __init__(self, path: Path, *, service: str, environment: str, faults: PlantedFaults) -> None:
        super().__init__(path, service=service, environment=environment)
        self._faults = faults

    def write(self, level: str, message: str, **fields: Any) -> None:
        if fields.get("module") != SILENT_MODULE or Fault.SILENT_MODULE not in self._faults.now():
            super().write(level, message, **fields)


class SecurityHeaders:
    """Headers that protect the users of an answer, error pages included; some are left out while that is planted."""

    def __init__(self, app: ASGIApp, *, faults: PlantedFaults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_PROTECTING)
                if Fault.MISSING_HEADER not in self._faults.now():
                    headers.update(_LEFT_OUT_WHEN_PLANTED)
            await send(message)

        await self._app(scope, receive, protected)


class PlantedFaultsMiddleware:
    """Spoils what the planted faults say; how they count starts anew with each planting."""

    def __init__(self, app: ASGIApp, *, faults: PlantedFaults, log: Log) -> None:
        self._app = app
        self._faults = faults
        self._log = log
        self._shopping = count(1)
        self._lives = count(1)
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        faults = self._faults.now()
        path = scope["path"]
        self._start_anew(faults)
        self._tell(faults, path)
        if _within(path, "/api/users") and Fault.HANG in faults:
            await _hang(receive)
        elif path == "/api/health" and Fault.HTML_HEALTH in faults:
            await HTMLResponse(_PAGE)(scope, receive, send)
        elif path == "/api/live" and Fault.FLAP in faults and next(self._lives) % 2 == 0:
            await JSONResponse({"status": "starting"}, status_code=503)(scope, receive, send)
        else:
            if _within(path, "/api/shopping") and Fault.ERRORS in faults:
                self._fail_sometimes()
            if _within(path, "/api/ingredients") and Fault.LATENCY in faults:
                await asyncio.sleep(_EXTRA_LATENCY_S)
            if _within(path, "/api/users") and Fault.KNEE in faults:
                async with self._one_at_a_time:
                    await asyncio.sleep(_AT_KNEE_S)
            if _within(path, "/api/shopping") and Fault.SLOW_MODULE in faults:
                send = _slower(send)
            await self._app(scope, receive, send)

    def _start_anew(self, faults: frozenset[Fault]) -> None:
        if Fault.ERRORS not in faults:
            self._shopping = count(1)
        if Fault.FLAP not in faults:
            self._lives = count(1)

    def _tell(self, faults: frozenset[Fault], path: str) -> None:
        """Write the lines that are planted in the log."""
        if Fault.NEW_ERROR in faults and _within(path, "/api/ingredients"):
            error = _never_seen()
            fields = {"module": "ingredients", "requestId": str(uuid4()), "error": error_fields(error)}
            self._log.write("error", str(error), **fields)
        if Fault.PERSONAL_DATA in faults and _within(path, "/api/users"):
            self._log.write("info", _PERSONAL, module="users", requestId=str(uuid4()))

    def _fail_sometimes(self) -> None:
        number = next(self._shopping)
        if number % _ERROR_EVERY == 0:
            raise PriceLookupError(f"price lookup {number} failed: the supplier's table is locked")


def _slower(send: Send) -> Send:
    """Answers of which each takes a share longer than it would have, and some time at least."""
    started = asyncio.get_running_loop().time()

    async def later(message: Message) -> None:
        if message["type"] == "http.response.start":
            taken = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(_SLOWER_S, _SLOWER_SHARE * taken))
        await send(message)

    return later


def _never_seen() -> Exception:
    """An error of a class that is another one every day: the history knows yesterday's."""
    kind = type(f"PriceRounding{datetime.now(UTC):%Y%m%d}Error", (ArithmeticError,), {})
    try:
        raise kind("a price of half a yen cannot be rounded")
    except ArithmeticError as error:
        return error


def _within(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


async def _hang(receive: Receive) -> None:
    """Answers nothing until the client leaves, or fails in the end."""
    async with asyncio.timeout(_LONGEST_HANG_S):
        while (await receive())["type"] != "http.disconnect":
            pass
