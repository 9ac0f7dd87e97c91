"""Monitoring that is killed, suspended and left without its runner or server: what it held, missed, said and doubled.

`python -m tests.bench.killed_monitoring --kills 20` takes about half an hour. Beside it a mail server counts who got a
message twice: one is due every ten seconds.
"""

import argparse
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from aiosmtpd.controller import Controller

from flows.messages import MAIL, REPORT
from tasks.check_result import Scalar
from tasks.history.engine import writing
from tasks.history.opened import history_of
from tasks.history.outbox import OutboxMessage, put
from tasks.history.services import service_id
from tasks.processes import free_port
from tasks.settings import load_settings
from tests.bench.at_rest import Site
from tests.up import Up, rounds_up

_LONGEST_S = 240.0


@dataclass
class Post:
    """A mail server that counts."""

    got: Counter[str] = field(default_factory=Counter)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.got.update(envelope.rcpt_tos)
        return "250 kept"


@dataclass
class Ground:
    """A service that is monitored by `rounds up`, which is started again whenever it ends, as systemd does."""

    folder: Path
    stack: ExitStack
    post: Post = field(default_factory=Post)
    _up: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        site = Site()
        self.stack.callback(site.server.shutdown)
        controller = Controller(self.post, hostname="127.0.0.1", port=free_port())
        controller.start()
        self.stack.callback(controller.stop)
        self.file = self.folder / "services/shop.toml"
        self.file.parent.mkdir()
        self.file.write_text(
            f'[service]\nname = "shop"\nbase_url = "{site.url}"\ntimezone = "Asia/Tokyo"\n'
            '[health]\nlive = "/live"\nready = "/ready"\n'
            f'[mail]\nsmtp = "smtp://127.0.0.1:{controller.port}"\n'
        )
        self.start()

    def start(self) -> None:
        up = rounds_up(self.file.parent, self.folder / "state", self.folder / f"up-{time.time():.0f}.log")
        self._up = ExitStack()
        self.up: Up = self._up.enter_context(up)

    def stop(self) -> None:
        self._up.close()

    def runs(self) -> list[dict[str, Any]]:
        asked = {"flows": {"name": {"any_": ["monitoring"]}}, "sort": "START_TIME_DESC", "limit": 200}
        found: list[dict[str, Any]] = self.up.api.post("/flow_runs/filter", json=asked).raise_for_status().json()
        return found

    def process(self, module: str) -> psutil.Process | None:
        """The process below `rounds up` with such a word in its command."""
        for process in psutil.Process(self.up.process.pid).children(recursive=True):
            try:
                if module in " ".join(process.cmdline()):
                    return process
            except psutil.Error:
                continue
        return None

    def monitor(self) -> tuple[str, psutil.Process]:
        """The run that monitors, once there is one, and its process."""
        found: list[tuple[str, psutil.Process]] = []

        def there() -> bool:
            for run in self.runs():
                if run["state_type"] == "RUNNING" and (process := self._of(run["id"])) is not None:
                    found.append((run["id"], process))
                    return True
            return False

        _until(there)
        return found[-1]

    @staticmethod
    def _of(run: str) -> psutil.Process | None:
        for process in psutil.process_iter():
            try:
                if process.environ().get("PREFECT__FLOW_RUN_ID") == run and process.status() != psutil.STATUS_ZOMBIE:
                    return process
            except psutil.Error:
                continue
        return None

    def minutes(self) -> list[int]:
        with sqlite3.connect(f"file:{self.file.parent / 'opsrounds.db'}?mode=ro", uri=True, timeout=30) as connection:
            rows = connection.execute(
                "SELECT minute FROM samples JOIN sample_series ON id = series_id WHERE name = 'probe.live'"
            )
            return sorted(int(row[0]) for row in rows)

    def put_messages(self, ended: threading.Event) -> None:
        """A message of the daily checklist to somebody new, every ten seconds."""
        settings = load_settings(self.file)
        history, number = history_of(settings), 0
        period = f"{datetime.now(settings.zone):%Y-%m-%d}"
        payload: dict[str, Scalar] = {"flow": "daily-checklist", "period": period, "revision": 1}
        while not ended.wait(10):
            number += 1
            with writing(history) as connection:
                message = OutboxMessage(REPORT, f"bench/{number}", MAIL, f"u{number}@shop.example", "en", payload)
                put(connection, service_id(connection, "shop"), [message], datetime.now(UTC))


