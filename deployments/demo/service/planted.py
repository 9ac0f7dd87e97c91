"""The planted faults at work: a middleware that spoils requests while they are planted."""

import asyncio
from itertools import count

from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.demo.faults import Fault, PlantedFaults

_EXTRA_LATENCY_S = 0.3
_LONGEST_HANG_S = 60.0
_ERROR_EVERY = 3
_PAGE = "<!doctype html><title>Kondate</title><h1>Welcome to nginx!</h1>"


class PriceLookupError(RuntimeError):
    """What the planted errors of module shopping look like."""


class PlantedFaultsMiddleware:
    """Spoils what the planted faults say; how they count starts anew with each planting."""

    def __init__(self, app: ASGIApp, *, faults: PlantedFaults) -> None:
        self._app = app
        self._faults = faults
        self._shopping = count(1)
        self._lives = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        faults = self._faults.now()
        path = scope["path"]
        self._start_anew(faults)
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
            await self._app(scope, receive, send)

    def _start_anew(self, faults: frozenset[Fault]) -> None:
        if Fault.ERRORS not in faults:
            self._shopping = count(1)
        if Fault.FLAP not in faults:
            self._lives = count(1)

    def _fail_sometimes(self) -> None:
        number = next(self._shopping)
        if number % _ERROR_EVERY == 0:
            raise PriceLookupError(f"price lookup {number} failed: the supplier's table is locked")


def _within(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


async def _hang(receive: Receive) -> None:
    """Answers nothing until the client leaves, or fails in the end."""
    async with asyncio.timeout(_LONGEST_HANG_S):
        while (await receive())["type"] != "http.disconnect":
            pass
