"""Capacity planning from samples in a history to a section, without a flow around it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.capacity.checks import CHECKS
from tasks.capacity.section import capacity_planning
from tasks.check_result import CheckResult, Status
from tasks.history.runs import RunKey
from tasks.round import Round
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.section import Section

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MORE = (
    '[database]\nurl = "postgresql://nobody@127.0.0.1:1/none"\n[[kpi]]\nname = "users"\nsql = "SELECT 1"\nfloor = 4\n'
)


def planned(shop: "Operated", period: str = "2026-10", now: datetime = NOW) -> Section:
    key = RunKey(shop.name, "monthly-checklist", period, "hand")
    run = Round(key, shop.settings, shop.history, now, now + HOUR, None, mail_unchanged=False, now=lambda: now)
    return asyncio.run(capacity_planning(run))


def hourly(name: str, subject: str, per_day: float, start: float, days: int = 65) -> Iterator[tuple[datetime, Reading]]:
    first = NOW - timedelta(days=days)
    for n in range(days * 24):
        wave = 0.2 * (n * 7919 % 13 - 6) / 6
        yield first + n * HOUR, Reading(name, subject, start + per_day * n / 24 + wave, "%")


def found(section: Section) -> dict[tuple[str, str], CheckResult]:
    return {(r.check, r.subject): r for r in section.results}


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    return operate(more=MORE)


def test_a_month_is_planned_from_all_that_is_known_until_the_month_after_is_over_too(shop: "Operated") -> None:
    store_readings(shop.history, shop.name, hourly("disk.used", "host/disk:/", 1.0, 20.0), synthetic=True)
    store_readings(shop.history, shop.name, hourly("kpi.value", "kpi:users", 2.0, 100.0))
    past, present = planned(shop, now=NOW + timedelta(days=20)), planned(shop)
    then, now = (found(section)["capacity.forecast", "host/disk:/"] for section in (past, present))
    assert (then.status, now.status) == (Status.WARN, Status.FAIL)
    days = [r.reason.params["middle"] for r in (then, now)]
    assert all("2026-12-03" <= str(day) <= "2026-12-09" for day in days), days
    results = found(present)
    assert results["capacity.forecast", "service"].status is Status.FAIL
    assert results["capacity.forecast", "database/connections"].status is Status.UNKNOWN
    assert results["capacity.traffic", "service"].status is Status.SKIPPED
    assert results["capacity.headroom", "service"].status is Status.SKIPPED
    growth = results["capacity.growth", "kpi:users"]
    assert growth.observed is not None and growth.observed.value == pytest.approx(14, abs=0.3)
    figures = {kpi.id: kpi.value for kpi in present.kpis}
    assert figures["capacity.full-90-days"] == 100 and figures["capacity.headroom"] is None
    first_full = figures["capacity.first-full"]
    assert first_full is not None and 7 <= first_full <= 13
    assert [note.text for note in present.notes] == ["Synthetic data: samples up to {at} are generated"]


def test_nothing_stored_is_nowhere_green(shop: "Operated") -> None:
    section = planned(shop)
    assert {r.check for r in section.results} == {check.id for check in CHECKS}
    assert not [r for r in section.results if r.status is Status.PASS]
    results = found(section)
    assert results["capacity.forecast", "service"].status is Status.UNKNOWN
    assert results["capacity.growth", "kpi:users"].status is Status.UNKNOWN


def test_nothing_asked_for_is_skipped(operate: "Operate") -> None:
    assert {r.status for r in planned(operate()).results} == {Status.SKIPPED}


def test_logs_that_should_have_requests_and_have_none(operate: "Operate") -> None:
    log = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["app.log"]\n'
    assert found(planned(operate(more=log)))["capacity.traffic", "service"].status is Status.UNKNOWN
