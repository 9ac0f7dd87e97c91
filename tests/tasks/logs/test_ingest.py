"""Every line counts once: whatever is killed, whoever reads at the same time, however files rotate."""

import gzip
import json
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, update

from tasks.check_result import Status
from tasks.history.engine import writing
from tasks.logs.judge.sources import judge_sources
from tasks.logs.limits import LogLimits
from tasks.logs.store.review import read_review
from tasks.logs.tables import error_groups, log_hours, log_sources, malformed_lines, traffic_minutes
from tasks.observation import ObservationError
from tasks.progress import progress

if TYPE_CHECKING:
    from tests.tasks.logs.conftest import Reading, Service

KILLS = 20
START = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
TWO = (
    '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["logs/app.log*"]\n'
    '[[logs.source]]\nname = "jobs"\nkind = "file"\npaths = ["logs/jobs.log*"]\n'
)

Written = Callable[[int, datetime, int], bytes]
Afresh = Callable[["Service"], dict[str, Any]]
Apart = Callable[["Service"], "Reading"]


def age(path: Path, at: datetime) -> None:
    os.utime(path, (at.timestamp(), at.timestamp()))


def commits(service: "Service") -> int:
    return sum(row.version for row in service.rows(log_sources))


@pytest.mark.deep
def test_twenty_kills_lose_nothing_and_count_nothing_twice(
    service: "Service", written: Written, afresh: Afresh, apart: Apart
) -> None:
    draw = random.Random(20261125)
    service.commit_bytes = 4096
    reading, log = apart(service), service.logs / "app.log"
    took_s = 0.2
    for kill in range(KILLS):
        at = START + timedelta(minutes=30 * kill)
        if kill % 3 == 1:
            log.rename(service.logs / f"app.log.{kill}")
        if kill % 3 == 2:
            old = service.logs / f"app.log.{kill - 1}"
            (service.logs / f"{old.name}.gz").write_bytes(gzip.compress(old.read_bytes()))
            age(service.logs / f"{old.name}.gz", datetime.fromtimestamp(old.stat().st_mtime, UTC))
            old.unlink()
        with log.open("ab") as opened:
            opened.write(written(160, at, kill))
        before, times = commits(service), draw.randrange(1, 6)
        if kill % 2:  # at any point
            assert reading.order(kill_after_s=took_s * draw.random())["ends"] in ([-9], [0])
        else:  # some lines are stored, and some are not
            assert reading.order(die_after=times)["ends"] == [-9]
            assert commits(service) == before + times
        killed = commits(service)
        rerun = reading.order()
        assert rerun["ends"] == [0]
        assert kill % 2 or killed < commits(service)
        took_s = max(0.05, rerun["took_s"])
    assert service.sums()["lines"] == KILLS * 160
    assert service.counts() == afresh(service)


@pytest.mark.deep
def test_two_that_read_at_once_count_as_one(
    history: Engine, service: "Service", written: Written, afresh: Afresh, apart: Apart
) -> None:
    service.history, service.commit_bytes = history, 4096
    for place in range(3):
        log = service.logs / f"app.log.{place}"
        log.write_bytes(written(400, START + timedelta(hours=place), place))
        age(log, service.now - timedelta(hours=3 - place))
    assert apart(service).order(0, 0)["ends"] == [0, 0]
    assert commits(service) > 20
    assert service.counts() == afresh(service)


def test_two_sources_read_at_once_share_minutes_and_errors(
    history: Engine, service: "Service", written: Written, afresh: Afresh, apart: Apart
) -> None:
    service.history, service.commit_bytes, service.sources = history, 4096, TWO
    for name, seed in (("app.log", 1), ("jobs.log", 2)):
        (service.logs / name).write_bytes(written(600, START, seed))
    assert apart(service).order(0, 1)["ends"] == [0, 0]
    mine, fresh = service.counts(), afresh(service)
    # Which of two errors of one moment came first, or is shown, is for whoever is first to say.
    assert {key: seen[:2] for key, seen in mine.pop("groups").items()} == {
        key: seen[:2] for key, seen in fresh.pop("groups").items()
    }
    assert mine == fresh


