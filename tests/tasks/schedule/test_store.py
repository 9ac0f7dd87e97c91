"""What is scheduled for a service, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from tasks.history.runs import NewRun, RunKey, read_periods, record_run
from tasks.schedule.facts import FlowSchedule, ScheduledFlow
from tasks.schedule.store import note_run, read_scheduled, register_schedules

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY = FlowSchedule("daily-checklist", "0 9 * * *", None, "Asia/Tokyo", "day", 12 * HOUR)
WATCH = FlowSchedule("monitoring", None, timedelta(minutes=15), "UTC", None, HOUR)


def recorded(history: Engine, period: str, at: datetime, service: str = "shop", trigger: str = "hand") -> None:
    run: Any = NewRun("Passed", at, "{}", [], [])
    record_run(history, RunKey(service, "daily-checklist", period, trigger), lambda _: run)


def test_an_unchanged_schedule_keeps_its_beginning(history: Engine) -> None:
    for days in (0, 1, 2):
        register_schedules(history, "shop", [DAILY, WATCH], NOW + days * DAY)
    found = read_scheduled(history, "shop", NOW + 3 * DAY)
    assert found == (ScheduledFlow(DAILY, NOW, None, {}), ScheduledFlow(WATCH, NOW, None, {}))
    assert read_scheduled(history, "bar", NOW) == ()
    assert read_scheduled(history, "shop", NOW - HOUR) == ()


def test_a_changed_one_begins_anew_and_keeps_its_last_run(history: Engine) -> None:
    register_schedules(history, "shop", [WATCH], NOW)
    note_run(history, "shop", "monitoring", NOW + HOUR)
    changed = replace(WATCH, every=HOUR)
    register_schedules(history, "shop", [changed], NOW + DAY)
    assert read_scheduled(history, "shop", NOW + DAY) == (ScheduledFlow(changed, NOW + DAY, NOW + HOUR, {}),)


def test_a_longer_run_is_no_other_schedule(history: Engine) -> None:
    register_schedules(history, "shop", [DAILY], NOW)
    longer = replace(DAILY, late_after=DAY)
    register_schedules(history, "shop", [longer], NOW + DAY)
    assert read_scheduled(history, "shop", NOW + DAY) == (ScheduledFlow(longer, NOW, None, {}),)


def test_one_that_is_no_longer_registered_has_ended_and_may_come_back(history: Engine) -> None:
    register_schedules(history, "shop", [DAILY, WATCH], NOW)
    register_schedules(history, "bar", [DAILY], NOW)
    register_schedules(history, "shop", [WATCH], NOW + DAY)
    flows = [flow.schedule.flow for flow in read_scheduled(history, "shop", NOW + 2 * DAY)]
    assert flows == ["monitoring"]
    assert len(read_scheduled(history, "shop", NOW + HOUR)) == 2  # it had not ended then
    assert len(read_scheduled(history, "bar", NOW + 2 * DAY)) == 1
    register_schedules(history, "shop", [DAILY, WATCH], NOW + 3 * DAY)
    since = {flow.schedule.flow: flow.since for flow in read_scheduled(history, "shop", NOW + 4 * DAY)}
    assert since == {"daily-checklist": NOW + 3 * DAY, "monitoring": NOW}


def test_every_run_of_a_period_is_known_the_first_one_first(history: Engine) -> None:
    register_schedules(history, "shop", [DAILY], NOW)
    recorded(history, "2026-11-23", NOW - DAY)
    recorded(history, "2026-11-23", NOW, trigger="schedule")
    recorded(history, "2026-11-24", NOW + HOUR)
    recorded(history, "2026-11-22", NOW, service="bar")
    [found] = read_scheduled(history, "shop", NOW + DAY)
    assert found.recorded == {"2026-11-23": [NOW - DAY, NOW], "2026-11-24": [NOW + HOUR]}
    [found] = read_scheduled(history, "shop", NOW + DAY)
    assert found.by_schedule == {"2026-11-23": NOW}
    assert read_periods(history, "shop", "daily-checklist") == {"2026-11-23": None, "2026-11-24": NOW + HOUR}


def test_a_run_of_what_nobody_registered_is_not_kept(history: Engine) -> None:
    note_run(history, "shop", "outbox", NOW)
    register_schedules(history, "shop", [DAILY], NOW)
    note_run(history, "shop", "outbox", NOW)
    assert [flow.schedule.flow for flow in read_scheduled(history, "shop", NOW)] == ["daily-checklist"]
