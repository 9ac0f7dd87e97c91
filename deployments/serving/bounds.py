"""An HTTP server that silent and slow connections neither end nor fill up."""

import resource
from asyncio import TimerHandle, Transport
from typing import Any

import uvicorn
from h11 import Request
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 512
REQUEST_WITHIN_S = 10.0
"""How long a connection may be without a whole request: at its start, and after each answer."""
_READ_WITHIN_S = 20.0
"""How long a reader may leave an answer of more than 64 KiB standing."""
_STOP_WITHIN_S = 5
_KEEP_ALIVE_S = 5
_MOST_MESSAGE = 4 * 1024 * 1024
_BACKLOG = 128
"""Also what asyncio accepts at one go, before anything can be refused."""
_MOST_FILES = 4096


class BoundedHttp(H11Protocol):
    """uvicorn's protocol, which waits for ever for a request or a reader, with bounds in time and number.

    When there are too many connections, the one that has waited longest for a request gives way.
    """

    _since = 0.0
    _late: TimerHandle | None = None
    _unread: TimerHandle | None = None

    @property
    def waiting(self) -> bool:
        """True while no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > most_connections():
            waiting = [other for other in self.connections if isinstance(other, BoundedHttp) and other.waiting]
            min(waiting, key=lambda other: other._since).drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._wait()
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: Request) -> None:
        self._forget()
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(_READ_WITHIN_S, self.drop)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
        super().resume_writing()

    def drop(self) -> None:
        """End the connection without a word."""
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self) -> None:
        self._since = self.loop.time()
        if self._late is not None:
            self._late.cancel()
        self._late = self.loop.call_later(REQUEST_WITHIN_S, self._drop_if_waiting)

    def _drop_if_waiting(self) -> None:
        if self.waiting:
            self.drop()

    def _forget(self) -> None:
        for timer in (self._late, self._unread):
            if timer is not None:
                timer.cancel()


def most_connections() -> int:
    """So many that half of the files which this process may open are left for its own work."""
    return min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


def serve(app: ASGIApp, host: str, port: int, *, log_level: str = "warning", **options: Any) -> None:
    """Answer HTTP requests and websockets until SIGTERM; `options` are uvicorn's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(_MOST_FILES, hard)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=BoundedHttp,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
        ws_max_size=_MOST_MESSAGE,
        log_level=log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        **options,
    )
