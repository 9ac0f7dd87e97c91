"""What is removed of the counts of old hours and of resolved errors, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, Table, func, select

from tasks.history.engine import reading
from tasks.history.kept import read_kept
from tasks.logs.count.batch import Activity, Batch, ErrorSeen, Exemplar, Lines
from tasks.logs.count.fingerprint import ErrorKey
from tasks.logs.store.counts import open_source, store_batch
from tasks.logs.store.prune import remove_log_hours, remove_resolved
from tasks.logs.store.triage import Action, Decision, NoSuchError, decide, read_error
from tasks.logs.tables import (
    error_decisions,
    error_hours,
    error_wordings,
    log_fields,
    log_hours,
    log_levels,
    module_hours,
    personal_data_hours,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = int(NOW.timestamp()) // 3600
DAY = timedelta(days=1)
HOURLY = (log_hours, log_fields, log_levels, module_hours, personal_data_hours, error_hours)


def key(name: str) -> ErrorKey:
    return ErrorKey("orders", name, "id <*>", "app.js")


def seen(name: str, *days_ago: int) -> ErrorSeen:
    found = ErrorSeen(key(name), Exemplar("id 7", "at app.js", "error", "GET /orders/7", "r-1"))
    for days in days_ago:
        found.hours[HOUR - 24 * days] += 1
    found.first, found.last = NOW - max(days_ago) * DAY, NOW - min(days_ago) * DAY
    return found


def store(history: Engine, *errors: ErrorSeen, hours: tuple[int, ...] = (), service: str = "shop") -> None:
    batch = Batch(errors={error.key.fingerprint: error for error in errors})
    for hour in hours:
        batch.lines[hour] = Lines(9, 9)
        batch.fields[hour, ""] = 9
        batch.odd_levels[hour, "odd"] = 1
        batch.activity["orders", hour] = Activity(lines=9)
        batch.personal["orders", hour, "email"] = 1
    store_batch(history, open_source(history, service, "app", synthetic=False), batch, (200.0,), NOW)


def count(history: Engine, table: Table) -> int:
    with reading(history) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_hours_before_a_minute_go_from_every_table(history: Engine) -> None:
    old = range(HOUR - 3, HOUR + 2)
    store(history, *(seen("A", 0) for _ in range(1)), hours=tuple(old))
    store(history, hours=(HOUR - 9,), service="other")
    removed = sum(remove_log_hours(history, "shop", 60 * HOUR))
    assert removed == 3 * 5
    assert {table.name: count(history, table) for table in HOURLY} == {
        table.name: 1 if table is error_hours else 2 + 1 for table in HOURLY
    }
    assert read_kept(history, "shop", "hours") == NOW
    assert list(remove_log_hours(history, "shop", 60 * HOUR)) == []


def test_an_error_goes_once_it_was_resolved_and_not_seen_for_long(history: Engine) -> None:
    store(history, seen("Old", 500, 450), seen("Again", 500, 10), seen("Open", 500), seen("Ignored", 500))
    store(history, seen("Late", 500))
    for name, action, at in (
        ("Old", Action.RESOLVE, NOW - 430 * DAY),
        ("Again", Action.RESOLVE, NOW - 430 * DAY),
        ("Ignored", Action.IGNORE, NOW - 430 * DAY),
        ("Late", Action.RESOLVE, NOW - 2 * DAY),
    ):
        decide(history, "shop", key(name).fingerprint, Decision(action, "ana"), at)
    assert sum(remove_resolved(history, "shop", NOW - 400 * DAY)) == 1 + 2 + 1  # the error, its hours, its decision
    with pytest.raises(NoSuchError):
        read_error(history, "shop", key("Old").fingerprint)
    for name in ("Again", "Open", "Ignored", "Late"):
        assert read_error(history, "shop", key(name).fingerprint)
    assert (count(history, error_decisions), count(history, error_wordings)) == (3, 0)
    assert list(remove_resolved(history, "shop", NOW - 400 * DAY)) == []


def test_an_error_that_comes_back_after_that_is_a_new_one(history: Engine) -> None:
    store(history, seen("Old", 500))
    decide(history, "shop", key("Old").fingerprint, Decision(Action.RESOLVE, "ana"), NOW - 450 * DAY)
    list(remove_resolved(history, "shop", NOW - 400 * DAY))
    store(history, seen("Old", 0))
    found = read_error(history, "shop", key("Old").fingerprint)
    assert (found.state, found.first_seen, found.decisions) == ("open", NOW, ())
