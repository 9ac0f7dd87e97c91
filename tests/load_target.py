"""A service under load that tests steer: it counts, fails, redirects, freezes and dies."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tasks.load.settings import Profile, Step
from tasks.settings import Settings, load_settings

SHOP = """
from locust import FastHttpUser, constant_throughput, task
class Shop(FastHttpUser):
    wait_time = constant_throughput(20)
    @task
    def lists(self): self.client.get("/lists", name="shopping:/lists")
"""


class Target(ThreadingHTTPServer):
    """Answers `/bad` with 503, `/to?ADDRESS` with a redirect, `/id` with its environment, all others with 200.

    `/hangs` has no answer.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answering = threading.Event()
        self.answering.set()
        self.ended = threading.Event()
        self.alive = True
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, str] = {}
        self.environment = "staging"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go when they like."""


class _Answer(BaseHTTPRequestHandler):
    server: Target
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.server.answering.wait(60)
        if path == "/hangs":
            self.server.ended.wait(60)
            self.close_connection = True
            return
        if not self.server.alive:
            self.close_connection = True
            return
        self.server.requests[path] += 1
        if path == "/probe":
            self.server.headers = dict(self.headers)
        body = json.dumps({"environment": self.server.environment}).encode()
        self.send_response({"/bad": 503, "/to": 302}.get(path, 200))
        if path == "/to":
            self.send_header("Location", query)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running_target() -> Iterator[Target]:
    """A target in a thread of this process."""
    with Target() as target:
        thread = threading.Thread(target=target.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield target
        finally:
            target.answering.set()
            target.ended.set()
            with suppress(OSError):
                target.shutdown()
            thread.join()


def load_service(
    folder: Path,
    target: str,
    scenarios: dict[str, str],
    more: str = "",
    *,
    environment: str = "staging",
    rate: int = 50,
) -> Settings:
    """A service file with a load test of `target` and its Locust files; `more` are lines of `[load]` and below.

    `rate` is that of the probe.
    """
    for name, content in scenarios.items():
        (folder / name).write_text(content, encoding="utf-8")
    file = folder / "service.toml"
    file.write_text(
        f'[service]\nname = "shop"\nbase_url = "http://shop.example"\nenvironment = "production"\n'
        f'[load]\nbase_url = "{target}"\nhosts = ["{target.removeprefix("http://")}"]\n'
        f'environment = "{environment}"\nscenarios = {list(scenarios)}\n'
        f'probe = {{ path = "/probe", per_second = {rate}, timeout_s = 2 }}\n{more}',
        encoding="utf-8",
    )
    return load_settings(file)


def profile(*steps: tuple[int, float], ramp_up_s: float = 1.0, **more: Any) -> Profile:
    """Steps of so many users for so many seconds."""
    return Profile(name="test", steps=tuple(Step(users=u, seconds=s) for u, s in steps), ramp_up_s=ramp_up_s, **more)
