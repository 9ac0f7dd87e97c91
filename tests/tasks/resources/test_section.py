"""The daily section keeps the day before."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tasks.history.runs import RunKey
from tasks.resources.section import resource_usage
from tasks.round import Round
from tasks.samples.facts import Reading
from tasks.samples.store.days import read_days
from tasks.samples.store.minutes import store_readings

if TYPE_CHECKING:
    from tests.operated import Operate

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_days_that_are_over_are_rolled_up(operate: "Operate") -> None:
    shop = operate()
    readings = [(NOW - n * DAY, Reading("disk.used", "host/disk:/", 50.0 - n, "%")) for n in range(3)]
    store_readings(shop.history, shop.name, readings)
    key = RunKey(shop.name, "daily-checklist", "2026-11-26", "hand")
    run = Round(key, shop.settings, shop.history, NOW, NOW + DAY, None, mail_unchanged=False, now=lambda: NOW)
    asyncio.run(resource_usage(run))
    [series] = read_days(shop.history, shop.name, (NOW - 9 * DAY).date(), (NOW + DAY).date())
    assert [day.last for day in series.days] == [48.0, 49.0]
