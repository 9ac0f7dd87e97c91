"""A service's history tidied: what reports of the past say before and after, on both databases."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from tasks.check_result import CheckResult, Status, msg
from tasks.history.chain import verify_chains
from tasks.history.engine import reading, writing
from tasks.history.kept import read_kept
from tasks.history.opened import history_of
from tasks.history.runs import RunKey, record_run
from tasks.housekeeping.tidy import Tidying
from tasks.logs.count.batch import Batch, Lines, MinuteTraffic
from tasks.logs.section import error_log_review
from tasks.logs.store.counts import open_source, store_batch
from tasks.logs.tables import traffic_minutes
from tasks.observation import Unobserved
from tasks.performance.section import performance_report
from tasks.round import Round
from tasks.samples.facts import Reading
from tasks.samples.store.days import read_days, roll_up_days
from tasks.samples.store.hours import read_figures
from tasks.samples.store.minutes import store_readings
from tasks.samples.tables import samples
from tasks.section import Section
from tasks.slo.section import slo_review
from tests.tasks.history.writing import a_run
from tests.tasks.security.running import round_of, words

WORDS_OF_PAST = msg("Only the present can be checked")

OCTOBER = datetime(2026, 9, 30, 15, tzinfo=UTC)
"""Midnight in Tokyo."""
END = datetime(2026, 10, 31, 15, tzinfo=UTC)
LATER = datetime(2026, 12, 24, 3, tzinfo=UTC)
"""All of October is older than 45 days."""
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TEXT = """
[history]
give_up_months = ["2026-11"]
[health]
ready = "/ready"
[[logs.source]]
name = "app"
kind = "file"
paths = ["app.log"]
[[slo.objective]]
name = "answered"
kind = "availability"
target = 0.99
min_coverage = 0.5
[[slo.objective]]
name = "up"
kind = "uptime"
target = 0.99
min_coverage = 0.5
"""
GIVEN_UP = TEXT.replace('"2026-11"', '"2026-10", "2026-11"')


def number(at: datetime) -> int:
    return int(at.timestamp()) // 60


def put_requests(history: Engine, begin: datetime, end: datetime, every: int = 20) -> None:
    batch = Batch()
    for minute in range(number(begin), number(end), every):
        batch.traffic["users", "/a", minute] = MinuteTraffic([5], 5, int(minute % 5000 == 0), 5, {200: 4, 210: 1})
        hour = batch.lines.setdefault(minute // 60, Lines())
        hour.lines, hour.parsed, hour.requests = hour.lines + 5, hour.parsed + 5, hour.requests + 5
        hour.timed += 5
    store_batch(history, open_source(history, "shop", "app", synthetic=False), batch, (200.0,), end)


@pytest.fixture
def month(history: Engine, tmp_path: Path) -> Iterator[Engine]:
    """October with its probes and requests, and a round at its beginning."""
    (tmp_path / "app.log").touch()
    put_requests(history, OCTOBER - DAY, END + DAY)
    minutes = range(0, number(END) - number(OCTOBER), 2)
    readings = [(OCTOBER + n * MINUTE, Reading("probe.ready", "service", float(n % 4000 > 20), "")) for n in minutes]
    store_readings(history, "shop", readings)
    key = RunKey("shop", "daily-checklist", "2026-10-01", "hand")
    record_run(history, key, a_run(key, at=OCTOBER + DAY))
    yield history


def october(history: Engine, folder: Path, now: datetime, text: str = TEXT) -> Section:
    return asyncio.run(slo_review(round_of(folder, text, period="2026-10", history=history, now=now)))


def closed(section: Section) -> CheckResult:
    return next(r for r in section.results if r.check == "slo.closed-month")


def objectives(section: Section) -> dict[str, Status]:
    return {
        r.subject: r.status for r in section.results if r.subject.startswith("objective:") and "burn" not in r.check
    }


def tidy(history: Engine, folder: Path, now: datetime, text: str = TEXT) -> Tidying:
    tidying = Tidying(history, round_of(folder, text, history=history, now=now).settings, now)
    for _ in tidying.steps():
        pass
    return tidying


def count(history: Engine, table: object) -> int:
    with reading(history) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[call-overload]


def test_a_month_that_is_not_frozen_keeps_its_minutes_and_is_named(month: Engine, tmp_path: Path) -> None:
    before = count(month, traffic_minutes), count(month, samples)
    tidying = tidy(month, tmp_path, LATER)
    assert tidying.problems == [
        "2026-10 is not frozen, so that minutes from then on are kept: run `rounds run slo-report --for 2026-10`, or "
        "name it in [history] give_up_months"
    ]
    day_before = 23  # requests every 20 minutes of the day before the month, of which an hour is read with it
    assert (before[0] - count(month, traffic_minutes)) <= day_before * 3
    assert count(month, samples) == before[1]
    after = october(month, tmp_path, LATER)
    assert set(objectives(after).values()) == {Status.PASS} and closed(after).status is Status.PASS


def test_of_a_frozen_month_the_frozen_figures_stand_and_nothing_is_green(month: Engine, tmp_path: Path) -> None:
    first = october(month, tmp_path, END + DAY)
    assert closed(first).status is Status.PASS and set(objectives(first).values()) == {Status.PASS}
    assert tidy(month, tmp_path, LATER).problems == []
    assert (count(month, traffic_minutes), count(month, samples)) == (0, 0)
    again = october(month, tmp_path, LATER)
    assert set(objectives(again).values()) == {Status.UNKNOWN}
    assert not any(r.status is Status.PASS for r in again.results if r.check != "slo.deploy-frequency")
    assert closed(again).status is Status.WARN
    assert words(closed(again)) == "Less data is available than when the month was frozen: revision 1 still applies"
    [answered] = [r for r in again.results if r.subject == "objective:answered" and r.check == "slo.availability"]
    assert words(answered).startswith("Figures by minute are kept from ")
    with reading(month) as connection:
        assert all(verdict.problems == () for verdict in verify_chains(connection))


@pytest.mark.deep
def test_half_a_month_that_is_left_is_not_taken_for_the_whole(month: Engine, tmp_path: Path) -> None:
    """Enough of it is measured for its least coverage, and it is unknown all the same."""
    october(month, tmp_path, END + DAY)
    middle = OCTOBER + 14 * DAY + 45 * DAY
    tidy(month, tmp_path, middle)
    assert read_kept(month, "shop", "minutes") == OCTOBER + 14 * DAY
    assert count(month, samples) > 10_000
    again = october(month, tmp_path, middle)
    assert set(objectives(again).values()) == {Status.UNKNOWN}
    assert words(closed(again)) == "Less data is available than when the month was frozen: revision 1 still applies"


@pytest.mark.deep
def test_a_month_that_was_given_up_goes_and_cannot_be_frozen_any_more(month: Engine, tmp_path: Path) -> None:
    assert tidy(month, tmp_path, LATER, GIVEN_UP).problems == []
    assert count(month, samples) == 0
    after = closed(october(month, tmp_path, LATER, GIVEN_UP))
    assert after.status is Status.UNKNOWN and words(after).startswith("Figures by minute are kept from ")


def results(section: Section) -> list[tuple[object, ...]]:
    return [(r.check, r.subject, r.status, r.observed, words(r)) for r in section.results]


def test_reports_of_an_old_week_and_an_old_day_say_the_same_from_hours(month: Engine, tmp_path: Path) -> None:
    october(month, tmp_path, END + DAY)

    def week() -> Section:
        run = round_of(tmp_path, TEXT, period="2026-W43", history=month, now=LATER)
        return asyncio.run(performance_report(run))

    def day() -> Section:
        run = round_of(tmp_path, TEXT, period="2026-10-20", history=month, now=LATER)
        past = Round(run.key, run.settings, month, LATER, LATER + DAY, Unobserved(WORDS_OF_PAST), False, lambda: LATER)
        return asyncio.run(error_log_review(past))

    before = results(week()), results(day())
    tidy(month, tmp_path, LATER)
    assert count(month, traffic_minutes) == 0
    after = results(week()), results(day())
    assert after == before
    assert any(status is Status.PASS for _, _, status, *_ in after[0])
    far = LATER + 420 * DAY
    tidy(month, tmp_path, far)
    gone = [r for r in week().results if r.check in ("performance.latency", "performance.measured")]
    assert gone and {r.status for r in gone} == {Status.UNKNOWN}
    assert all("are kept from" in words(r) for r in gone)
    review = day()
    assert {r.status for r in review.results} == {Status.UNKNOWN}
    assert words(review.results[0]).startswith("Log counts by hour are kept from ")


def test_days_are_kept_before_their_minutes_go_and_stay_as_they_are(month: Engine, tmp_path: Path) -> None:
    settings = round_of(tmp_path, GIVEN_UP, history=month).settings
    middle = OCTOBER + 14 * DAY + timedelta(hours=7) + 45 * DAY
    tidying = Tidying(month, settings, middle)
    for _ in tidying.steps():
        if tidying.removed:
            break  # killed after the first transaction that removes
    first, end = (OCTOBER - 9 * DAY).date(), (END + 9 * DAY).date()
    before = read_days(month, "shop", first, end)
    assert {series.name for series in before} == {"probe.ready", "traffic.peak"}
    tidy(month, tmp_path, middle)
    roll_up_days(month, "shop", settings.zone, middle)
    assert read_days(month, "shop", first, end) == before


@pytest.mark.deep
def test_others_write_between_two_transactions(month: Engine, tmp_path: Path) -> None:
    """A writer waits for a transaction, never for the whole work."""
    october(month, tmp_path, END + DAY)
    waited: list[float] = []
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            began = time.monotonic()
            with writing(month):
                pass
            waited.append(time.monotonic() - began)
            n += 1
            time.sleep(0.02)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        tidying = Tidying(month, round_of(tmp_path, TEXT, history=month).settings, LATER)
        for _ in tidying.steps():
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join(30)
    assert tidying.removed["minutes of figures"] > 20_000
    assert len(waited) > 5 and max(waited) < 10


TIDYING = """
import sys, time
from datetime import datetime
from pathlib import Path
from tasks.history.opened import history_of
from tasks.housekeeping.tidy import Tidying
from tasks.settings import load_settings

settings = load_settings(Path(sys.argv[1]))
for rows in Tidying(history_of(settings), settings, datetime.fromisoformat(sys.argv[2])).steps():
    print(rows, flush=True)
    time.sleep(0.01)
"""


def test_what_a_killed_run_left_is_done_by_the_next_and_nothing_twice(tmp_path: Path) -> None:
    run = round_of(tmp_path, "", now=LATER)
    history = history_of(run.settings)
    minutes = [OCTOBER + n * MINUTE for n in range(9000)]
    store_readings(history, "shop", [(at, Reading(f"f{s}", "host", 1.0, "")) for at in minutes for s in range(4)])
    argv = [sys.executable, "-c", TIDYING, str(run.settings.path), LATER.isoformat()]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 1000:
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    left = count(history, samples)
    assert 0 < left < 36_000
    for _ in Tidying(history, run.settings, LATER).steps():
        pass
    assert count(history, samples) == 0
    for s in range(4):
        hours = read_figures(history, "shop", f"f{s}", 0, number(LATER))["host"]
        assert sum(hour.samples for hour in hours) == 9000
        assert {hour.total for hour in hours} == {60.0}
    history.dispose()
