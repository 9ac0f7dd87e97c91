"""A small load at a fixed arrival rate: requests go out when they are due, however long earlier ones take.

A process of its own, `python -m`, which gets its orders in JSON by the environment and writes a line for each request:
its number, and the ms from the moment at which it was due to the end of its answer, or to its failure. What cannot be
sent within `_LATE_S` of that moment has no line. Plain threads and sockets: few requests, exact times.
"""

import ctypes
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

ORDERS: Final = "ROUNDS_PROBE"
_LATE_S = 0.1
_MOST_THREADS = 512
_READ = 65_536
_TIMER_SLACK = 29
_PARTS = (206, 207, 226)  # no whole answers, as in tasks/http.py


class Line:
    """One keep-alive connection."""

    def __init__(self, orders: dict[str, Any], trust: ssl.SSLContext | None, until: float) -> None:
        plain = socket.create_connection((orders["host"], orders["port"]), timeout=max(until - time.monotonic(), 0.001))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket = trust.wrap_socket(plain, server_hostname=orders["host"]) if trust is not None else plain
        except OSError:
            plain.close()
            raise
        self._rest = b""

    def ask(self, request: bytes, until: float) -> tuple[int, bool]:
        """Status of the whole answer, and whether the connection can be used again."""
        self._until = until
        self.socket.settimeout(max(until - time.monotonic(), 0.001))
        self.socket.sendall(request)
        status = 100
        while 100 <= status < 200:
            head = self._to(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
        fields = {
            name.strip(): value.strip().lower()
            for name, _, value in (line.partition(b":") for line in head.lower().split(b"\r\n")[1:])
        }
        reusable = fields.get(b"connection", b"") != b"close" and head.startswith(b"HTTP/1.1")
        if status in (204, 304):
            return status, reusable
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            while size := int(self._to(b"\r\n").partition(b";")[0], 16):
                self._skip(size + 2)
            while self._to(b"\r\n") != b"\r\n":
                pass
        elif b"content-length" in fields:
            self._skip(int(fields[b"content-length"]))
        else:
            with suppress(EOFError):
                self._skip(sys.maxsize)
            reusable = False
        return status, reusable

    def _more(self) -> None:
        self.socket.settimeout(max(self._until - time.monotonic(), 0.001))
        if not (piece := self.socket.recv(_READ)):
            raise EOFError
        self._rest += piece

    def _to(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._more()
        end = self._rest.index(mark) + len(mark)
        found, self._rest = self._rest[:end], self._rest[end:]
        return found

    def _skip(self, size: int) -> None:
        while len(self._rest) < size:
            size -= len(self._rest)
            self._rest = b""
            self._more()
        self._rest = self._rest[size:]


class Probe:
    """Threads that take turns: each waits for the next moment, sends, and reads the answer."""

    def __init__(self, orders: dict[str, Any], out: Any) -> None:
        self._orders, self._out = orders, out
        parts = urlsplit(orders["url"])
        self._trust = ssl.create_default_context() if parts.scheme == "https" else None
        if self._trust is not None and orders["ca_file"] is not None:
            self._trust.load_verify_locations(orders["ca_file"])
        orders["host"], orders["port"] = parts.hostname, parts.port or (443 if self._trust else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {"Host": parts.netloc, "User-Agent": "opsrounds", "Accept": "*/*", "Cache-Control": "no-cache"}
        lines = [f"{name}: {value}" for name, value in {**fields, **orders["headers"]}.items()]
        self._request = "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode("utf-8", "surrogateescape")
        self._rate, self._timeout_s = orders["per_second"], orders["timeout_s"]
        self._most = int(min(max(self._rate * self._timeout_s, 4), _MOST_THREADS))
        self._turn, self._count, self._writing = threading.Lock(), threading.Lock(), threading.Lock()
        self._idle: list[Line] = []
        self._free = self._threads = 0
        self._busy: dict[int, float] = {}
        self._next = 0
        self.ended = threading.Event()
        self._origin = time.monotonic() + 0.05
        self._say({"origin": time.time() + 0.05, "per_second": self._rate})

    def start(self) -> None:
        """One more thread."""
        with self._count:
            if self._threads >= self._most:
                return
            self._threads += 1
            self._free += 1
        threading.Thread(target=self._take_turns, daemon=True).start()

    def _say(self, line: Any) -> None:
        with self._writing:
            self._out.write(json.dumps(line) + "\n")

    def _take_turns(self) -> None:
        while True:
            with self._turn:
                if self.ended.is_set():
                    return
                with self._count:
                    self._free -= 1
                    alone = self._free == 0
                if alone:
                    self.start()
                number, due = self._due()
                if self.ended.is_set():
                    return
                with self._count:
                    self._busy[number] = due
            answer = self._once(due)
            with self._count:
                del self._busy[number]
                self._free += 1
            self._say([number, *answer])

    def _due(self) -> tuple[int, float]:
        """Sleeps until the next moment that is not past."""
        behind = (time.monotonic() - self._origin - _LATE_S) * self._rate
        self._next = max(self._next, int(behind) + 1 if behind > 0 else 0)
        number, self._next = self._next, self._next + 1
        due = self._origin + number / self._rate
        time.sleep(max(due - time.monotonic(), 0))
        return number, due

    def _once(self, due: float) -> tuple[float, bool]:
        until = due + self._timeout_s
        good = False
        with suppress(OSError, EOFError, ValueError, IndexError):
            status = self._ask(until)
            good = (200 <= status < 300 and status not in _PARTS) or status == 304
        return round((time.monotonic() - due) * 1000, 3), good

    def _ask(self, until: float) -> int:
        while self._idle:
            with suppress(IndexError):  # another thread was faster
                line = self._idle.pop()
                try:
                    return self._asked(line, until)
                except (ConnectionError, EOFError):  # closed meanwhile: the next one
                    if time.monotonic() >= until:
                        raise
        return self._asked(Line(self._orders, self._trust, until), until)

    def _asked(self, line: Line, until: float) -> int:
        keep = False
        try:
            status, keep = line.ask(self._request, until)
            return status
        finally:
            if keep:
                self._idle.append(line)
            else:
                line.socket.close()

    def finish(self, hurry: threading.Event) -> None:
        """No more requests; those that are under way have their time, or none if there is a hurry, and then failed."""
        self.ended.set()
        until = time.monotonic() + self._timeout_s + 0.5
        while self._busy and time.monotonic() < until and not hurry.wait(0.02):
            pass
        with self._count:
            for number, due in self._busy.items():
                self._say([number, round((time.monotonic() - due) * 1000, 3), False])


def main() -> None:
    """Until SIGTERM, or SIGINT when there is a hurry."""
    orders = json.loads(os.environ.pop(ORDERS))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_TIMER_SLACK, 1)
    stop, hurry = threading.Event(), threading.Event()

    def end(number: int, _: Any) -> None:
        if number == signal.SIGINT:
            hurry.set()
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with Path(orders["file"]).open("a", encoding="utf-8", buffering=1) as out:
        probe = Probe(orders, out)
        probe.start()
        stop.wait()
        probe.finish(hurry)
        out.flush()
        os._exit(0)  # threads that hang


if __name__ == "__main__":
    main()