def main() -> None:
    """Kill, and count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opsrounds-killed-")))
        ground = Ground(folder, stack)
        stack.callback(ground.stop)
        ground.up.start("daily-checklist")
        _until(lambda: _has_report(ground))
        ended = threading.Event()
        stack.callback(ended.set)
        threading.Thread(target=ground.put_messages, args=(ended,), daemon=True).start()
        _until(lambda: bool(ground.minutes()))
        begun = ground.minutes()[0]
        gaps = [_killed(ground, draw, number) for number in range(arguments.kills)]
        _say(f"{len(gaps)} kills of the run: the next one ran after {sorted(round(gap, 1) for gap in gaps)} s")
        _part(ground, "kill -9 of the runner", lambda: _end(ground, "deployments.runner"))
        _part(ground, "kill -9 of the server, then a new rounds up", lambda: _server(ground))
        _part(ground, "the run stands still for 3 minutes", lambda: _stopped(ground))
        _told(ground, begun)


def _killed(ground: Ground, draw: random.Random, number: int) -> float:
    ground.monitor()
    time.sleep(draw.uniform(0, 60))
    while True:
        run, process = ground.monitor()  # between two quarters it is the next one
        at, began = time.time(), time.monotonic()
        with suppress(psutil.NoSuchProcess):  # it has just come to its end
            process.send_signal(signal.SIGKILL)
            break
    _until(lambda: ground.monitor()[0] != run)
    taken = time.monotonic() - began
    _say(f"kill {number + 1}: at second {at % 60:.1f} of its minute; a new run after {taken:.1f} s")
    return taken


def _part(ground: Ground, name: str, work: Callable[[], None]) -> None:
    before = set(ground.minutes())
    began = int(time.time()) // 60
    work()
    _until(lambda: bool(ground.minutes()) and ground.minutes()[-1] >= int(time.time()) // 60)
    now = int(time.time()) // 60
    held = set(ground.minutes()) | before
    missing = [minute for minute in range(began, now + 1) if minute not in held]
    _say(f"{name}: {now + 1 - began} minutes, not held {len(missing)}: {[_clock(minute) for minute in missing]}")


def _end(ground: Ground, module: str) -> None:
    process = ground.process(module)
    assert process is not None
    process.send_signal(signal.SIGKILL)
    time.sleep(90)


def _server(ground: Ground) -> None:
    process = ground.process("deployments.serving.prefect")
    assert process is not None
    process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while ground.up.process.running and time.monotonic() < deadline:
        time.sleep(0.5)
    _say(f"rounds up ended by itself: {not ground.up.process.running}")
    ground.stop()
    ground.start()


def _stopped(ground: Ground) -> None:
    _, process = ground.monitor()
    process.send_signal(signal.SIGSTOP)
    time.sleep(180)
    process.send_signal(signal.SIGCONT)
    time.sleep(70)


def _told(ground: Ground, begun: int) -> None:
    """The minutes held and missed in all, those that runs have named, and the messages."""
    now = int(time.time()) // 60
    held = [minute for minute in ground.minutes() if minute >= begun]
    missing = [minute for minute in range(begun, now) if minute not in held]
    named = 0
    asked = {"flows": {"name": {"any_": ["monitoring"]}}, "limit": 200}
    for run in ground.up.api.post("/task_runs/filter", json=asked).raise_for_status().json():
        message = (run["state"] or {}).get("message") or ""
        if "not monitored to the end: " in message:
            named += int(message.split("not monitored to the end: ")[1].split()[0])
            _say(f"{run['name']}: {message.split('not collected: ')[-1]}")
    unheld = [_clock(minute) for minute in missing]
    _say(f"minutes: {now - begun}, held {len(held)}, not held {len(missing)} {unheld}, of which named as such {named}")
    twice = {who: count for who, count in ground.post.got.items() if count > 1}
    _say(f"messages: {len(ground.post.got)} people got one, {len(twice)} of them twice or more: {twice}")


def _has_report(ground: Ground) -> bool:
    with sqlite3.connect(f"file:{ground.file.parent / 'opsrounds.db'}?mode=ro", uri=True, timeout=30) as connection:
        return bool(connection.execute("SELECT count(*) FROM runs").fetchone()[0])


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline:
        try:
            if what():
                return
        except (httpx.HTTPError, sqlite3.Error):  # away for a moment
            pass
        time.sleep(0.5)
    raise TimeoutError("it did not come to that")


def _clock(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, UTC):%H:%MZ}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.pop("PREFECT_API_URL", None)
    main()
