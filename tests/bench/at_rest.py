"""What `rounds up` costs at rest: CPU and memory of its process tree, Prefect's database, and how late cycles end.

`python -m tests.bench.at_rest --services 10 --minutes 10 [--rounds OTHER/.venv/bin/rounds]`, beside an idle Prefect
server as peer. The services are files about one small site, each with probes, a log that grows and the machine.
"""

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil

from deployments.prefect_server import PrefectServer
from tests.up import ROUNDS, rounds_up

SETTLING_S = 150.0
"""From the start on: registration, the first runs, and the first cycle that looks at logs."""
_SAMPLE_S = 5.0
_DAY_MIN = 1440
_ROLES = (
    ("prefect server", ("deployments.serving.prefect",)),
    ("runner", ("deployments.runner",)),
    ("flow runs", ("prefect.engine", "flow-run")),
    ("archive", ("deployments.serving.archive",)),
)


class Site:
    """A service that is well."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = b'{"status":"healthy","version":"1"}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # ten services ask at the same moment

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@dataclass
class Tree:
    """CPU-seconds and memory of a process and all below it; what has ended is in the figures of who reaped it."""

    root: psutil.Process
    peak_pss: int = 0

    def processes(self) -> Iterator[psutil.Process]:
        yield self.root
        yield from self.root.children(recursive=True)

    def cpu_s(self) -> dict[str, float]:
        """By role; the CPU-seconds of ended flow runs are those that the runner has reaped."""
        found: defaultdict[str, float] = defaultdict(float)
        for process in self.processes():
            with suppress(psutil.Error):
                times, role = process.cpu_times(), _role(process)
                found[role] += times.user + times.system
                reaped = times.children_user + times.children_system
                found["flow runs" if role == "runner" else role] += reaped
        return found

    def look(self) -> int:
        """The memory of now, shared pages by parts, in bytes; the peak is kept."""
        pss = 0
        for process in self.processes():
            with suppress(psutil.Error):
                pss += process.memory_full_info().pss
        self.peak_pss = max(self.peak_pss, pss)
        return pss


def _role(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    return next((role for role, marks in _ROLES if any(mark in words for mark in marks)), "rounds up")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--minutes", type=int, default=4)
    parser.add_argument("--rounds", default=ROUNDS[0])
    arguments = parser.parse_args()
    _say(
        "| services | CPU-s/min | beyond the peer | by role | PSS MiB "
        "| database MB/day, of it events | flow runs/day | cycle ends |"
    )
    _say("|--:|--:|--:|--|--:|--:|--:|--|")
    for services in arguments.services:
        _say(_measured(services, arguments.minutes, arguments.rounds))


def _measured(services: int, minutes: int, rounds: str) -> str:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opsrounds-rest-")))
        site = Site()
        stack.callback(site.server.shutdown)
        logs = _write_services(folder / "services", services, site.url)
        ROUNDS[:] = [rounds]
        up = stack.enter_context(rounds_up(folder / "services", folder / "state", folder / "up.log"))
        peer = PrefectServer(folder / "peer", auth=None)
        stack.enter_context(peer.child)
        peer.wait_until_healthy()
        ours, theirs = Tree(psutil.Process(up.process.pid)), Tree(psutil.Process(peer.child.pid))
        ended = threading.Event()
        stack.callback(ended.set)
        threading.Thread(target=_write_lines, args=(logs, ended), daemon=True).start()
        time.sleep(SETTLING_S)
        database = folder / "state/prefect/prefect.db"
        before, peer_before, size, begun = ours.cpu_s(), theirs.cpu_s(), _size(database), time.monotonic()
        since = datetime.now(UTC)
        while time.monotonic() - begun < 60 * minutes:
            time.sleep(_SAMPLE_S)
            ours.look()
            theirs.look()
        spent = (time.monotonic() - begun) / 60
        after, peer_after = ours.cpu_s(), theirs.cpu_s()
        grown = [now - then for now, then in zip(_size(database), size, strict=True)]
        runs = _flow_runs(up.api, since)
        late = _lateness(up.api, since)
    cpu = {role: (after[role] - before.get(role, 0.0)) / spent for role in after}
    peer_cpu = (sum(peer_after.values()) - sum(peer_before.values())) / spent
    total = sum(cpu.values())
    roles = ", ".join(f"{role} {value:.2f}" for role, value in sorted(cpu.items(), key=lambda pair: -pair[1]))
    return (
        f"| {services} | {total:.2f} | {total - peer_cpu:.2f} (peer {peer_cpu:.2f}) | {roles} "
        f"| {ours.peak_pss / 2**20:.0f} (peer {theirs.peak_pss / 2**20:.0f}) "
        f"| {' / '.join(f'{size / 1e6 * _DAY_MIN / spent:.1f}' for size in grown)} "
        f"| {runs * _DAY_MIN / spent:.0f} | {late} |"
    )


def _write_services(folder: Path, services: int, url: str) -> list[Path]:
    folder.mkdir()
    logs = []
    for number in range(services):
        log = folder / f"shop{number}.log"
        log.touch()
        logs.append(log)
        (folder / f"shop{number}.toml").write_text(
            f'[service]\nname = "shop{number}"\nbase_url = "{url}"\ntimezone = "Asia/Tokyo"\n'
            '[health]\nlive = "/live"\nready = "/ready"\nreport = "/health"\n[resources]\n'
            f'[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["{log.name}"]\n'
            '[history]\nurl = "sqlite:///history.db"\n'
        )
    return logs


def _write_lines(logs: list[Path], ended: threading.Event) -> None:
    """Ten lines a second in all logs together: 600 a minute."""
    number = 0
    while not ended.wait(0.1):
        number += 1
        line = {
            "timestamp": datetime.now(UTC).isoformat(),
            "level": "info",
            "module": "shopping",
            "method": "GET",
            "url": f"/api/lists/{number % 50}",
            "status": 200,
            "duration": 12.5 + number % 40,
            "message": "answered",
        }
        with logs[number % len(logs)].open("a") as file:
            file.write(json.dumps(line) + "\n")


def _size(database: Path) -> tuple[int, int]:
    """Bytes in use, and those of them that are of events, which are kept for a day at most."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        events = connection.execute(
            "SELECT sum(pgsize) FROM dbstat WHERE name IN "
            "(SELECT name FROM sqlite_master WHERE tbl_name IN ('events', 'event_resources'))"
        ).fetchone()[0]
    return int((pages - free) * size), int(events)


