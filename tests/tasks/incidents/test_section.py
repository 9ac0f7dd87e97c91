"""The incident review from a history to a section, without a flow around it."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tasks.check_result import Severity, Status
from tasks.history.runs import NewRun, RunKey, record_run
from tasks.incidents.checks import CHECKS
from tasks.incidents.events import AddAction, Close, Mend, Resolve, Review
from tasks.incidents.section import incident_review
from tasks.incidents.store.change import NewIncident, change_incident, open_by_hand
from tasks.round import Round
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.section import Section

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AT = datetime(2026, 10, 14, 3, 0, tzinfo=UTC)
NOTE = "Recorded after the last report of this month: incidents {numbers}"
PROBED = '[[slo.objective]]\nname = "uptime"\nkind = "uptime"\ntarget = 0.9995\nprobe = "live"\n'


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    """A service whose uptime is measured."""
    return operate(more=PROBED)


def section(shop: "Operated", now: datetime = NOW) -> Section:
    run = Round(
        october(shop), shop.settings, shop.history, now, now + HOUR, None, mail_unchanged=False, now=lambda: now
    )
    return asyncio.run(incident_review(run))


def october(shop: "Operated") -> RunKey:
    return RunKey(shop.name, "monthly-checklist", "2026-10", "hand")


def statuses(found: Section) -> dict[str, Status]:
    return {result.check.removeprefix("incidents."): result.status for result in found.results}


def probed(shop: "Operated", down: tuple[datetime, datetime]) -> None:
    """A probe a minute over the whole of October in the service's zone, failing in a time."""
    first, minutes = datetime(2026, 9, 30, 14, tzinfo=UTC), 33 * 24 * 60
    times = (first + n * MINUTE for n in range(minutes))
    readings = ((at, Reading("probe.live", "api-1", 0.0 if down[0] <= at < down[1] else 1.0, "")) for at in times)
    store_readings(shop.history, shop.name, readings)


def happened(shop: "Operated", *events: tuple[float, Any], at: datetime = AT, **more: Any) -> int:
    """An incident that was down, and what happened to it after so many minutes."""
    new = NewIncident(**({"title": "no database", "severity": Severity.EMERGENCY, "by": "kim", "down": True} | more))
    number = open_by_hand(shop.history, shop.name, new, at).id
    for minutes, event in events:
        change_incident(shop.history, shop.name, number, event, "kim", at + minutes * MINUTE)
    return number


WHOLE = (
    (10, Mend("failed over")),
    (20, Resolve("p95 80 ms")),
    (2000, Review("full disk", "found at once", "no runbook")),
    (2001, AddAction("an alert on disks", "kim", date(2026, 12, 1))),
    (2002, Close()),
)


def test_a_month_with_an_incident_that_was_reviewed_passes(shop: "Operated") -> None:
    probed(shop, (AT, AT + 4 * MINUTE))
    happened(shop, *WHOLE)
    found = section(shop)
    # The outage on record is 20 minutes of a budget of 22.32.
    assert statuses(found) == {
        "resolution-time": Status.PASS,
        "budget": Status.WARN,
        "repeats": Status.PASS,
        "actions": Status.PASS,
        "retrospectives": Status.PASS,
    }
    assert [(kpi.id, kpi.value) for kpi in found.kpis] == [
        ("incidents.count", 1.0),
        ("incidents.resolution", 20.0),
        ("incidents.budget", 20.0),
        ("incidents.overdue", 0.0),
    ]


def test_nobody_recorded_anything_and_nothing_was_measured(shop: "Operated") -> None:
    found = section(shop)
    assert set(statuses(found).values()) == {Status.UNKNOWN}
    assert [result.check for result in found.results] == [check.id for check in CHECKS]
    assert found.kpis[0].value is None


def test_a_month_without_incident_that_was_measured_passes(shop: "Operated") -> None:
    probed(shop, (AT, AT))
    assert set(statuses(section(shop)).values()) == {Status.PASS}


def test_case_13_stored_late_an_incident_is_one_of_the_month_in_which_it_was_detected(shop: "Operated") -> None:
    probed(shop, (AT, AT))
    number = happened(shop, detected_at=AT, impact_at=AT - 30 * MINUTE, at=NOW - DAY)
    change_incident(shop.history, shop.name, number, Mend("failed over", AT + 9 * MINUTE), "kim", NOW)
    change_incident(shop.history, shop.name, number, Resolve("works", AT + 20 * MINUTE), "kim", NOW)
    found = {result.check: result for result in section(shop).results}
    resolution = found["incidents.resolution-time"]
    assert resolution.status is Status.PASS and resolution.reason.params["longest"] == 20.0
    budget = found["incidents.budget"]
    assert budget.status is Status.WARN and budget.reason.params["total"] == 50  # from the impact, not from the insert


def test_what_was_recorded_since_the_report_is_named_unless_it_is_of_a_later_month(shop: "Operated") -> None:
    reported = datetime(2026, 11, 1, tzinfo=UTC)
    record_run(shop.history, october(shop), lambda _: NewRun("PASS", reported, "{}", [], []))
    happened(shop, at=reported + HOUR)
    assert section(shop).notes == ()
    late = happened(shop, title="no orders", detected_at=AT, at=reported + DAY)
    assert [(note.text, note.params["numbers"]) for note in section(shop).notes] == [(NOTE, str(late))]
