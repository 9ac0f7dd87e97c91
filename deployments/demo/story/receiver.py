"""The chat and the pager of the story: an HTTP server on loopback that keeps what Apprise's `json://` sends."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that came in at a place such as `chat`."""

    place: str
    title: str
    text: str


@dataclass(slots=True)
class Receiver:
    """What came in, in that order."""

    arrived: list[Arrived] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def take(self, path: str, body: bytes) -> None:
        """Keep a message; raises ValueError or KeyError for anything else."""
        message = json.loads(body)
        with self.lock:
            self.arrived.append(Arrived(path.strip("/"), message["title"], message["message"]))


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        try:
            self.receiver.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            status = 200
        except (ValueError, KeyError, TypeError):
            status = 400
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def receiving(port: int = 0) -> Iterator[tuple[Receiver, int]]:
    """The server in a thread of this process; yields what it keeps, and its port."""
    receiver = Receiver()
    handler = type("_ReceiverHandler", (_Handler,), {"receiver": receiver})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield receiver, server.server_port
        finally:
            server.shutdown()
            thread.join()