def _flow_runs(api: httpx.Client, since: datetime) -> int:
    begun = ["RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLED", "CANCELLING"]
    asked = {"flow_runs": {"start_time": {"after_": since.isoformat()}, "state": {"type": {"any_": begun}}}}
    return int(api.post("/flow_runs/count", json=asked).raise_for_status().json())


def _lateness(api: httpx.Client, since: datetime) -> str:
    """How many seconds after its minute a cycle of the monitoring ends: of task runs, or of runs of a minute each."""
    flow = {"flows": {"name": {"any_": ["monitoring"]}}}
    tasks = _ended(api, "task_runs", flow)
    minutely = [run for run in tasks if len(run["name"]) == len("09:31Z") and run["name"].endswith("Z")]
    found = minutely or _ended(api, "flow_runs", flow)
    late = []
    for run in found:
        begun, end = (datetime.fromisoformat(run[name].replace("Z", "+00:00")) for name in ("start_time", "end_time"))
        planned = begun if minutely else datetime.fromisoformat(run["expected_start_time"].replace("Z", "+00:00"))
        if begun > since:
            late.append(((end - planned.replace(second=0, microsecond=0)) / timedelta(seconds=1), run["name"]))
    if not late:
        return "none"
    worst, name = max(late)
    return f"{statistics.median(seconds for seconds, _ in late):.1f} s, worst {worst:.1f} s ({name}) of {len(late)}"


def _ended(api: httpx.Client, what: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    found = api.post(f"/{what}/filter", json={**asked, "limit": 200}).raise_for_status().json()
    return [run for run in found if run["start_time"] and run["end_time"]]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.pop("PREFECT_API_URL", None)
    main()
