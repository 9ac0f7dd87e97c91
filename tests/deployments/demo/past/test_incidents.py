"""The demo's made-up incidents, on both databases."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from deployments.demo.past.events import QUIET
from deployments.demo.past.incidents import bring_incidents
from tasks.check_result import Status
from tasks.history.runs import RunKey
from tasks.incidents.facts import State
from tasks.incidents.section import incident_review
from tasks.incidents.store.read import read_incidents
from tasks.records.store.records import read_outages
from tasks.round import Round
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings

if TYPE_CHECKING:
    from tests.operated import Operate

ZONE, DAY = ZoneInfo("Asia/Tokyo"), timedelta(days=1)
FIRST, NOW = date(2026, 9, 1), datetime(2026, 11, 26, 3, tzinfo=UTC)


def test_each_release_that_was_rolled_back_is_an_incident_that_was_reviewed(history: Engine) -> None:
    bring_incidents(history, "kondate", FIRST, ZONE, QUIET, NOW)
    found = read_incidents(history, "kondate", NOW - 120 * DAY, NOW)
    assert {record.incident.state for record in found} == {State.CLOSED}
    assert len({record.incident.cause for record in found}) == len(found) == 5
    assert {month for month in (9, 10, 11) for r in found if r.incident.detected_at.month == month} == {9, 10, 11}
    for record in found[:4]:  # the action items of the newest are due in December
        resolved, reviewed = record.incident.resolved_at, record.incident.reviewed_at
        assert resolved is not None and reviewed is not None
        assert resolved - record.incident.detected_at < timedelta(hours=1) and reviewed - resolved < 5 * DAY
        assert [item.done_at is not None and item.done_at.date() <= item.due for item in record.actions] == [True, True]
    assert read_outages(history, "kondate", NOW - 120 * DAY, NOW) == ()


def test_a_later_start_goes_on_where_the_last_one_ended(history: Engine) -> None:
    story = []
    for hours in range(0, 24 * 9, 7):
        now = datetime(2026, 11, 3, 3, 30, tzinfo=UTC) + timedelta(hours=hours)
        bring_incidents(history, "kondate", date(2026, 11, 2), ZONE, QUIET, now)
        story += [record.incident.state for record in read_incidents(history, "kondate", NOW - 120 * DAY, NOW)]
    assert list(dict.fromkeys(story)) == [State.RESOLVED, State.CLOSED]
    [record] = read_incidents(history, "kondate", NOW - 120 * DAY, NOW)
    kinds = [entry.kind for entry in record.timeline]
    assert (len(kinds), kinds.count("action-done"), kinds.count("closed")) == (13, 2, 1)


def test_nothing_of_a_made_up_month_is_a_finding_of_its_review(operate: "Operate") -> None:
    shop = operate(more='[[slo.objective]]\nname = "uptime"\nkind = "uptime"\ntarget = 0.9995\nprobe = "live"\n')
    first, zone = date(2026, 9, 20), shop.settings.zone
    bring_incidents(shop.history, shop.name, first, zone, QUIET, NOW)
    minutes = (datetime(2026, 9, 29, 15, tzinfo=UTC) + n * timedelta(minutes=1) for n in range(33 * 24 * 60))
    store_readings(shop.history, shop.name, ((at, Reading("probe.live", "api-1", 1.0, "")) for at in minutes))
    key = RunKey(shop.name, "monthly-checklist", "2026-10", "hand")
    now = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
    run = Round(key, shop.settings, shop.history, now, now + DAY, None, mail_unchanged=False, now=lambda: now)
    section = asyncio.run(incident_review(run))
    assert {result.status for result in section.results} == {Status.PASS}
    assert section.kpis[0].value == 1
