"""The demo service: a small modular monolith that plans meals."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from prometheus_client import CollectorRegistry, disable_created_metrics
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.demo.faults import SERVICE, PlantedFaults
from deployments.demo.service import ingredients, shopping, users
from deployments.demo.service.cache import Cache
from deployments.demo.service.database import Database
from deployments.demo.service.health import Health
from deployments.demo.service.module import BodyRefused, Module, answer_body_refused, answer_http_error
from deployments.demo.service.planted import PlantedFaultsMiddleware, SecurityHeaders, SpoiltLog
from deployments.demo.service.telemetry import Metrics, Telemetry


@dataclass(frozen=True)
class Settings:
    """What the service reads from its environment."""

    dsn: str
    log: Path
    faults: Path | None
    version: str
    environment: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """From DEMO_DSN and DEMO_LOG, and the optional DEMO_FAULTS, DEMO_VERSION, DEMO_ENVIRONMENT."""
        for needed in ("DEMO_DSN", "DEMO_LOG"):
            if not environment.get(needed):
                raise RuntimeError(f"{needed} is not set: the demo service needs DEMO_DSN and DEMO_LOG")
        return cls(
            dsn=environment["DEMO_DSN"],
            log=Path(environment["DEMO_LOG"]),
            faults=Path(environment["DEMO_FAULTS"]) if environment.get("DEMO_FAULTS") else None,
            version=environment.get("DEMO_VERSION", "1.4.2"),
            environment=environment.get("DEMO_ENVIRONMENT", "demo"),
        )


def create_tables(connection: "psycopg.Connection[object]") -> None:
    """Every module's tables and sample data; nothing changes when they are there."""
    for module in (ingredients, users, shopping):
        module.create_tables(connection)


def create_app() -> Starlette:
    """The service as its environment says, for `uvicorn --factory`."""
    settings = Settings.read(os.environ)
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    database, cache, faults = Database(settings.dsn), Cache(), PlantedFaults(settings.faults)
    client = httpx.AsyncClient(timeout=1.0, trust_env=False)
    stock = ingredients.Ingredients(database, cache, registry)
    people = users.Users(database, registry)
    health = Health(
        database,
        cache,
        client,
        faults,
        version=settings.version,
        environment=settings.environment,
        folder=settings.log.parent,
    )
    lists = shopping.Shopping(database, stock, people, registry)
    modules: list[Module] = [health, stock, lists, people]

    @asynccontextmanager
    async def running(app: Starlette) -> AsyncIterator[None]:
        worker = asyncio.create_task(lists.work_off())
        async with client:
            yield
        worker.cancel()
        await asyncio.wait([worker])
        await database.close()

    platform = [*Metrics(registry, modules).routes, Route("/internal/price-feed", _price_feed)]
    log = SpoiltLog(settings.log, service=SERVICE, environment=settings.environment, faults=faults)
    return Starlette(
        routes=[*platform, *(route for module in modules for route in module.routes)],
        middleware=[
            Middleware(SecurityHeaders, faults=faults),
            Middleware(Telemetry, modules=modules, log=log, registry=registry),
            Middleware(PlantedFaultsMiddleware, faults=faults, log=log),
        ],
        exception_handlers={BodyRefused: answer_body_refused, HTTPException: answer_http_error},
        lifespan=running,
    )


async def _price_feed(request: Request) -> Response:
    """Stands in for the wholesaler's price feed, which is somebody else's service."""
    return JSONResponse({"currency": "JPY", "status": "open"})
