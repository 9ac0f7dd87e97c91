"""How the service says that it is well: health in full, readiness in brief, liveness."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.demo.faults import Fault, PlantedFaults
from deployments.demo.service.cache import Cache
from deployments.demo.service.database import Database

_CHECK_TIMEOUT_S = 1.0
_MIN_FREE_BYTES = 64 * 1024 * 1024
_NEEDED = frozenset({"database", "cache"})


class ComponentDown(Exception):
    """A component does not do what it is there for; the text says what was seen."""


@dataclass(frozen=True)
class Component:
    """One component as it was just seen."""

    name: str
    healthy: bool
    response_time_ms: float
    message: str | None

    def as_json(self) -> dict[str, Any]:
        state = {"name": self.name, "status": "healthy" if self.healthy else "unhealthy"}
        return {
            **state,
            "responseTime": self.response_time_ms,
            **({"message": self.message} if self.message else {}),
        }


class Health:
    name = "health"

    def __init__(
        self,
        database: Database,
        cache: Cache,
        client: httpx.AsyncClient,
        faults: PlantedFaults,
        *,
        version: str,
        environment: str,
        folder: Path,
    ) -> None:
        self._database = database
        self._cache = cache
        self._client = client
        self._faults = faults
        self._version = version
        self._environment = environment
        self._folder = folder
        self.routes = [
            Route("/api/health", self._health),
            Route("/api/ready", self._ready),
            Route("/api/live", self._live),
        ]

    async def measure(self) -> None:
        """Health has no KPI."""

    async def _health(self, request: Request) -> Response:
        components = await self._look(request)
        status = _overall(components)
        answer = {
            "status": status,
            "version": self._version,
            "environment": self._environment,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "checks": [component.as_json() for component in components],
        }
        return JSONResponse(answer, status_code=503 if status == "unhealthy" else 200)

    async def _ready(self, request: Request) -> Response:
        components = await self._look(request)
        ready = _overall(components) != "unhealthy"
        checks = [{"name": c.name, "status": "healthy" if c.healthy else "unhealthy"} for c in components]
        answer = {"status": "ready" if ready else "not ready", "checks": checks}
        return JSONResponse(answer, status_code=200 if ready else 503)

    async def _live(self, request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _look(self, request: Request) -> list[Component]:
        host, port = request.scope["server"]
        seen = await asyncio.gather(
            _seen("database", self._ask_database),
            _seen("cache", self._use_cache),
            _seen("external", lambda: self._ask_price_feed(f"http://{host}:{port}/internal/price-feed")),
            _seen("disk", self._measure_disk),
        )
        return list(seen)

    async def _ask_database(self) -> None:
        await self._database.fetch_one("SELECT 1 AS one")

    async def _use_cache(self) -> None:
        if Fault.COMPONENT_DOWN in self._faults.now():
            raise ComponentDown("a value that was set is not there")
        value = time.monotonic_ns()
        self._cache.set("health", value)
        if self._cache.get("health") != value:
            raise ComponentDown("a value that was set is not there")

    async def _ask_price_feed(self, url: str) -> None:
        answer = await self._client.get(url)
        if answer.status_code != 200:
            raise ComponentDown(f"the price feed answers {answer.status_code}")

    async def _measure_disk(self) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < _MIN_FREE_BYTES:
            raise ComponentDown(f"{free} bytes free, {_MIN_FREE_BYTES} are needed")


def _overall(components: list[Component]) -> str:
    down = {component.name for component in components if not component.healthy}
    return "unhealthy" if down & _NEEDED else "degraded" if down else "healthy"


async def _seen(name: str, look: Callable[[], Awaitable[None]]) -> Component:
    started = time.perf_counter()
    message = None
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            await look()
    except TimeoutError:
        message = f"no answer within {_CHECK_TIMEOUT_S:.0f} s"
    except Exception as error:  # whatever a component raises, the others are still reported
        message = f"{type(error).__name__}: {error}"
    return Component(name, message is None, round((time.perf_counter() - started) * 1000, 2), message)
