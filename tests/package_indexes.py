"""A package index on loopback, as PyPI's and npm's, well or in one of several ways broken."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_JSON = "application/vnd.pypi.simple.v1+json"
_LOGIN = '<!DOCTYPE html><html><body><h1>Sign in</h1><a href="/login-1.0.tar.gz">x</a><a href="/x">y</a></body></html>'


class How(StrEnum):
    """How the index answers."""

    JSON = "json with versions"
    FILES = "json with files alone"
    HTML = "html"
    BROKEN = "500"
    LOGIN = "a login page"
    SLOW = "slow"
    CUT = "cut short"
    LOOP = "redirects without an end"


@dataclass
class Known:
    """What the index knows: file names by canonical name, npm versions by name.

    `user` is who may ask, `elsewhere` where /away redirects to.
    """

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    npm: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    how: How = How.JSON
    user: str | None = None
    elsewhere: str = ""
    asked: list[str] = field(default_factory=list)

    def simple(self, name: str) -> tuple[str, str] | None:
        """The page of a package and its media type."""
        if (files := self.files.get(name)) is None:
            return None
        if self.how is How.HTML:
            links = "".join(f'<a href="../../files/{file}#sha256=0" data-yanked="">{file}</a><br/>' for file in files)
            return f"<!DOCTYPE html><html><body><h1>Links for {name}</h1>{links}</body></html>", "text/html"
        page = {"meta": {"api-version": "1.1"}, "name": name, "files": [{"filename": file} for file in files]}
        if self.how is not How.FILES:
            page["versions"] = [file.removesuffix(".tar.gz").rpartition("-")[2] for file in files]
        return json.dumps(page), _JSON

    def entry(self, name: str, version: str) -> tuple[str, str] | None:
        """The entry of an npm package in a version."""
        if version not in self.npm.get(name, ()):
            return None
        return json.dumps({"name": name, "version": version}), "application/json"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    known: Known

    def do_GET(self) -> None:
        known = self.known
        known.asked.append(self.path)
        if (
            known.user
            and self.headers.get("Authorization") != f"Basic {base64.b64encode(known.user.encode()).decode()}"
        ):
            return self._send(401, "who?", "text/plain")
        if known.how is How.BROKEN:
            return self._send(500, "broken", "text/plain")
        if known.how is How.LOGIN:
            return self._send(200, _LOGIN, "text/html")
        if known.how is How.LOOP:
            return self._send(302, "", "text/plain", {"Location": self.path})
        if known.how is How.SLOW:
            time.sleep(1)
        _, kind, *rest = self.path.split("/")
        if kind == "away":
            return self._send(302, "", "text/plain", {"Location": f"{known.elsewhere}/{rest[0]}/"})
        found = known.simple(rest[0]) if kind == "simple" else known.entry(rest[0].replace("%2F", "/"), rest[1])
        if kind == "moved":
            return self._send(301, "", "text/plain", {"Location": self.path.replace("/moved/", "/simple/")})
        return self._send(*((404, "none", "text/plain") if found is None else (200, *found)))

    def _send(self, code: int, text: str, kind: str, headers: Mapping[str, str] | None = None) -> None:
        content = text.encode()
        self.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        cut = self.known.how is How.CUT and code == 200
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = cut

    def log_message(self, *_: object) -> None: ...


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False

    def handle_error(self, *_: object) -> None: ...


@contextmanager
def index_of(known: Known) -> Iterator[str]:
    """The index in a thread; yields its address, to which /simple, /moved (a redirect there) and /npm belong."""
    with _Server(("127.0.0.1", 0), type("_IndexHandler", (_Handler,), {"known": known})) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
