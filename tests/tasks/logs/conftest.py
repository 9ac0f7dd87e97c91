"""A service with logs, what the history holds of them, and processes that read them."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from tasks.history.engine import History, open_history, reading
from tasks.logs.count.sketch import Sketch
from tasks.logs.facts import SourceRead
from tasks.logs.ingest import read_log
from tasks.logs.tables import (
    error_groups,
    error_hours,
    latency_bounds,
    log_files,
    log_hours,
    log_modules,
    log_sources,
    module_hours,
    personal_data_hours,
    traffic_minutes,
    traffic_series,
)
from tasks.settings import Settings, load_settings

PROGRAM = Path(__file__).with_name("ingesting.py")
FILES = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["logs/app.log*"]\n'
KINDS = ("lines", "parsed", "malformed", "ignored", "undated", "drifted", "requests", "timed")


@dataclass
class Service:
    """A service whose service file and logs are in a folder, and its history."""

    folder: Path
    history: History
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    sources: str = FILES
    commit_bytes: int = 64 * 1024 * 1024
    backlog_bytes: int = 1 << 62
    more: str = ""
    logs: Path = field(init=False)
    _loaded: tuple[str, Settings] | None = None

    def __post_init__(self) -> None:
        self.logs = self.folder / "logs"
        self.logs.mkdir(exist_ok=True)

    @property
    def settings(self) -> Settings:
        text = (
            '[service]\nname = "kondate"\nbase_url = "http://127.0.0.1:9"\nenvironment = "test"\n'
            f'timezone = "Asia/Tokyo"\n{self.more}\n{self.sources}'
        )
        if self._loaded is None or self._loaded[0] != text:  # looking through all time zones takes a while
            file = self.folder / "kondate.toml"
            file.write_text(text)
            self._loaded = (text, load_settings(file))
        return self._loaded[1]

    def read(self, source: int = 0, deadline_s: float = 600.0) -> SourceRead:
        """Take in what a source has new; its lines are accounted for."""
        settings = self.settings
        taken = read_log(
            self.history,
            settings,
            settings.logs.source[source],
            self.now,
            deadline_s,
            self.commit_bytes,
            self.backlog_bytes,
        )
        sums = self.sums()
        assert sums["lines"] == sums["parsed"] + sums["malformed"] + sums["ignored"]
        return taken

    def read_lines(self) -> int:
        """Take in what is new, without any problem; how many lines that were."""
        taken = self.read()
        assert taken.problems == ()
        return taken.lines

    def rows(self, table: Any) -> list[Any]:
        with reading(self.history) as connection:
            return list(connection.execute(select(table)))

    def sums(self) -> dict[str, int]:
        rows = self.rows(log_hours)
        return {kind: sum(getattr(row, kind) for row in rows) for kind in KINDS}

    def errors(self) -> dict[str, int]:
        """Lines of each kind of error, by its message."""
        messages = {row.id: row.message for row in self.rows(error_groups)}
        counts: dict[str, int] = {}
        for row in self.rows(error_hours):
            counts[messages[row.group_id]] = counts.get(messages[row.group_id], 0) + row.lines
        return counts

    def problems(self) -> dict[str, str]:
        """What was wrong with packed files, by their name."""
        return {Path(row.path).name: row.problem for row in self.rows(log_files) if row.problem}

    def counts(self) -> dict[str, Any]:
        """All that was counted, by names rather than keys."""
        sources = {row.id: row.name for row in self.rows(log_sources)}
        series = {row.id: (row.module, row.route) for row in self.rows(traffic_series)}
        modules = {row.id: row.module for row in self.rows(log_modules)}
        groups = {row.id: (row.module, row.name, row.message, row.frame) for row in self.rows(error_groups)}
        bounds = {row.id: tuple(row)[1:] for row in self.rows(latency_bounds)}
        return {
            "lines": {(sources[row.source_id], row.hour): tuple(row)[2:] for row in self.rows(log_hours)},
            "traffic": {
                (*series[row.series_id], row.minute): (
                    (row.valid, row.bad, row.timed, row.within_1, row.within_2, row.within_3, row.within_4),
                    bounds[row.bounds_id],
                    None if row.sketch is None else Sketch.unpack(row.sketch).bins,
                )
                for row in self.rows(traffic_minutes)
            },
            "modules": {(modules[row.module_id], row.hour): tuple(row)[2:] for row in self.rows(module_hours)},
            "personal": {
                (modules[row.module_id], row.hour, row.kind): row.lines for row in self.rows(personal_data_hours)
            },
            "groups": {
                groups[row.id]: (row.first_seen, row.last_seen, row.first_release, row.last_release, row.exemplar)
                for row in self.rows(error_groups)
            },
            "errors": {(groups[row.group_id], row.hour): row.lines for row in self.rows(error_hours)},
        }


Write = Callable[..., bytes]


@pytest.fixture
def service(tmp_path: Path, empty_history: Path) -> Iterator[Service]:
    """A service with a fresh SQLite history."""
    shutil.copy(empty_history, tmp_path / "history.db")
    engine = open_history("sqlite:///history.db", tmp_path)
    yield Service(tmp_path, engine)
    engine.dispose()


@pytest.fixture
def afresh(
    tmp_path_factory: pytest.TempPathFactory, empty_history: Path
) -> Iterator[Callable[[Service], dict[str, Any]]]:
    """What one uninterrupted reading into a fresh history counts of the same logs."""
    engines: list[Engine] = []

    def count(service: Service) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("fresh")
        shutil.copy(empty_history, folder / "history.db")
        engines.append(open_history("sqlite:///history.db", folder))
        fresh = Service(service.folder, engines[-1], now=service.now, sources=service.sources, more=service.more)
        for source in range(len(fresh.settings.logs.source)):
            assert fresh.read(source).problems == ()
        return fresh.counts()

    yield count
    for engine in engines:
        engine.dispose()


@pytest.fixture
def written() -> Callable[[int, datetime, int], bytes]:
    """Lines of all kinds, of some hours, in the order of time; the first tells its time."""

    def write(count: int, start: datetime, seed: int) -> bytes:
        draw = random.Random(seed)
        lines = [_line(draw, start + timedelta(seconds=place * 7), place) for place in range(count)]
        return b"".join(line + draw.choice((b"\n", b"\n", b"\r\n")) for line in lines)

    return write


def _line(draw: random.Random, at: datetime, place: int) -> bytes:
    kind = draw.random() if place else 1.0
    if kind < 0.03:
        return draw.choice((b"", b"  ", b"\x00\x00"))
    if kind < 0.10:
        return draw.choice((b"Traceback (most recent call last):", b'{"timestamp": "2026-11', b"\xff\xfe}", b"[1]"))
    line: dict[str, Any] = {
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "level": draw.choice(("info", "info", "info", "WARN", "error")),
        "module": draw.choice(("search", "menus", "accounts")),
        "url": f"/api/{draw.choice(('items', 'menus', 'users'))}/{draw.randrange(10_000)}?q=1",
        "method": "GET",
        "status": draw.choice((200, 200, 200, 200, 204, 401, 403, 500, 503, "503")),
        "duration": draw.choice((round(draw.lognormvariate(4, 1), 2), "12", None)),
        "message": draw.choice(("done", "mail to taro@example.com", "order 4711 failed: no stock", "no such user")),
        "release": f"1.{at.hour}",
    }
    if kind < 0.16:
        del line["timestamp"]
    if line["status"] in (500, 503):
        line["error"] = {"name": draw.choice(("TypeError", "DbError")), "message": f"broken {draw.randrange(9)}"}
    return json.dumps(line).encode()


@dataclass
class Reading:
    """A process that reads a service's logs in children of its own."""

    process: "subprocess.Popen[str]"
    service: Service
    note: Path

    def order(self, *sources: int, kill_after_s: float | None = None, die_after: int = 0) -> dict[str, Any]:
        """Read sources at once; how it ended, and how long it took.

        What reads is killed after some time, or when it has stored something `die_after` times.
        """
        request = {
            "file": str(self.service.settings.path),
            "url": self.service.history.url.render_as_string(hide_password=False),
            "now": self.service.now.isoformat(),
            "commit_bytes": self.service.commit_bytes,
            "backlog_bytes": self.service.backlog_bytes,
            "note": str(self.note),
            "sources": sources or (0,),
            "kill_after_s": kill_after_s,
            "die_after": die_after,
        }
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        ended: dict[str, Any] = json.loads(self.process.stdout.readline())
        return ended

    def noted(self) -> dict[str, Any]:
        """What the last that came to its end says of itself."""
        noted: dict[str, Any] = json.loads(self.note.read_text())
        return noted


@pytest.fixture(scope="session")
def reading_process() -> Iterator["subprocess.Popen[str]"]:
    """The process that does the imports, once for all tests."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdin=pipe, stdout=pipe, text=True, env=environment
    ) as process:
        yield process
        process.kill()


@pytest.fixture
def apart(reading_process: "subprocess.Popen[str]", tmp_path: Path) -> Callable[[Service], Reading]:
    """Reads a service's logs in other processes."""
    return lambda service: Reading(reading_process, service, tmp_path / "note.json")
