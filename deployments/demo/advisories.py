"""An advisory server with OSV's API, on loopback: `python -m deployments.demo.advisories --port 8100`.

Its advisories (advisories.json) are written for the demo and say so; their `modified` is an hour ago, so that the feed
is fresh whenever the demo runs. It is also the package index of the demo's lock files: `/simple/NAME/` as PyPI's,
`/npm/NAME/VERSION` as npm's.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from deployments.demo.source import demo_packages

Advisory = Mapping[str, Any]
_HTML = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"
_FRESH, _STALE = timedelta(hours=1), timedelta(days=400)


class FeedFault(StrEnum):
    """What can be wrong with the server."""

    BROKEN = "500"
    BUSY = "429"
    HTML = "html"
    TRUNCATED = "truncated"
    SLOW = "slow"
    EMPTY = "empty"
    STALE = "stale"


@dataclass
class Feed:
    """What the server knows and how it answers; `fault` is asked at each request, `asked` counts requests by path."""

    advisories: Sequence[Advisory]
    fault: Callable[[], FeedFault | None] = lambda: None
    retry_after: str | None = None
    slow_s: float = 5.0
    page: int = 1000
    changes: bool = True
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, body: Any, fault: FeedFault | None) -> Any:
        """The JSON for a request, a text for the list of changes; None where there is nothing."""
        known = () if fault is FeedFault.EMPTY else tuple(self._dated(self.advisories, fault))
        if path == "/v1/query":
            return self._matches(known, body)
        if path == "/v1/querybatch":
            short = [self._matches(known, query) for query in body["queries"]]
            return {"results": [_brief(result) for result in short]}
        if path.startswith("/v1/vulns/"):
            return next((one for one in known if one["id"] == path.rpartition("/")[2]), None)
        if path.startswith(("/simple/", "/npm/")):
            return _indexed(path)
        if path == "/modified_id.csv" and self.changes:
            return "".join(f"{one['modified']},{one['id']}\n" for one in known)
        return None

    def _matches(self, known: Iterable[Advisory], query: Any) -> dict[str, Any]:
        found = [one for one in known if affects(one, query["package"], query["version"])]
        start = int(query.get("page_token") or 0)
        rest = {"next_page_token": str(start + self.page)} if len(found) > start + self.page else {}
        return {"vulns": found[start : start + self.page], **rest} if found else {}

    def _dated(self, advisories: Iterable[Advisory], fault: FeedFault | None) -> Iterator[Advisory]:
        at = datetime.now(UTC) - (_STALE if fault is FeedFault.STALE else _FRESH)
        for advisory in advisories:
            yield {"modified": f"{at:%Y-%m-%dT%H:%M:%SZ}", **advisory}


def _indexed(path: str) -> dict[str, Any] | None:
    """The page of a package (PEP 691, 700), or the entry of an npm package in a version."""
    index, name, *version = path.strip("/").split("/")
    versions = demo_packages()["PyPI" if index == "simple" else "npm"].get(name)
    if versions is None or (version and version[0] not in versions):
        return None
    if version:
        return {"name": name, "version": version[0]}
    return {"meta": {"api-version": "1.1"}, "name": name, "versions": sorted(versions), "files": []}


def affects(advisory: Advisory, package: Mapping[str, str], version: str) -> bool:
    """True for an advisory that names this version of a package, in its list or in a range."""
    return any(
        entry["package"]["ecosystem"] == package["ecosystem"]
        and canonicalize_name(entry["package"]["name"]) == canonicalize_name(package["name"])
        and (
            version in entry.get("versions", ())
            or any(_in(each["events"], version) for each in entry.get("ranges", ()))
        )
        for entry in advisory["affected"]
    )


def _in(events: Iterable[Mapping[str, str]], version: str) -> bool:
    """OSV's algorithm: the last event that is not after the version decides."""
    inside, installed = False, Version(version)
    for event in events:
        if "introduced" in event and installed >= Version(event["introduced"]):
            inside = True
        if "fixed" in event and installed >= Version(event["fixed"]):
            inside = False
        if "last_affected" in event and installed > Version(event["last_affected"]):
            inside = False
    return inside


def _brief(result: Mapping[str, Any]) -> dict[str, Any]:
    short = [{"id": one["id"], "modified": one["modified"]} for one in result.get("vulns", ())]
    return {**result, "vulns": short} if short else {}


def demo_advisories() -> list[Advisory]:
    """The advisories that are written for the demo."""
    known: list[Advisory] = json.loads(files("deployments.demo").joinpath("advisories.json").read_text("utf-8"))
    return known


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    disable_nagle_algorithm = True
    feed: Feed

    def do_GET(self) -> None:
        self._respond(None)

    def do_POST(self) -> None:
        self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def _respond(self, body: Any) -> None:
        self.feed.asked.append(self.path)
        fault = self.feed.fault()
        if fault is FeedFault.BROKEN:
            return self._send(500, b"Internal Server Error", "text/plain")
        if fault is FeedFault.BUSY:
            wait = {} if self.feed.retry_after is None else {"Retry-After": self.feed.retry_after}
            return self._send(429, b"{}", "application/json", headers=wait)
        if fault is FeedFault.HTML:
            return self._send(200, _HTML, "text/html")
        if fault is FeedFault.SLOW:
            time.sleep(self.feed.slow_s)
        answer = self.feed.answer(self.path, body, fault)
        if answer is None:
            return self._send(404, b'{"code": 5, "message": "Bug not found."}', "application/json")
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self._send(200, content, "application/json", cut=fault is FeedFault.TRUNCATED)
        return None

    def _send(
        self, code: int, content: bytes, kind: str, *, cut: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = cut


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that has gone is no error of the server."""


@contextmanager
def serving(feed: Feed, port: int = 0) -> Iterator[str]:
    """The server in a thread of this process; yields its address."""
    handler = type("_FeedHandler", (_Handler,), {"feed": feed})
    with _Server(("127.0.0.1", port), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _stale_when_planted(faults_file: Path | None) -> Callable[[], FeedFault | None]:
    """The demo's fault `stale-feed`, as it is planted right now."""

    def fault() -> FeedFault | None:
        try:
            planted = json.loads(faults_file.read_bytes())["faults"] if faults_file else []
        except FileNotFoundError:
            planted = []
        return FeedFault.STALE if "stale-feed" in planted else None

    return fault


def main() -> None:
    parser = argparse.ArgumentParser(description="The demo's advisory server, on loopback.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--faults", type=Path, help="file of the planted faults")
    arguments = parser.parse_args()
    with serving(Feed(demo_advisories(), _stale_when_planted(arguments.faults)), arguments.port):
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
