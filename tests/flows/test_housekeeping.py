"""The daily tidying of every service's history, as flow runs on a real server."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prefect import State

from deployments.schedules import note_schedules
from flows.housekeeping import housekeeping
from flows.messages import archive_missing, readable
from tasks.history.engine import writing
from tasks.history.runs import RunKey, record_run
from tasks.history.services import service_id
from tasks.monitoring.store.minutes import note_minute, read_monitored
from tasks.samples.facts import Reading
from tasks.samples.store.hours import read_figures
from tasks.samples.store.minutes import read_samples, store_readings
from tasks.schedule.store import read_scheduled
from tests.tasks.history.writing import a_run

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

pytestmark = pytest.mark.usefixtures("prefect")
NOW = datetime.now(UTC)
OLD, YOUNG = NOW - timedelta(days=60), NOW - timedelta(days=40)


def tidy(service: str | None = None) -> State[Any]:
    state: State[Any] = asyncio.run(housekeeping(service, return_state=True))  # type: ignore[call-overload]
    return state


def with_samples(shop: "Operated") -> None:
    readings = [(at, Reading("cpu.used", "host", 5.0, "%")) for at in (OLD, YOUNG)]
    store_readings(shop.history, shop.name, readings)


def minutes(shop: "Operated") -> int:
    every = read_samples(shop.history, shop.name, "cpu.used", 0, int(NOW.timestamp()) // 60)
    return len(every.get("host", []))


def test_every_service_is_tidied_and_the_run_says_what_was_done(operate: "Operate") -> None:
    services = [operate(name="shop"), operate(name="bar")]
    for service in services:
        with_samples(service)
    state = tidy()
    assert (state.name, state.is_completed()) == ("Tidied", True), state.message
    for service in services:
        assert f"{service.name}: 1 minutes of figures" in str(state.message)
        assert minutes(service) == 1
        hour, young = read_figures(service.history, service.name, "cpu.used", 0, int(NOW.timestamp()) // 60)["host"]
        assert (hour.samples, hour.minute % 60, young.minute) == (1, 0, int(YOUNG.timestamp()) // 60)
    assert tidy("bar").message == "bar: nothing was too old"


def test_a_history_that_cannot_be_used_stops_no_other_service(operate: "Operate") -> None:
    shop, bar = operate(name="shop"), operate(name="bar")
    with_samples(shop)
    bar.history.dispose()
    for file in bar.settings.path.parent.glob("bar.db*"):
        file.unlink()
    (bar.settings.path.parent / "bar.db").mkdir()
    state = tidy()
    assert (state.name, state.is_failed()) == ("Incomplete", True)
    assert "bar: history database" in str(state.message)
    assert minutes(shop) == 1


def test_pages_of_old_reports_go_and_no_round_brings_them_back(operate: "Operate") -> None:
    shop = operate(name="shop", more="keep_days = 45\n")
    for days, period in ((60, "2026-01-01"), (50, "2026-01-02"), (40, "2026-01-03")):
        key = RunKey("shop", "daily-checklist", period, "hand")
        record_run(shop.history, key, a_run(key, at=NOW - timedelta(days=days)))
    archive_missing(shop.settings, readable(shop.runs()))  # as `rounds report rebuild` does

    def archived() -> list[str]:
        return sorted(folder.parent.name for folder in shop.settings.output.glob("shop/daily-checklist/*/r1"))

    assert archived() == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert tidy("shop").message == "shop: 2 reports"
    assert archived() == ["2026-01-03"]
    assert "2026-01-01" not in (shop.settings.output / "index.html").read_text(encoding="utf-8")
    shop.run_daily()
    assert archived() == ["2026-01-03", shop.runs()[-1].period]
    assert len(shop.runs()) == 4


def test_it_notes_that_it_ran(operate: "Operate") -> None:
    shop = operate()
    note_schedules({shop.name: shop.settings}, NOW)
    tidy()
    ran = {f.schedule.flow: f.last_run_at for f in read_scheduled(shop.history, shop.name, datetime.now(UTC))}
    at = ran.pop("housekeeping")
    assert at is not None and at > NOW and set(ran.values()) == {None}


def test_monitored_minutes_are_kept_as_long_as_hours(operate: "Operate") -> None:
    shop = operate()
    ago = {days: NOW - timedelta(days=days) for days in (500, 300)}
    with writing(shop.history) as connection:
        for at in ago.values():
            note_minute(connection, service_id(connection, shop.name), int(at.timestamp()) // 60)
    tidy()
    found = read_monitored(shop.history, shop.name, NOW, timedelta(days=1000))
    assert found is not None and found.first == ago[300].replace(second=0, microsecond=0)
