"""A web server that answers as a test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = tuple[int, str, str | bytes]
Answering = Callable[[str, str], Answer]
"""Takes path and body of a request; gives status, content type and body, bytes for one that is packed."""


@dataclass
class Web:
    """Where the server is, and what it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def serve() -> Iterator[Callable[[Answering], Web]]:
    with ExitStack() as stack:

        def start(answering: Answering) -> Web:
            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                wbufsize = -1

                def do_GET(self) -> None:
                    web.asked.append(self.path)
                    given = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                    status, kind, text = answering(self.path, given)
                    body = text if isinstance(text, bytes) else text.encode()
                    self.send_response(status)
                    self.send_header("Location" if 300 <= status < 400 else "Content-Type", kind)
                    if body is text:
                        self.send_header("Content-Encoding", "gzip")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                do_POST = do_GET

                def log_message(self, *_: object) -> None:
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            web = Web(f"http://127.0.0.1:{server.server_port}")
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return web

        yield start
