"""Cycles of the monitoring: side by side, each minute, whatever hangs or breaks."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from deployments.schedules import note_schedules
from flows import cycle
from flows.messages import ALERT_TEST
from tasks.alerts.addresses import addresses
from tasks.alerts.outgoing import message_to
from tasks.alerts.store.read import read_episodes
from tasks.check_result import Severity
from tasks.history.outbox import put_now
from tasks.monitoring import collect
from tasks.monitoring.facts import Gap
from tasks.monitoring.store.lease import begin_minute
from tasks.monitoring.store.minutes import read_monitored
from tasks.resources import watch
from tasks.schedule.store import read_scheduled
from tests.cycles import FAST, MINUTE, Clock, watched
from tests.fixtures.chat import Reply
from tests.operated import Answer

if TYPE_CHECKING:
    from tests.fixtures.chat import Chat
    from tests.operated import Operate, Operated, PostOffice, Site

pytestmark = pytest.mark.usefixtures("prefect")
LOG_ALONE = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["gone.log"]\n'


def minutes_of(shop: "Operated") -> list[int]:
    rows = shop.rows(
        "SELECT minute FROM samples JOIN sample_series ON id = series_id WHERE name = 'probe.live' ORDER BY minute"
    )
    return [int(row.minute) for row in rows]


def test_the_services_of_a_minute_are_one_task_run_and_none_delays_another(
    operate: "Operate", site: "Site", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop, bar, ill = operate(), operate(name="bar"), operate(name="ill")
    site.answers["/slow"] = Answer(delay_s=60 / FAST)
    hung = operate(name="hung", health='[health]\nlive = "/slow"\ntimeout_s = 9\n')
    ill.rows("ALTER TABLE sample_series RENAME TO gone")
    operate(name="bug")
    shop.settings.path.with_name("broken.toml").write_text("[service]\nname = 3\n")
    stored: Callable[..., int] = collect.store_readings

    def store(history: Any, service: str, readings: Any) -> int:
        return 1 // 0 if service == "bug" else stored(history, service, readings)

    monkeypatch.setattr(collect, "store_readings", store)
    clock = Clock()
    quarter = watched(2, clock).quarter
    first = int(clock.begin.timestamp()) // 60
    assert minutes_of(shop) == minutes_of(bar) == [first, first + 1]
    assert minutes_of(hung) == []
    assert (quarter.minutes, quarter.complete) == (2, 0)
    states = [text for text in caplog.messages if text.startswith("Finished in state Incomplete(")]
    assert len(states) == 2
    for state in states:
        collected, _, missing = state.partition("; not collected: ")
        assert collected.endswith("('bar: 4 figures, 0 log lines; shop: 4 figures, 0 log lines")
        assert missing.startswith(
            "bug: the cycle broke: ZeroDivisionError; hung: Not all was done within the minute; ill: history"
        )
    assert f"{clock.begin:%H:%MZ} bug: the cycle broke" in quarter.text


@pytest.mark.deep
def test_a_service_file_that_comes_or_is_mended_counts_from_the_next_minute(operate: "Operate") -> None:
    shop = operate()
    broken = shop.settings.path.with_name("broken.toml")
    broken.write_text("[service]\nname = 3\n")

    def mend() -> None:
        time.sleep(0.5 * 60 / FAST)
        operate(name="later")
        broken.unlink()

    mending = threading.Thread(target=mend)
    mending.start()
    quarter = watched(2).quarter
    mending.join()
    assert (quarter.minutes, quarter.complete) == (2, 1)
    assert "broken.toml" in quarter.text and "service.name" in quarter.text
    assert len(minutes_of(shop)) == 2 and minutes_of(operate(name="later")) == minutes_of(shop)[1:]


@pytest.mark.deep
def test_minutes_before_a_run_that_nobody_monitored_are_named(operate: "Operate") -> None:
    shop, clock = operate(), Clock()
    begin_minute(shop.history, "shop", "killed", clock.begin - 5 * MINUTE)
    quarter = watched(2, clock).quarter
    assert (quarter.minutes, quarter.complete) == (2, 1)
    assert f"shop: not monitored to the end: 5 minutes from {clock.begin - 5 * MINUTE:%Y-%m-%d %H:%MZ}" in quarter.text


def test_a_message_that_hangs_holds_up_no_minute(operate: "Operate", chat: "Chat", post: "PostOffice") -> None:
    channel = f'[[alerts.channel]]\nname = "slack"\nurl = "{chat.url("hook", "?rto=15")}"\n'
    shop = operate(mail=f'smtp = "{post.url}"\n', more=channel)
    chat.replies["hook"] = [Reply(hangs=True)]
    [to] = addresses(shop.settings, Severity.INFORMATION, None)
    now = datetime.now(UTC)
    payload = {"severity": 1, "at": now.isoformat(), "by": "kim"}
    put_now(shop.history, "shop", [message_to(to, ALERT_TEST, "test/1", payload)], now)
    quarter = watched(1).quarter
    assert len(chat.heard) == 1
    assert (quarter.minutes, quarter.complete, quarter.problems) == (1, 1, [])
    assert len(minutes_of(shop)) == 1


def test_they_are_named_by_a_minute_that_breaks_too(operate: "Operate", monkeypatch: pytest.MonkeyPatch) -> None:
    shop, clock = operate(), Clock()
    begin_minute(shop.history, "shop", "killed", clock.begin - 2 * MINUTE)
    monkeypatch.setattr(collect, "store_readings", lambda *_: 1 // 0)
    quarter = watched(1, clock).quarter
    since = clock.begin - 2 * MINUTE
    assert quarter.problems == [
        f"{clock.begin:%H:%MZ} shop: not monitored to the end: 2 minutes from {since:%Y-%m-%d %H:%MZ}"
    ]


@pytest.mark.deep
def test_a_process_that_stood_still_says_what_it_missed(operate: "Operate") -> None:
    shop, clock = operate(), Clock()

    def stop() -> None:
        time.sleep(0.9 * 60 / FAST)
        clock.ahead = 3 * MINUTE

    stopping = threading.Thread(target=stop)
    stopping.start()
    quarter = watched(6, clock).quarter
    stopping.join()
    first = int(clock.begin.timestamp()) // 60
    assert minutes_of(shop)[0] == first and first + 1 not in minutes_of(shop)
    assert (quarter.minutes, quarter.complete) == (3, 2)
    assert (
        "not monitored to the end: 3 minutes" in quarter.text or "not monitored to the end: 2 minutes" in quarter.text
    )


@pytest.mark.deep
def test_a_clock_that_is_set_back_stops_nothing(operate: "Operate") -> None:
    shop, clock = operate(), Clock()

    def set_back() -> None:
        time.sleep(0.9 * 60 / FAST)
        clock.ahead = -60 * MINUTE

    setting = threading.Thread(target=set_back)
    setting.start()
    quarter = watched(3, clock).quarter
    setting.join()
    first = int(clock.begin.timestamp()) // 60
    before = [minute for minute in minutes_of(shop) if minute < first]
    assert first in minutes_of(shop) and len(before) >= 2 and before[0] <= first - 59
    assert quarter.complete == quarter.minutes < 7  # it ends by the clock that nobody sets


@pytest.mark.deep
def test_of_two_runs_one_monitors(operate: "Operate") -> None:
    shop, clock = operate(), Clock()
    found = {}

    def run(holder: str, minutes: int) -> None:
        found[holder] = watched(minutes, clock, holder).quarter

    threads = [
        threading.Thread(target=copy_context().run, args=(run, holder, minutes))
        for holder, minutes in (("one", 4), ("two", 4))
    ]
    threads[0].start()
    time.sleep(10 / FAST)
    threads[1].start()
    for thread in threads:
        thread.join()
    assert found["one"].minutes == 4 and found["one"].skipped is None
    assert found["two"].skipped == "the run one has it" and found["two"].minutes == 0
    assert len(minutes_of(shop)) == 4


def test_a_run_that_monitored_nothing_is_never_good(operate: "Operate") -> None:
    shop, clock = operate(), Clock()
    clock.ahead = MINUTE - timedelta(seconds=10)  # too little is left of its only minute
    late = watched(1, clock).quarter
    assert (late.minutes, late.good, late.skipped) == (0, False, None)
    assert "nothing was collected" in late.text
    begin_minute(shop.history, "shop", "other", clock.begin)
    other = watched(1, Clock(clock.begin)).quarter
    assert (other.minutes, other.good, other.skipped) == (0, False, "the run other has it")


def test_where_no_service_file_names_anything_nothing_is_collected(operate: "Operate") -> None:
    operate(health="")
    idle = watched(1).quarter
    assert (idle.minutes, idle.good) == (0, False)
    assert idle.skipped == "no service file names anything to collect"


def test_a_service_that_has_alerts_alone_is_watched(operate: "Operate") -> None:
    """As one whose figures are a Prometheus's, and nothing of which is collected here."""
    metrics = '[metrics]\nprometheus_url = "http://127.0.0.1:9"\n'
    shop = operate(health="", more=f"{metrics}[alerts]\nprometheus = true\n")
    quarter = watched(1).quarter
    assert (quarter.minutes, quarter.good, quarter.skipped) == (1, False, None)
    assert quarter.text.count("cannot be reached") == 1
    now = datetime.now(UTC)
    [episode] = read_episodes(shop.history, "shop", now - MINUTE)
    assert (episode.condition.source, episode.open) == ("configuration", True)
    assert read_monitored(shop.history, "shop", now + MINUTE, timedelta(days=1)) is None, "nothing could be seen"


