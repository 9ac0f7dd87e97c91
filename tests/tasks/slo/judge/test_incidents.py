"""Incidents resolved in time, and downtime with its causes."""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.check_result import CheckResult, Status, Table, msg
from tasks.observation import Absent, Unobserved
from tasks.records.facts import Maintenance, Outage
from tasks.slo.budget.incidents import Incident, incidents_of
from tasks.slo.budget.state import Known
from tasks.slo.judge.incidents import judge_downtime, judge_resolution
from tasks.slo.settings import Resolution
from tests.tasks.slo.figures import FIRST, START, minutes_up, state, uptime, window

NOW = datetime(2026, 12, 1, tzinfo=UTC)
MONTH = 30 * 1440
OVER = window(30)
UP = state(uptime(), minutes_up(MONTH), OVER)
HALF = state(uptime(), minutes_up(MONTH, unmeasured=[(0, MONTH // 2)]), OVER)
FILE = msg("the service file")
OBJECTIVE = Resolution(name="incident-resolution", kind="incident-resolution")


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def outage(start: float, end: float | None, module: str | None = None, cause: str = "disk full") -> Outage:
    return Outage(at(start), None if end is None else at(end), module, cause)


def resolution(incidents: tuple[Incident, ...], seen: Known = UP, objective: Resolution = OBJECTIVE) -> CheckResult:
    return judge_resolution(objective, incidents, seen, OVER, FILE, NOW)


@pytest.mark.parametrize(("took", "status"), [(59.9, Status.PASS), (60.0, Status.FAIL), (61.0, Status.FAIL)])
def test_an_incident_is_resolved_within_the_hour(took: float, status: Status) -> None:
    result = resolution(incidents_of([outage(10, 10 + took)], [], OVER.as_of))
    assert (result.status, result.reason.params["longest"]) == (status, took)


def test_a_share_of_incidents_may_take_longer_if_the_objective_says_so() -> None:
    incidents = incidents_of([outage(0, 10), outage(100, 300)], [], OVER.as_of)
    assert resolution(incidents).status is Status.FAIL
    half = Resolution(name="r", kind="incident-resolution", target=0.5)
    assert resolution(incidents, objective=half).status is Status.PASS


def test_an_ongoing_incident_is_late_after_an_hour_and_unknown_before() -> None:
    late = resolution(incidents_of([outage(MONTH - 60, None)], [], OVER.as_of))
    young = resolution(incidents_of([outage(MONTH - 59, None)], [], OVER.as_of))
    assert (late.status, young.status) == (Status.FAIL, Status.UNKNOWN)


def test_no_incident_passes_only_where_uptime_was_measured() -> None:
    assert resolution(()).status is Status.PASS
    for unmeasured in (HALF, Unobserved(msg("gone")), Absent(msg("no probes"))):
        assert resolution((), unmeasured).status is Status.UNKNOWN


def downtime(incidents: tuple[Incident, ...], seen: Known = UP) -> CheckResult:
    return judge_downtime(seen, incidents, OVER, NOW)


def test_all_downtime_needs_a_recorded_cause() -> None:
    recorded = incidents_of([outage(10, 25)], [(FIRST + 10, FIRST + 25)], OVER.as_of)
    unknown = incidents_of([outage(10, 25)], [(FIRST + 100, FIRST + 112)], OVER.as_of)
    assert downtime(()).status is Status.PASS
    good = downtime(recorded, state(uptime(), minutes_up(MONTH, down=[(10, 25)]), OVER))
    assert (good.status, good.reason.params["minutes"]) == (Status.PASS, 15)
    # Up for five minutes in between: the incident lasts 12 minutes, and uptime counts 7 of them.
    seen = state(uptime(), minutes_up(MONTH, down=[(10, 25), (100, 104), (109, 112)]), OVER)
    bad = downtime(unknown, seen)
    assert (bad.status, bad.reason.params) == (Status.WARN, {"minutes": 7, "n": 1})
    [table] = bad.evidence
    assert isinstance(table, Table) and [(row[2], row[5]) for row in table.rows] == [(15.0, 15), (12.0, 7)]
    assert seen.counted.bad == 15 + 7


def test_maintenance_windows_are_shown_and_why_they_were_late() -> None:
    early = Maintenance(at(10), at(20), None, "upgrade", at(0), "kim")
    late = Maintenance(at(30), at(40), "users", "disk", at(35), "lee", "the pager was down")
    other = Maintenance(at(MONTH + 1), at(MONTH + 2), None, "later", at(0), "kim")
    [table] = judge_downtime(UP, (), OVER, NOW, (early, late, other)).evidence
    assert isinstance(table, Table)
    assert [(row[3], row[5], getattr(row[6], "params", {})) for row in table.rows] == [
        ("upgrade", "kim", {}),
        ("disk", "lee", {"why": "the pager was down"}),
    ]


def test_of_many_maintenances_those_of_the_window_are_shown_and_the_others_counted() -> None:
    before = [Maintenance(at(-100 - n), at(-99 - n), None, "before", at(-200), "kim") for n in range(40)]
    mine = [Maintenance(at(10 * n), at(10 * n + 5), None, f"no. {n}", at(-1), "kim") for n in range(33)]
    [table] = judge_downtime(UP, (), OVER, NOW, (*before, *mine)).evidence
    assert isinstance(table, Table) and len(table.rows) == 31
    assert (table.rows[0][3], getattr(table.rows[30][0], "params", None)) == ("no. 0", {"n": 3})


def test_unmeasured_downtime_is_unknown() -> None:
    assert downtime((), HALF).status is Status.UNKNOWN
    assert downtime((), Unobserved(msg("gone"))).status is Status.UNKNOWN
    assert downtime((), Absent(msg("no probes"))).status is Status.SKIPPED
