"""The incident review of a month: durations, budget, repeats, action items and retrospectives."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tasks.check_result import CheckResult, Status, Table, msg
from tasks.incidents.facts import ActionKind, State
from tasks.incidents.judge.budget import downtimes, judge_budget
from tasks.incidents.judge.followup import judge_actions, judge_retrospectives
from tasks.incidents.judge.repeats import judge_repeats
from tasks.incidents.judge.resolution import judge_resolution
from tasks.incidents.judge.review import review_due, working_days
from tasks.incidents.limits import IncidentLimits
from tasks.observation import Absent, Unobserved
from tasks.records.facts import Outage
from tasks.slo.settings import Policy, Resolution
from tests.tasks.incidents.figures import DAY, END, HOUR, MINUTE, NOW, START, ZONE, item, record, reviewed, uptime

OBJECTIVE = Resolution(name="incident-resolution", kind="incident-resolution")
LIMITS = IncidentLimits()


def resolution(*records: Any, **more: Any) -> CheckResult:
    return judge_resolution(reviewed(*records, **more), OBJECTIVE, msg("the guide's SLI and SLO tables"))


def text(result: CheckResult) -> str:
    return result.reason.text.format(**result.reason.params)


def figures(result: CheckResult) -> dict[str, tuple[Any, ...]]:
    """The first table's rows by their English names."""
    table = result.evidence[0]
    assert isinstance(table, Table)
    return {
        cells[0].text.format(**cells[0].params) if not isinstance(cells[0], str | int | float) and cells[0] else str(
            cells[0]
        ): cells[1:]
        for cells in table.rows
    }  # fmt: skip


# Resolution time


@pytest.mark.parametrize(
    ("took", "status", "share"),
    [(59, Status.PASS, 100.0), (60, Status.FAIL, 0.0), (61, Status.FAIL, 0.0), (0, Status.PASS, 100.0)],
)
def test_an_incident_is_resolved_within_an_hour(took: float, status: Status, share: float) -> None:
    result = resolution(record(took_min=took))
    assert result.observed is not None
    assert (result.status, result.observed.value) == (status, share)


def test_no_incident_is_good_news_only_where_uptime_was_measured() -> None:
    judges = (
        resolution,
        lambda **more: judge_budget(reviewed(**more), Policy()),
        lambda **more: judge_repeats(reviewed(**more), LIMITS),
        lambda **more: judge_actions(reviewed(**more)),
        lambda **more: judge_retrospectives(reviewed(**more), LIMITS),
    )
    for judge in judges:
        assert judge().status is Status.PASS
        assert judge(uptime=uptime(measured=False)).status is Status.UNKNOWN
        assert judge(uptime=Unobserved(msg("No probe"))).status is Status.UNKNOWN


def test_the_distribution_has_no_p90_of_fewer_than_ten() -> None:
    nine = [record(n, took_min=10 * n) for n in range(1, 10)]
    few = figures(resolution(*nine))
    assert few["Median, min"] == (2.0, 50.0)
    assert few["p90, min"][1].text == "– (needs 10 values)"
    ten = figures(resolution(*nine, record(10, took_min=100)))
    assert ten["p90, min"] == (2.0, 91.0)  # numpy's default quantile of 10, 20 … 100
    assert (ten["Longest, min"], ten["Share under 60.0 min"]) == ((2.0, 100.0), ("100 %", "50 %"))
    assert ten["Incidents"] == (10, 10)


def test_only_incidents_of_the_month_that_were_some_count() -> None:
    others = (
        record(1, at=START - MINUTE, took_min=90),
        record(2, at=END, took_min=90),
        record(3, took_min=90, state=State.FALSE_POSITIVE),
        record(4, took_min=90, state=State.MERGED),
    )
    assert text(resolution(*others)) == "No incident was detected in the period, and uptime was measured"
    assert resolution(record(5, at=START, took_min=90), record(6, at=END - MINUTE)).status is Status.FAIL


