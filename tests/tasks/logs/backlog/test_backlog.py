"""A backlog on several processes: what is counted is what one process counts, whatever is cut where or killed."""

import json
import os
import pickle
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tasks.history.engine import open_history
from tasks.logs.backlog.piece import PieceOrder, Scanned, scan_piece
from tasks.logs.backlog.workers import Workers
from tasks.logs.count.memory import Memory
from tasks.logs.count.scan import Plan
from tasks.logs.lines.clock import Clock
from tasks.logs.lines.places import Places
from tasks.logs.settings import Source
from tasks.logs.tables import error_groups, log_fields, log_levels, log_sources, malformed_lines
from tasks.progress import progress
from tests.tasks.logs.backlog.conftest import START

if TYPE_CHECKING:
    from tests.tasks.logs.conftest import Reading, Service

PROGRAM = "tasks.logs.backlog.worker"
SOURCE = Source(name="app", kind="file", paths=("app.log",))
Written = Callable[[int, datetime, int], bytes]
Afresh = Callable[["Service"], dict[str, Any]]
Apart = Callable[["Service"], "Reading"]


@pytest.fixture
def other(backlog: "Service", tmp_path_factory: pytest.TempPathFactory, empty_history: Path) -> Iterator["Service"]:
    """The same logs, read by one process into a history of its own."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copy(empty_history, folder / "history.db")
    history = open_history("sqlite:///history.db", folder)
    yield replace(backlog, history=history, backlog_bytes=1 << 62)
    history.dispose()


def workers() -> list[psutil.Process]:
    """The worker processes of this one."""
    return [child for child in psutil.Process().children() if PROGRAM in child.cmdline()]


def orphans() -> list[int]:
    """Worker processes whose reader is gone."""
    everybody = psutil.process_iter(["cmdline", "ppid"])
    return [one.pid for one in everybody if PROGRAM in (one.info["cmdline"] or ()) and one.info["ppid"] == 1]


def commits(service: "Service") -> int:
    return sum(row.version for row in service.rows(log_sources))


@pytest.fixture
def at_each_commit() -> Iterator[Callable[[Callable[[int], None]], None]]:
    """Calls a function with the number of commits so far whenever something was stored."""
    tokens = []

    def watch(call: Callable[[int], None]) -> None:
        seen = iter(range(1, 1 << 30))
        tokens.append(progress.set(lambda *_: call(next(seen))))

    yield watch
    for token in tokens:
        progress.reset(token)


def test_a_backlog_counts_as_it_does_in_one_process_and_leaves_none_behind(
    backlog: "Service", afresh: Afresh, at_each_commit: Callable[[Callable[[int], None]], None]
) -> None:
    most: list[int] = []
    at_each_commit(lambda _: most.append(len(workers())))
    assert backlog.read_lines() == 6000
    assert 1 <= max(most) <= (os.cpu_count() or 1)
    assert workers() == []
    assert backlog.counts() == afresh(backlog)
    assert backlog.read_lines() == 0


@pytest.mark.deep
def test_what_is_checked_shown_and_named_of_each_batch_is_the_same(backlog: "Service", other: "Service") -> None:
    lines = (f'{{"timestamp": "2026-11-25T08:00:00Z", "level": "odd{number % 50}x"}}\n' for number in range(6000))
    (backlog.logs / "app.log.5").write_text("".join(lines))
    backlog.read()
    other.read()
    for table, names in ((log_fields, ("hour", "field", "lines")), (log_levels, ("hour", "level", "lines"))):
        rows, expected = (
            [tuple(getattr(row, name) for name in names) for row in s.rows(table)] for s in (backlog, other)
        )
        assert sorted(rows) == sorted(expected) and rows
    assert [row.text for row in backlog.rows(malformed_lines)] == [row.text for row in other.rows(malformed_lines)]


def test_a_worker_that_is_killed_costs_nothing_but_its_work(
    backlog: "Service", afresh: Afresh, at_each_commit: Callable[[Callable[[int], None]], None]
) -> None:
    killed: list[int] = []

    def kill(commit: int) -> None:
        for worker in workers() if commit in (1, 4, 7) else []:
            worker.kill()
            killed.append(worker.pid)

    at_each_commit(kill)
    assert backlog.read_lines() == 6000
    assert killed
    assert workers() == []
    assert backlog.counts() == afresh(backlog)


@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=pytest.mark.deep)])
def test_a_reader_that_is_killed_loses_nothing_and_its_workers_end_with_it(
    backlog: "Service", afresh: Afresh, apart: Apart, kills: int
) -> None:
    reading, draw = apart(backlog), random.Random(kills)
    for _ in range(kills):
        before = commits(backlog)
        ended = reading.order(die_after=draw.randrange(1, 3))["ends"]
        assert ended == [-signal.SIGKILL] or commits(backlog) - before < 2  # there was nothing left
        gone_by = time.monotonic() + 10.0
        while orphans() and time.monotonic() < gone_by:
            time.sleep(0.02)
        assert orphans() == []
    assert reading.order()["ends"] == [0]
    assert backlog.sums()["lines"] == 6000
    assert backlog.counts() == afresh(backlog)


@pytest.mark.deep
def test_what_is_not_ready_in_time_is_read_next_time(backlog: "Service", afresh: Afresh) -> None:
    taken = backlog.read(deadline_s=0.0)
    assert 0 < taken.lines < 6000 and taken.problems
    assert backlog.read_lines() == 6000 - taken.lines
    assert backlog.sums()["lines"] == 6000


def test_a_hole_and_a_line_that_is_too_long_count_as_in_one_process(
    backlog: "Service", written: Written, afresh: Afresh
) -> None:
    more = written(500, START + timedelta(hours=1), 9)
    (backlog.logs / "app.log.8").write_bytes(bytes(5000) + more + bytes(90_000) + b"x" * 1_200_000 + b"\n" + more)
    backlog.read_lines()
    assert backlog.counts() == afresh(backlog)


def test_secrets_are_concealed_in_the_worker_too(backlog: "Service", monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "mail-7d1e-password-of-ours"
    monkeypatch.setenv("SHOP_MAIL_PASSWORD", secret)
    backlog.more = (
        '[mail]\nsmtp = "smtps://mail.shop.example"\nsender = "rounds@shop.example"\nusername = "rounds"\n'
        'password = { env = "SHOP_MAIL_PASSWORD" }\n'
    )
    line = {"level": "error", "module": secret, "error": {"name": "AuthError", "message": f"refused {secret}"}}
    (backlog.logs / "app.log.7").write_text(f"{json.dumps(line)}\nrefused {secret}\n" * 2000)
    backlog.read_lines()
    assert secret.encode() not in b"".join(file.read_bytes() for file in backlog.folder.glob("history.db*"))
    assert "refused ••••••" in [json.loads(group.exemplar)["message"] for group in backlog.rows(error_groups)]


class TestPiece:
    """What a piece asks for and answers, wherever it is scanned."""

    @staticmethod
    def order(path: Path, size: int, **changed: Any) -> PieceOrder:
        stat = path.stat()
        values: dict[str, Any] = {
            "path": str(path),
            "device": stat.st_dev,
            "inode": stat.st_ino,
            "size": size,
            "start": 0,
            "end": None,
            "settled": True,
            "plan": Plan(SOURCE, Places([]), (200.0,), UTC),
            "clock": Clock.at(START + timedelta(days=1)),
            "memory": Memory(0),
            "commit_bytes": 1 << 26,
        }
        return PieceOrder(**(values | changed))

    def test_order_and_answer_are_small_when_they_are_sent(self, tmp_path: Path, written: Written) -> None:
        log = tmp_path / "app.log"
        log.write_bytes(written(5000, START, 1))
        order = self.order(log, log.stat().st_size)
        order.plan.places.find("/api/users/7", None)
        sent = pickle.dumps(order)
        answer = scan_piece(pickle.loads(sent))
        assert answer is not None and len(sent) < 4000 and len(pickle.dumps(answer)) < log.stat().st_size / 5
        assert pickle.loads(sent).plan.places.known == {"/api/users/:id"}

    def test_another_file_of_the_name_is_for_its_turn(self, tmp_path: Path, written: Written) -> None:
        log = tmp_path / "app.log"
        log.write_bytes(written(50, START, 1))
        size = log.stat().st_size
        assert scan_piece(self.order(log, size, inode=log.stat().st_ino + 1)) is None
        assert scan_piece(self.order(log, size + 1)) is None
        order = self.order(log, size)
        log.unlink()
        assert scan_piece(order) is None

    def test_a_piece_begins_with_what_stands_before_it(self, tmp_path: Path) -> None:
        log = tmp_path / "app.log"
        first = b'{"timestamp": "2026-11-24T21:00:00Z", "url": "/a", "status": 200}\n'
        log.write_bytes(first + b"no time\n" + b'{"url": "/a", "status": 404}\n')
        answer = scan_piece(self.order(log, log.stat().st_size, start=len(first)))
        assert isinstance(answer, Scanned)
        [part] = answer.parts
        at = int(datetime(2026, 11, 24, 21, tzinfo=UTC).timestamp())
        assert set(part.batch.lines) == {at // 3600} and answer.assumed.routes == {"/a"}
        assert {route for _, route, _ in part.batch.traffic} == {"/a"}
        assert part.basis.on_minute and part.basis.oldest is None
        assert not part.basis.holds(answer.assumed, replace(answer.assumed, minute=1), part.after)


def test_processes_are_started_when_they_are_needed_and_raise_what_a_function_raises() -> None:
    with Workers(2) as pool:
        assert workers() == []
        assert pool.submit(os.getpid).result() == workers()[0].pid
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result()
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
        assert len(workers()) == 1
        doomed = pool.submit(os._exit, 3)
        with pytest.raises((EOFError, OSError)):
            doomed.result()
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
    assert workers() == []


def test_an_end_does_not_wait_for_what_is_under_way() -> None:
    with Workers(1) as pool, ThreadPoolExecutor(1) as threads:
        threads.submit(pool.submit, int).result().result()
        pool.submit(signal.pause)
    assert workers() == []
