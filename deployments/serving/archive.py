"""The process that serves the report archive: `python -m deployments.serving.archive`."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from deployments.serving.bounds import serve
from deployments.serving.guard import Door, Guard
from deployments.serving.orders import orders

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def archive_app(output: Path, door: Door) -> ASGIApp:
    """The archive as an application, whose pages stay inert."""
    output.mkdir(parents=True, exist_ok=True)
    files = Starlette(routes=[Mount("/", StaticFiles(directory=output, html=True))])
    return Guard(files, door, headers=_HEADERS, ask=True)


def main() -> None:
    """Serve until stopped."""
    given, door = orders("--output")
    serve(archive_app(Path(given.output), door), given.host, given.port, ws="none")


if __name__ == "__main__":
    main()