@pytest.mark.parametrize("month", [uptime(measured=False), Unobserved(msg("no history"))])
def test_an_incident_on_record_makes_no_month_green_that_was_not_measured(month: Any) -> None:
    known = reviewed(record(took_min=30), uptime=month)
    for result in (
        resolution(record(took_min=30), uptime=month),
        judge_repeats(known, LIMITS),
        judge_actions(known),
    ):
        assert (result.check, result.status) == (result.check, Status.UNKNOWN)
        assert "too little uptime was measured to rule out others" in text(result)
    assert resolution(record(took_min=30), uptime=Absent(msg("no objective"))).status is Status.PASS
    assert resolution(record(took_min=90), uptime=month).status is Status.FAIL


def test_what_was_done_in_time_makes_no_month_green_that_was_not_measured() -> None:
    for mine in (
        record(actions=[item(date(2026, 12, 1))], reviewed_at=START + 10 * DAY),
        record(at=START - DAY, actions=[item(date(2026, 12, 1))], reviewed_at=START + DAY),
    ):
        measured, blind = reviewed(mine), reviewed(mine, uptime=uptime(measured=False))
        for judge in (judge_actions, lambda month: judge_retrospectives(month, LIMITS)):
            assert judge(measured).status is Status.PASS
            assert judge(blind).status is Status.UNKNOWN and "too little uptime was measured" in text(judge(blind))
    overdue = record(actions=[item(date(2026, 10, 20), kind=ActionKind.PERMANENT_FIX)])
    assert judge_actions(reviewed(overdue, uptime=uptime(measured=False))).status is Status.FAIL


def test_an_incident_that_was_detected_after_the_month_does_not_count_in_it() -> None:
    overdue = item(date(2026, 11, 10), kind=ActionKind.PERMANENT_FIX)
    later = record(at=END, actions=[overdue])
    now = END + 20 * DAY
    month = reviewed(later, known_at=now, now=now)
    assert text(judge_actions(month)) == "There are no action items"
    assert text(judge_retrospectives(month, LIMITS)) == "No retrospective was due"


def test_an_incident_that_has_been_open_since_an_earlier_month_is_late() -> None:
    found = resolution(record(at=START - 3 * DAY, took_min=None))
    assert found.status is Status.FAIL and "ongoing: 1" in text(found)


def test_minutes_of_an_incident_that_nobody_measured_may_have_used_the_budget() -> None:
    at = START + 9 * DAY
    blind = uptime(unseen=[(at, at + 20 * MINUTE)])
    found = judge_budget(reviewed(record(at=at, took_min=20), uptime=blind), Policy())
    assert found.status is Status.UNKNOWN and "Nobody measured 20 min of incident 1" in text(found)
    short = uptime(unseen=[(at, at + 2 * MINUTE)])
    assert judge_budget(reviewed(record(at=at, took_min=20), uptime=short), Policy()).status is Status.PASS


def test_case_12_still_open_at_months_end_is_ongoing_out_of_the_percentiles_and_a_breach_when_older_than_1_h() -> None:
    going = resolution(record(1, took_min=20), record(2, at=NOW - 2 * DAY, took_min=None))
    assert going.status is Status.FAIL
    assert figures(going)["with this time"] == (2, 1)
    assert figures(going)["Longest, min"] == (2.0, 20.0)
    assert "1 of 2 incidents were resolved within 60.0 min; the longest took 2880.0 min; ongoing: 1" in text(going)
    young = record(2, at=END - MINUTE, took_min=None, acknowledged_at=None)
    soon = {"now": END + 20 * MINUTE, "known_at": END + 20 * MINUTE}
    assert resolution(young, **soon).status is Status.UNKNOWN
    assert resolution(record(1, took_min=20), young, **soon).status is Status.PASS


def test_case_12_when_it_closes_the_month_says_how_long_it_took() -> None:
    closed = resolution(record(2, at=END - HOUR, took_min=600))
    assert figures(closed)["Longest, min"] == (2.0, 600.0)
    assert "ongoing: 0" in text(closed)


