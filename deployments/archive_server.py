"""The report archive over HTTP."""

import secrets
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasks.deadline import Deadline
from tasks.files import make_folder

_STARTED_WITHIN_S = 10.0
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class _Guard:
    """Asks for the user and password when there is one, and sets headers that keep pages inert."""

    def __init__(self, app: ASGIApp, auth: str | None) -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if self._auth is not None and not _authorized(scope, self._auth):
            refusal = PlainTextResponse(
                "user and password, please\n", status_code=401, headers={"WWW-Authenticate": 'Basic realm="opsrounds"'}
            )
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def archive_app(output: Path, auth: str | None) -> Starlette:
    """The archive as an application; `auth` is `user:password`."""
    make_folder(output)
    files = StaticFiles(directory=output, html=True)
    return Starlette(routes=[Mount("/", files)], middleware=[Middleware(_Guard, auth=auth)])


@contextmanager
def serving_archive(output: Path, *, host: str, port: int, auth: str | None) -> Iterator[None]:
    """Serve the archive from a thread; raises OSError when the port is taken."""
    config = uvicorn.Config(archive_app(output, auth), host=host, port=port, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    listener = socket.create_server((host, port))  # uvicorn's own bind would end the process
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="archive", daemon=True)
    thread.start()
    try:
        deadline = Deadline.after(_STARTED_WITHIN_S)
        while not server.started and not deadline.passed:
            sleep(0.02)
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _authorized(scope: Scope, auth: str) -> bool:
    given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    scheme, _, value = given.partition(" ")
    try:
        credentials = b64decode(value, validate=True)
    except ValueError:
        return False
    return scheme.lower() == "basic" and secrets.compare_digest(credentials, auth.encode())