def test_a_log_that_is_written_to_and_rotated_all_the_while(service: "Service", written: Written) -> None:
    content = written(3000, START, 7)
    done, taken_in = threading.Event(), threading.Event()
    waits = [len(content) * part // 5 for part in range(1, 5)]  # however slow the reading is, it is done meanwhile

    def write() -> None:
        log, draw = service.logs / "app.log", random.Random(7)
        opened, at = log.open("ab", buffering=0), 0
        while at < len(content):
            step = draw.randrange(1, 9000)  # seldom at the end of a line
            opened.write(content[at : at + step])
            at += step
            if draw.random() < 0.06:
                rest = content.find(b"\n", at) + 1 or len(content)
                opened.write(content[at:rest])
                at = rest
                opened.close()
                log.rename(log.with_name(f"app.log.{at}"))
                opened = log.open("ab", buffering=0)
            if waits and at > waits[0]:
                waits.pop(0)
                taken_in.clear()
                rest = content.find(b"\n", at) + 1
                opened.write(content[at:rest])
                at = rest
                taken_in.wait(60)
            time.sleep(0.003)
        opened.close()
        done.set()

    writer = threading.Thread(target=write)
    (service.logs / "app.log").touch()
    writer.start()
    readings = 0
    while not done.is_set():
        with suppress(ObservationError):  # between the two, no file has the name
            if service.read().lines:
                readings += 1
                taken_in.set()
    writer.join()
    service.read()
    assert readings >= 4
    assert len(list(service.logs.iterdir())) > 3
    assert service.sums()["lines"] == 3000


def test_lines_without_a_time_count_where_they_stand_after_a_kill_too(service: "Service") -> None:
    log, at = service.logs / "app.log", service.now - timedelta(hours=30)
    log.write_bytes(b'{"timestamp": "%s"}\n' % at.isoformat().encode())
    assert service.read_lines() == 1
    with log.open("ab") as opened:
        opened.write(b"torn\n{}\n")
    assert service.read_lines() == 2
    assert [(row.hour, row.lines, row.malformed, row.undated) for row in service.rows(log_hours)] == [
        (int(at.timestamp()) // 3600, 3, 1, 1)
    ]


@pytest.mark.parametrize("at", [timedelta(hours=3), timedelta(days=4), timedelta(days=-9000)])
def test_lines_of_a_wrong_clock_count_once_and_when_they_were_read(service: "Service", at: timedelta) -> None:
    log, hour = service.logs / "app.log", int(service.now.timestamp()) // 3600
    right, wrong = (b'{"timestamp": "%s"}\n' % time.isoformat().encode() for time in (service.now, service.now + at))
    log.write_bytes(right + wrong)
    (service.logs / "app.log.1").write_bytes(wrong * 3)
    assert service.read_lines() == 5
    service.now += timedelta(hours=4)  # some of the times have come by now
    assert service.read_lines() == 0
    [found] = service.rows(log_hours)
    assert (found.hour, found.lines, found.misdated) == (hour, 5, 4)


@pytest.mark.parametrize(
    ("before", "lost"),
    [(b'{"a": 1}\n' + bytes(4096), 4096), (b'{"a": 1}' + bytes(99), 99), (bytes(4096), 4096), (bytes(63), 0)],
)
def test_a_hole_is_counted_once_whenever_its_end_is_written(service: "Service", before: bytes, lost: int) -> None:
    log = service.logs / "app.log"
    log.write_bytes(before)
    service.read_lines()
    with log.open("ab") as opened:
        opened.write(b'{"a": 2}\n')
    service.read_lines()
    assert [(row.hole_bytes, row.lost_bytes) for row in service.rows(log_hours)] == [(lost, lost)]


def test_a_hole_where_an_emptied_file_is_written_on_holds_no_lost_line(service: "Service") -> None:
    log, line = service.logs / "app.log", b'{"message": "%04d at 09:00:00"}\n'
    content = b"".join(line % number for number in range(50))
    log.write_bytes(content)
    assert service.read_lines() == 50
    (service.logs / "app.log.1").write_bytes(content)
    log.write_bytes(bytes(len(content)) + line % 99)
    assert service.read_lines() == 1
    [found] = service.rows(log_hours)
    assert (found.hole_bytes, found.lost_bytes) == (len(content), 0)


def test_lines_before_the_first_time_count_when_the_file_was_written(service: "Service") -> None:
    log = service.logs / "app.log"
    log.write_bytes(b"no time\n")
    age(log, service.now - timedelta(days=3))
    assert service.read_lines() == 1
    assert [row.hour for row in service.rows(log_hours)] == [int((service.now - timedelta(days=3)).timestamp()) // 3600]


@pytest.mark.parametrize(("zone", "hour"), [("", 0), ('timezone = "UTC"\n', 9), ('timezone = "Europe/London"\n', 9)])
def test_times_without_a_zone_are_the_sources(service: "Service", zone: str, hour: int) -> None:
    service.sources += zone
    (service.logs / "app.log").write_bytes(b'{"timestamp": "2026-11-25T09:00:00"}\n')
    service.read_lines()
    assert [row.hour % 24 for row in service.rows(log_hours)] == [hour]


def test_bad_lines_are_accounted_for_and_no_error_is_dropped(history: Engine, service: "Service") -> None:
    service.history = history
    moment = service.now.strftime("%Y-%m-%dT%H:%M")
    good = {"timestamp": f"{moment}:00Z", "level": "error", "module": "search", "message": "no stock"}
    lines = [
        b"\xef\xbb\xbf" + json.dumps(good).encode(),
        json.dumps(good | {"message": "caf\udce9 is closed"}).encode(errors="surrogateescape"),
        json.dumps(good | {"message": "caf\u00e9"}, ensure_ascii=False).encode("latin-1"),
        json.dumps(good | {"status": "503", "error": "boom", "duration": "12"}).encode() + b"\r",
        json.dumps(good | {"status": 10**400, "duration": float("nan")}).encode(),
        json.dumps(good | {"timestamp": "9999-12-31T23:59:59Z", "release": "\x00" * 99}).encode(),
        json.dumps(good | {"module": "\x00" * 99, "error": {"name": "\x01" * 99, "message": "\x00"}}).encode(),
        json.dumps(good | {"module": "\x00" * 99 + "b", "url": "/" + "\x00" * 400, "status": 200}).encode(),
        b'{"level": "error", "a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        json.dumps(good).encode()[:-9],
        b"",
        b"\x00" * 40,
    ]
    (service.logs / "app.log").write_bytes(b"\n".join(lines) + b"\n")
    assert service.read_lines() == len(lines)
    sums = service.sums()
    assert (sums["parsed"], sums["malformed"], sums["ignored"]) == (8, 2, 2)
    assert (sums["undated"], sums["drifted"]) == (1, 2)
    assert sum(service.errors().values()) == 8
    assert service.rows(log_sources)[0].newest_minute == int(service.now.timestamp()) // 60


def test_what_there_was_no_time_for_is_read_next_time(service: "Service", written: Written) -> None:
    for place in range(3):
        (service.logs / f"app.log.{place}").write_bytes(written(100, START, place))
    service.commit_bytes = 4096
    taken = service.read(deadline_s=0)
    assert 0 < taken.lines < 100
    assert [problem.text for problem in taken.problems] == [
        "Not all lines could be read in time: the rest is read next time"
    ]
    again = service.read(deadline_s=0)
    assert again.lines > 0 and again.problems
    assert service.read_lines() == 300 - taken.lines - again.lines


def test_progress_is_reported_in_bytes(service: "Service", written: Written) -> None:
    reported: list[tuple[int, int]] = []
    for place in range(2):
        (service.logs / f"app.log.{place}").write_bytes(written(100, START, place))
    total = sum(file.stat().st_size for file in service.logs.iterdir())
    service.commit_bytes = 4096
    before = progress.set(lambda _what, done, of, _figures: reported.append((done, of)))
    try:
        service.read()
    finally:
        progress.reset(before)
    assert {of for _, of in reported} == {total}
    assert reported == sorted(reported)
    assert len(reported) > 6
    assert reported[-1][0] == total


def test_a_reader_that_is_always_behind_gives_up_in_time(service: "Service", written: Written) -> None:
    log = service.logs / "app.log"
    log.write_bytes(written(10, START, 1))
    overtakings: list[int] = []
    deadline_s = 3.0

    def overtaken(_what: str, done: int, of: int, _figures: str) -> None:
        overtakings.append(done)
        if len(overtakings) == 2:  # there is time for no other
            time.sleep(max(0.0, began + deadline_s - time.monotonic()))
        log.write_bytes(log.read_bytes() + written(3, START, 2))
        age(log, service.now)
        with writing(service.history) as connection:
            connection.execute(update(log_sources).values(version=log_sources.c.version + 1))

    (service.logs / "app.log.0").write_bytes(written(10, START, 3))
    before, began = progress.set(overtaken), time.monotonic()
    try:
        with pytest.raises(ObservationError, match="Another process keeps reading this log"):
            service.read(deadline_s=deadline_s)
    finally:
        progress.reset(before)
    assert 1 <= len(overtakings) <= 2


def test_generated_lines_are_known_as_such(service: "Service", written: Written) -> None:
    (service.logs / "app.log").write_bytes(written(10, START, 1))
    service.read_lines()
    service.sources += "synthetic = true\n"
    service.read_lines()
    assert [row.synthetic for row in service.rows(log_sources)] == [True]


def test_bounds_changed_in_the_middle_of_a_minute_count_as_unknown(service: "Service") -> None:
    log = service.logs / "app.log"
    line = b'{"timestamp": "2026-11-25T01:00:%02dZ", "module": "search", "url": "/x", "status": 200, "duration": 300}\n'
    log.write_bytes(line % 1)
    service.read_lines()
    service.more = "[logs]\nlatency_bounds_ms = [200.0, 400.0]\n"
    with log.open("ab") as opened:
        opened.write(line % 2 + line.replace(b":00:", b":01:") % 3)
    service.read_lines()
    mixed, whole = service.rows(traffic_minutes)
    assert (mixed.valid, mixed.within_1, mixed.within_2) == (2, None, None)
    assert (whole.valid, whole.within_1, whole.within_2) == (1, 0, 1)


def test_secrets_of_the_service_file_are_masked_though_nothing_has_used_them(
    service: "Service", monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "mail-7d1e-password-of-ours"
    monkeypatch.setenv("SHOP_MAIL_PASSWORD", secret)
    service.more = (
        '[mail]\nsmtp = "smtps://mail.shop.example"\nsender = "rounds@shop.example"\nusername = "rounds"\n'
        'password = { env = "SHOP_MAIL_PASSWORD" }\n'
    )
    line = {"level": "error", "module": secret, "error": {"name": "AuthError", "message": f"refused {secret}"}}
    (service.logs / "app.log").write_text(f"{json.dumps(line)}\nrefused {secret}\n")
    assert service.read_lines() == 2
    [group], [sample] = service.rows(error_groups), service.rows(malformed_lines)
    assert json.loads(group.exemplar)["message"] == sample.text == "refused ••••••"
    assert secret.encode() not in b"".join(file.read_bytes() for file in service.folder.glob("history.db*"))


def test_what_is_known_of_an_error_stays_so_in_whatever_pieces_a_log_is_read(
    service: "Service", afresh: Afresh
) -> None:
    words = [f"cannot {character}{character}" for character in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    log = service.logs / "app.log"
    service.commit_bytes = 1000
    for first in (0, 30, 10, 0):
        with log.open("a") as opened:
            for word in words[first : first + 20]:
                moment = service.now.isoformat()
                opened.write(json.dumps({"timestamp": moment, "level": "error", "message": word}) + "\n")
        service.read_lines()
    assert [row.message for row in service.rows(error_groups)] == [*words[:20], "cannot <*>"]
    assert service.errors() == dict.fromkeys(words[:10], 2) | dict.fromkeys(words[10:20], 3) | {"cannot <*>": 30}
    assert service.counts() == afresh(service)


def test_a_log_whose_errors_cannot_be_recognised_does_not_pass(service: "Service") -> None:
    service.sources += "requests = false\n"
    line = json.dumps({"timestamp": service.now.isoformat(), "severity": "ERROR", "msg": "broken"}) + "\n"
    (service.logs / "app.log").write_text(line * 2000)
    read = service.read()
    since, until = service.now - timedelta(days=1), service.now + timedelta(seconds=1)
    review = read_review(service.history, "kondate", ["app"], since, until)
    [source] = judge_sources({"app": read}, review, {"app": ("timestamp",)}, LogLimits(), service.now)
    assert source.status is Status.UNKNOWN
    assert "errors would go unnoticed: set level or error in [logs.source.fields]" in source.reason.text
    service.sources += '[logs.source.fields]\nlevel = "severity"\n'
    with (service.logs / "app.log").open("a") as log:
        log.write(line)
    service.read()
    review = read_review(service.history, "kondate", ["app"], since, until)
    assert [module.errors for module in review.modules] == [1]
    [source] = judge_sources({"app": read}, review, {"app": ("timestamp", "level")}, LogLimits(), service.now)
    assert source.status is Status.PASS