# Error budget


def budget(*records: Any, **more: Any) -> CheckResult:
    return judge_budget(reviewed(*records, **more), Policy())


def test_an_incident_uses_the_bad_minutes_of_its_outages() -> None:
    at = START + 9 * DAY
    result = budget(record(outages=[(at, at + 30 * MINUTE)]), uptime=uptime([(at, at + 4 * MINUTE)]))
    assert result.observed is not None
    assert (result.status, result.observed.value) == (Status.PASS, 17.9)  # 4 of 22.32 minutes
    more = budget(record(outages=[(at, at + 30 * MINUTE)]), uptime=uptime([(at, at + 5 * MINUTE)]))
    assert (more.status, text(more)) == (
        Status.WARN,
        "Incidents used 5 min of the whole service's budget of 22.3 min; incident 1 used the most, 22.4 %",
    )


def test_the_minutes_of_a_modules_incident_are_said_to_be_those_of_the_whole_service() -> None:
    at = START + 9 * DAY
    down = uptime([(at, at + 3 * MINUTE)])
    result = budget(record(module="shopping", outages=[(at, at + 30 * MINUTE)]), uptime=down)
    assert text(result).startswith("Incidents used 3 min of the whole service's budget of 22.3 min;")
    table = result.evidence[0]
    assert isinstance(table, Table)
    assert table.columns[2] == msg("Minutes the whole service was down in the month")


def test_case_11_overlapping_outages_across_a_months_end_are_counted_once_and_clipped() -> None:
    at = END - 10 * MINUTE
    down = uptime([(at, END)])
    first = record(1, at=at, outages=[(at, END + 20 * MINUTE), (at + 2 * MINUTE, at + 5 * MINUTE)])
    second = record(2, at=at + 3 * MINUTE, outages=[(at + 3 * MINUTE, END + HOUR)])
    result = budget(first, second, uptime=down)
    assert figures(result)["1 incident 1"][1] == 10  # of the 30 minutes, those of the month; the overlap once
    assert figures(result)["2 incident 2"][1] == 7
    assert figures(result)["All, each minute once"][1] == 10
    before = record(3, at=START - HOUR, outages=[(START - HOUR, START + 3 * MINUTE)])
    clipped = budget(before, uptime=uptime([(START - HOUR, START + 3 * MINUTE)]))
    assert figures(clipped)["3 incident 3"][1] == 3


def test_a_minute_in_which_one_outage_ends_and_the_next_begins_counts_once() -> None:
    at = START + 9 * DAY
    halves = [(at, at + 2.3 * MINUTE), (at + 2.7 * MINUTE, at + 5 * MINUTE)]
    result = budget(record(1, outages=halves), uptime=uptime([(at, at + 5 * MINUTE)]))
    assert figures(result)["1 incident 1"][1] == figures(result)["All, each minute once"][1] == 5
    blind = uptime(unseen=[(at, at + 5 * MINUTE)])
    assert blind.unmeasured_in(*downtimes(record(1, outages=halves))) == 5


def test_what_is_not_measured_hides_no_share_that_is_too_large() -> None:
    at = START + DAY
    unsure = uptime([(at, at + 9 * MINUTE)], measured=False)
    assert budget(record(outages=[(at, at + HOUR)]), uptime=unsure).status is Status.WARN
    assert budget(record(at=at + DAY), uptime=unsure).status is Status.UNKNOWN
    assert budget(uptime=Absent(msg("No uptime objective covers the whole service"))).status is Status.SKIPPED


# Repeats


def repeats(*records: Any) -> CheckResult:
    return judge_repeats(reviewed(*records), LIMITS)


