"""The process that is a Prefect server: `python -m deployments.serving.prefect`.

`prefect server start` checks no Host header, lets anybody open a websocket, and waits for ever for a request.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import temporary_database_config
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, get_current_settings

from deployments.serving.bounds import serve
from deployments.serving.guard import Guard
from deployments.serving.orders import orders

_HEADERS = {
    # The UI keeps the credential in the browser: nothing of another site runs beside it, and nothing is sent there.
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_PROBES = ("/api/health", "/api/ready")
_CLOSED = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"})
"""Pages that load scripts of another site, beside the credential that the UI keeps in the browser."""


class WriteLockFirst(AioSqliteConfiguration):
    """Begins each transaction of Prefect's with the lock that its writes need.

    Prefect begins most with a read. SQLite refuses the write after it at once if another one came between, and the
    client of the refused request (the start of a flow run, for one) waits for seconds to ask again.
    """

    @asynccontextmanager
    async def begin_transaction(self, session: Any, with_for_update: bool = False) -> AsyncGenerator[Any, None]:
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def is_public(method: str, path: str) -> bool:
    """True for the UI itself, which asks for the credential, and for probes that say only that the server is there."""
    in_api = path == "/api" or path.startswith("/api/")
    return method in ("GET", "HEAD") and (not in_api or path in _PROBES)


def main() -> None:
    """Serve until stopped."""
    given, door = orders(flags=["--no-services"])
    app = create_app(final=True, webserver_only=given.no_services)
    guarded = Guard(app, door, headers=_HEADERS, is_public=is_public, closed=_CLOSED)
    settings = get_current_settings().server
    with _database():
        serve(
            guarded,
            given.host,
            given.port,
            log_level=settings.logging_level.lower(),
            ws_ping_interval=settings.api.websocket_ping_interval,
            ws_ping_timeout=settings.api.websocket_ping_timeout,
        )


def _database() -> AbstractContextManager[object]:
    """Prefect's database as configured; SQLite with its lock first."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    return temporary_database_config(WriteLockFirst(url)) if url.startswith("sqlite") else nullcontext()


if __name__ == "__main__":
    main()
