"""What the service tells about itself: one log line and one measurement for each request."""

import json
import re
import time
import traceback
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.demo.service.module import Module

# 0.2 is the guide's limit for p95: it must be a bound, or the share below it could only be guessed.
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
_CLIENT_LEFT = 499  # nginx's number for a client that closed the connection before the answer
_REQUEST_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


class Log:
    """One JSON object a line; the file is opened for each, so that it can be rotated at any time."""

    def __init__(self, path: Path, *, service: str, environment: str) -> None:
        self._path = path
        path.open("ab").close()  # a log that cannot be written stops the start, not the first request
        self._always = {"service": service, "environment": environment}

    def write(self, level: str, message: str, **fields: Any) -> None:
        timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"timestamp": timestamp, "level": level, **self._always, "message": message, **fields}
        with self._path.open("ab", buffering=0) as file:
            file.write(json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n")


class Metrics:
    """The /metrics page: every module's KPIs, brought up to date when somebody asks."""

    def __init__(self, registry: CollectorRegistry, modules: Sequence[Module]) -> None:
        self._registry = registry
        self._modules = modules
        self.routes = [Route("/metrics", self._show)]

    async def _show(self, request: Request) -> Response:
        for module in self._modules:
            await module.measure()
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


class Telemetry:
    """The outermost middleware: measures and logs every request, and answers 500 for what was not caught."""

    def __init__(self, app: ASGIApp, *, modules: Sequence[Module], log: Log, registry: CollectorRegistry) -> None:
        self._app = app
        self._routes = [(module.name, route) for module in modules for route in module.routes]
        self._log = log
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            ["module", "route", "method", "status"],
            buckets=_BUCKETS_S,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        status: int | None = None
        failure: Exception | None = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            failure = error
            if status is None:
                problem = JSONResponse({"error": "internal error", "requestId": request_id}, status_code=500)
                await problem(scope, receive, watched)
        finally:
            self._record(scope, status or _CLIENT_LEFT, time.perf_counter() - started, request_id, failure)

    def _record(self, scope: Scope, status: int, seconds: float, request_id: str, failure: Exception | None) -> None:
        module, route = self._place(scope)
        method, path = scope["method"], scope["path"]
        if method not in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}:
            method = "OTHER"  # a label's values must be few, whatever clients send
        self._duration.labels(module, route, method, str(status)).observe(seconds)
        self._log.write(
            "error" if failure or status >= 500 else "warn" if status >= 400 else "info",
            str(failure) if failure else f"{method} {route} answered {status}",
            module=module,
            requestId=request_id,
            method=method,
            url=path,  # without its query, which may hold what nobody should read
            status=status,
            duration=round(seconds * 1000, 2),
            error=error_fields(failure) if failure else None,
        )

    def _place(self, scope: Scope) -> tuple[str, str]:
        """The module and the route's template, which unlike paths are few."""
        partly = ("platform", "unmatched")
        for module, route in self._routes:
            match, _ = route.matches(scope)
            if match is Match.FULL:
                return module, route.path
            if match is Match.PARTIAL:
                partly = (module, route.path)
        return partly


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("X-Request-ID", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def error_fields(failure: Exception) -> dict[str, str]:
    """What a log line tells of an exception."""
    stack = "".join(traceback.format_exception(failure))
    return {"name": type(failure).__name__, "message": str(failure), "stack": stack}