def test_the_same_module_and_cause_within_90_days_is_a_repeat() -> None:
    now = record(2, cause="Full  disk.", module="shopping")
    for other, status in (
        (record(1, at=START + 9 * DAY - 90 * DAY, cause="full disk", module="shopping"), Status.WARN),
        (record(1, at=START + 9 * DAY - 91 * DAY, cause="full disk", module="shopping"), Status.PASS),
        (record(1, at=START, cause="full disk", module="users"), Status.PASS),
        (record(1, at=START, cause="a bad deploy", module="shopping"), Status.PASS),
        (record(1, at=START, cause="full disk", module="shopping", state=State.FALSE_POSITIVE), Status.PASS),
    ):
        assert repeats(other, now).status is status
    assert text(repeats(record(1, at=START, cause="full disk", module="shopping"), now)) == (
        "1 of 2 incidents were seen before in the last 90 days"
    )


def test_what_follows_another_or_was_reopened_is_a_repeat() -> None:
    assert repeats(record(1, at=START - DAY), record(2, follows=1)).status is Status.WARN
    assert repeats(record(1, reopened=True)).status is Status.WARN


def test_without_a_cause_nobody_knows() -> None:
    assert repeats(record(1, cause="")).status is Status.UNKNOWN
    assert repeats(record(1)).status is Status.PASS


def test_without_the_cause_of_an_earlier_incident_nobody_knows() -> None:
    at, mine = START - DAY, record(3, module="shopping")
    silent = record(1, at=at, cause="", module="shopping")
    found = repeats(silent, mine)
    assert found.status is Status.UNKNOWN
    assert text(found) == "Earlier incidents in the same module have no cause on record yet: 1 incident 1"
    for other in (
        record(1, at=at, cause="", module="users"),
        record(1, at=START - 90 * DAY, cause="", module="shopping"),
        record(1, at=at, cause="", module="shopping", state=State.FALSE_POSITIVE),
    ):
        assert repeats(other, mine).status is Status.PASS
    assert repeats(silent, record(2, at=at, module="shopping", cause="cause 3"), mine).status is Status.WARN


# Action items and retrospectives


@pytest.mark.parametrize(
    ("due", "kind", "status"),
    [
        (date(2026, 11, 2), ActionKind.PERMANENT_FIX, Status.PASS),
        (date(2026, 11, 1), ActionKind.PERMANENT_FIX, Status.FAIL),
        (date(2026, 11, 1), ActionKind.PREVENTION, Status.WARN),
    ],
)
def test_an_action_item_is_overdue_after_its_day(due: date, kind: ActionKind, status: Status) -> None:
    assert judge_actions(reviewed(record(actions=[item(due, kind=kind)]))).status is status
    assert judge_actions(reviewed(record(actions=[item(due, NOW - DAY, kind)]))).status is Status.PASS
    old = record(at=START - 40 * DAY, actions=[item(due, kind=kind)])
    assert judge_actions(reviewed(old)).status is status


@pytest.mark.parametrize(
    ("resolved", "due"),
    [
        (datetime(2026, 10, 5, 3, tzinfo=UTC), date(2026, 10, 12)),  # a Monday
        (datetime(2026, 10, 9, 3, tzinfo=UTC), date(2026, 10, 16)),  # a Friday
        (datetime(2026, 10, 9, 15, tzinfo=UTC), date(2026, 10, 16)),  # a Saturday in Tokyo
        (datetime(2026, 10, 11, 15, tzinfo=UTC), date(2026, 10, 19)),  # a Monday in Tokyo, still Sunday in UTC
    ],
)
def test_a_retrospective_is_due_after_five_working_days_of_the_services_zone(resolved: datetime, due: date) -> None:
    assert review_due(resolved, 5, ZONE) == due
    assert working_days(resolved, datetime.combine(due, resolved.timetz()), ZoneInfo("UTC")) in (5, 6)