def test_a_delivery_that_no_minute_waited_for_is_followed_by_another(
    operate: "Operate", monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where each minute is cut, or breaks, before it comes to that."""
    begun: list[str] = []

    async def send(settings: Any, _history: object, _warn: object) -> None:
        begun.append(settings.service.name)

    async def minutes() -> None:
        for _ in range(3):
            await service.send(shop.settings, shop.history)

    monkeypatch.setattr(cycle, "_send", send)
    shop, service = operate(), cycle._Service(collect.Collector(ThreadPoolExecutor(1)))
    asyncio.run(minutes())
    assert begun == ["shop"] * 3


def test_a_run_follows_one_that_died(operate: "Operate") -> None:
    shop, clock = operate(), Clock()
    begin_minute(shop.history, "shop", "died", clock.now())
    quarter = watched(3, clock).quarter
    assert quarter.skipped is None and (quarter.minutes, quarter.complete) == (2, 1)
    assert quarter.problems == [
        f"{clock.begin + MINUTE:%H:%MZ} shop: not monitored to the end: 1 minutes from {clock.begin:%Y-%m-%d %H:%MZ}"
    ]
    assert len(minutes_of(shop)) == 2


def test_a_run_that_begins_ahead_of_its_first_minute_need_not_wait_for_the_machines_counters(
    operate: "Operate", monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = operate(more="[resources]\ninterval_s = 1\n")
    slept: list[float] = []
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=time.monotonic, sleep=slept.append))
    clock = Clock()
    clock.ahead = -2 * FAST * timedelta(seconds=1)
    assert watched(1, clock).quarter.complete == 1
    assert shop.rows("SELECT 1 FROM sample_series WHERE name = 'cpu.used'")
    assert slept == []


def test_due_messages_are_sent_and_a_refusal_is_named(operate: "Operate") -> None:
    shop = operate()
    shop.run_daily()
    assert {state for *_, state in shop.messages()} == {"waiting"}
    clock = Clock()
    assert watched(1, clock).quarter.complete == 1
    assert {state for *_, state in shop.messages()} == {"sent"}
    ill = operate(mail='smtp = "smtp://127.0.0.1:9"\ntimeout_s = 1\n')
    ill.rows("UPDATE outbox SET state = 'waiting'")
    quarter = watched(1, Clock(clock.begin + MINUTE)).quarter
    assert quarter.complete == 0 and "mail to oncall@shop.example: waiting" in quarter.text


def test_what_was_monitored_to_the_end_is_on_record(operate: "Operate", monkeypatch: pytest.MonkeyPatch) -> None:
    shop, bar, clock = operate(), operate(name="bar", health=LOG_ALONE), Clock()
    note_schedules({shop.name: shop.settings}, clock.begin)
    assert watched(3, clock).quarter.minutes == 3
    after = clock.begin + 3 * MINUTE
    found = read_monitored(shop.history, shop.name, after, timedelta(days=1))
    assert found is not None and ((after - found.first) // MINUTE, found.gaps) == (3, ())
    assert read_monitored(bar.history, bar.name, after, timedelta(days=1)) is None  # its log is not there
    ran = {flow.schedule.flow: flow.last_run_at for flow in read_scheduled(shop.history, shop.name, after)}
    assert ran["monitoring"] is not None and ran["outbox"] is None
    monkeypatch.setattr(collect, "store_readings", lambda *_: 1 // 0)
    watched(1, Clock(after))
    found = read_monitored(shop.history, shop.name, after + MINUTE, timedelta(days=1))
    assert found is not None and found.gaps == (Gap(after.replace(second=0), after.replace(second=0) + MINUTE),)