@pytest.mark.parametrize(
    ("known_at", "reviewed_at", "status"),
    [
        (datetime(2026, 10, 16, 14, tzinfo=UTC), None, Status.PASS),
        (datetime(2026, 10, 16, 15, tzinfo=UTC), None, Status.FAIL),
        (NOW, datetime(2026, 10, 16, 14, tzinfo=UTC), Status.PASS),
        (NOW, datetime(2026, 10, 16, 15, tzinfo=UTC), Status.WARN),
    ],
)
def test_a_missing_retrospective_fails_and_a_late_one_warns(
    known_at: datetime, reviewed_at: datetime | None, status: Status
) -> None:
    mine = record(at=datetime(2026, 10, 9, 3, tzinfo=UTC), reviewed_at=reviewed_at)
    assert judge_retrospectives(reviewed(mine, known_at=known_at), LIMITS).status is status


def test_an_old_incident_without_retrospective_is_named_until_it_has_one() -> None:
    old = record(at=START - 40 * DAY)
    assert judge_retrospectives(reviewed(old), LIMITS).status is Status.FAIL
    done = record(at=START - 40 * DAY, reviewed_at=START - 35 * DAY, state=State.CLOSED)
    assert text(judge_retrospectives(reviewed(done), LIMITS)) == "No retrospective was due"


def test_an_outage_without_an_incident_has_no_retrospective() -> None:
    at = START + 2 * DAY
    outage = Outage(at, at + HOUR, None, "failover", None)
    missing = judge_retrospectives(reviewed(outages=(outage,)), LIMITS)
    assert (missing.status, text(missing)) == (
        Status.FAIL,
        "Retrospectives: 1 missing, 0 late, 0 not due yet, 0 in time",
    )
    overlapping = record(at=at + 10 * MINUTE, reviewed_at=at + DAY, down=True)
    assert judge_retrospectives(reviewed(overlapping, outages=(outage,)), LIMITS).status is Status.PASS
    before = Outage(START - HOUR, START - MINUTE, None, "failover", None)
    assert judge_retrospectives(reviewed(outages=(before,)), LIMITS).status is Status.PASS


def test_an_outage_of_another_systems_incident_with_the_same_number_has_no_retrospective() -> None:
    at = START + 2 * DAY
    mine = record(1, at=at + DAY, reviewed_at=at + DAY + HOUR)
    for number, status in (({"own_incident": 1}, Status.PASS), ({"incident_id": 1}, Status.FAIL)):
        outage = Outage(at, at + HOUR, None, "failover", **number)
        assert judge_retrospectives(reviewed(mine, outages=(outage,)), LIMITS).status is status


def test_only_an_incident_in_which_the_same_was_down_has_the_retrospective_of_an_outage() -> None:
    at = START + 2 * DAY

    def status(module: str | None, *incidents: Any) -> Status:
        outage = Outage(at, at + HOUR, module, "failover", None)
        return judge_retrospectives(reviewed(*incidents, outages=(outage,)), LIMITS).status

    written = {"at": at + 10 * MINUTE, "reviewed_at": at + DAY}
    own = {"outages": [(at + 10 * MINUTE, at + 20 * MINUTE)]}
    slow, whole = record(**written), record(**written, **own)
    users, shopping = (record(2, **written, **own, module=module) for module in ("users", "shopping"))
    assert [status(None, one) for one in (slow, users, whole)] == [Status.FAIL, Status.FAIL, Status.PASS]
    assert [status("users", one) for one in (slow, shopping, users, whole)] == [
        Status.FAIL, Status.FAIL, Status.PASS, Status.PASS,
    ]  # fmt: skip


def test_of_outages_at_once_those_without_an_incident_are_named() -> None:
    at = START + 2 * DAY
    rows = [Outage(at, at + HOUR, module, "failover", None) for module in ("users", "shopping")]
    users = record(at=at, reviewed_at=at + DAY, module="users", down=True)
    table = judge_retrospectives(reviewed(users, outages=rows), LIMITS).evidence[0]
    assert isinstance(table, Table)
    assert [row[1] for row in table.rows] == ["users", "shopping"]
    rows.append(Outage(at, at + HOUR, None, "failover", None))
    table = judge_retrospectives(reviewed(users, outages=rows), LIMITS).evidence[0]
    assert isinstance(table, Table)
    assert table.rows[1][1] == msg("the whole service")
