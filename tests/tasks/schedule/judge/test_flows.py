"""Did every scheduled flow run when it was due?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.check_result import CheckResult, Limit, Quantity, Status, Table, moment
from tasks.records.facts import Maintenance
from tasks.schedule.facts import FlowSchedule, ScheduledFlow
from tasks.schedule.judge.flows import judge_flows
from tasks.schedule.judge.monitoring import OWN
from tasks.schedule.limits import ScheduleLimits

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 27, 0, 5, tzinfo=UTC)
"""A Friday, 09:05 in Tokyo."""
LONG_AGO = NOW - 100 * DAY
ELSE = ("slo-report", "2026-W47")
PASS, WARN, FAIL, UNKNOWN, SKIPPED = Status
LATE = 12 * HOUR + 30 * MINUTE
DAILY = FlowSchedule("daily-checklist", "0 9 * * *", None, "Asia/Tokyo", "day", LATE)
WEEKLY = FlowSchedule("weekly-checklist", "0 9 * * 1", None, "Asia/Tokyo", "week", 2 * DAY + 6 * HOUR)
MONTHLY = FlowSchedule("monthly-checklist", "0 9 1 * *", None, "Asia/Tokyo", "month", 5 * DAY)
HOURLY = FlowSchedule("outbox", "40 * * * *", None, "UTC", None, 10 * MINUTE)
WATCH = FlowSchedule("monitoring", None, 15 * MINUTE, "UTC", None, 32 * MINUTE)
DAYS = {f"2026-11-{day}": datetime(2026, 11, day, 0, 2, tzinfo=UTC) for day in range(20, 27)}
"""Each was recorded at 09:02 in Tokyo."""
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
WEEKS = {f"2026-W{46 - back}": MONDAY - (back + 1) * 7 * DAY for back in range(-1, 6)}
OCTOBER = {"2026-10": datetime(2026, 11, 1, 0, 10, tzinfo=UTC)}


def one(
    schedule: FlowSchedule,
    recorded: Mapping[str, datetime | Sequence[datetime]] = {},
    *,
    since: datetime = LONG_AGO,
    ran: datetime | None = None,
    now: datetime = NOW,
    windows: tuple[Maintenance, ...] = (),
    under_way: tuple[str, str] = ELSE,
    most: int = 0,
) -> CheckResult:
    flow = ScheduledFlow(schedule, since, ran, in_order(recorded))
    [found] = judge_flows([flow], windows, under_way, ScheduleLimits(max_missed_rounds=most), now)
    assert found.subject == f"flow:{schedule.flow}"
    return found


def in_order(recorded: Mapping[str, datetime | Sequence[datetime]]) -> dict[str, Sequence[datetime]]:
    return {period: (ended,) if isinstance(ended, datetime) else ended for period, ended in recorded.items()}


def without(recorded: Mapping[str, datetime], *periods: str) -> dict[str, datetime]:
    return {period: at for period, at in recorded.items() if period not in periods}


def maintenance(starts: datetime, ends: datetime, module: str | None = None) -> Maintenance:
    return Maintenance(starts, ends, module, "upgrade", starts - DAY, "kim")


@pytest.mark.parametrize(("schedule", "recorded", "due"), [(DAILY, DAYS, 6), (WEEKLY, WEEKS, 5), (MONTHLY, OCTOBER, 1)])
def test_all_that_was_due_ran(schedule: FlowSchedule, recorded: Mapping[str, datetime], due: int) -> None:
    found = one(schedule, recorded)
    assert (found.status, found.observed, found.limit) == (PASS, Quantity(0), Limit("≤", 0, "", OWN))
    assert found.reason.params == {"due": due} and found.evidence == ()


def test_case_17_the_scheduler_stopped_and_each_round_that_did_not_run_is_named() -> None:
    found = one(DAILY, {"2026-11-20": DAYS["2026-11-20"], "2026-11-23": DAYS["2026-11-23"]})
    assert (found.status, found.observed) == (FAIL, Quantity(5))
    assert found.reason.text == "Did not run: {periods}"
    assert found.reason.params == {"periods": "2026-11-21, 2026-11-22, 2026-11-24, 2026-11-25, 2026-11-26"}
    [table] = found.evidence
    assert isinstance(table, Table) and [row[0] for row in table.rows] == found.reason.params["periods"].split(", ")  # type: ignore[union-attr]


def test_of_many_the_newest_are_named() -> None:
    assert one(DAILY).reason.params == {"periods": "…, 2026-11-22, 2026-11-23, 2026-11-24, 2026-11-25, 2026-11-26"}


def test_what_is_not_late_yet_is_not_missed() -> None:
    due = datetime(2026, 11, 26, 0, 0, tzinfo=UTC) + LATE
    recorded = without(DAYS, "2026-11-26")
    assert one(DAILY, recorded, now=due).status is PASS
    assert one(DAILY, recorded, now=due + MINUTE).status is FAIL
    assert one(WEEKLY, without(WEEKS, "2026-W47"), now=MONDAY + WEEKLY.late_after).status is PASS
    assert one(WEEKLY, without(WEEKS, "2026-W47"), now=MONDAY + WEEKLY.late_after + MINUTE).status is FAIL


def test_a_missed_round_is_a_failure_for_a_day_and_until_the_flow_runs_again() -> None:
    recorded = without(DAYS, "2026-11-25")
    due = datetime(2026, 11, 25, 0, 0, tzinfo=UTC) + LATE
    assert one(DAILY, recorded, now=due + DAY).status is FAIL
    later = one(DAILY, recorded, now=due + DAY + MINUTE)
    assert (later.status, later.reason.text) == (WARN, "Did not run, though later ones did: {periods}")
    stopped = one(DAILY, {}, now=due + 90 * DAY)
    assert stopped.status is FAIL
    assert one(WEEKLY, without(WEEKS, "2026-W47"), now=MONDAY + 6 * DAY).status is FAIL
    assert one(WEEKLY, without(WEEKS, "2026-W44")).status is WARN


def test_an_older_round_that_is_caught_up_with_is_no_later_one() -> None:
    stopped = {key: ended for key, ended in WEEKS.items() if key < "2026-W45"}
    assert one(WEEKLY, stopped).status is FAIL
    found = one(WEEKLY, stopped | {"2026-W45": NOW - HOUR})
    assert (found.status, found.reason.text) == (FAIL, "Did not run: {periods}")
    assert found.reason.params == {"periods": "2026-W46, 2026-W47"}
    assert one(WEEKLY, {**stopped, "2026-11": NOW - HOUR}).status is FAIL  # of another kind
    assert one(WEEKLY, stopped | {"2026-W48": NOW - HOUR}).status is WARN


def test_a_round_that_ran_late_needs_attention() -> None:
    planned = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    assert one(DAILY, DAYS | {"2026-11-24": planned + LATE}).status is PASS
    found = one(DAILY, DAYS | {"2026-11-24": planned + LATE + MINUTE})
    assert (found.status, found.observed, found.reason.params) == (WARN, Quantity(1), {"periods": "2026-11-24"})
    [table] = found.evidence
    assert isinstance(table, Table)
    assert table.rows == (("2026-11-24", moment(planned), moment(planned + LATE + MINUTE)),)


def test_rounds_that_may_be_missed_are_counted_in_the_reason() -> None:
    some = DAYS | {"2026-11-24": datetime(2026, 11, 24, 23, tzinfo=UTC)}  # late
    some.pop("2026-11-25")
    found = one(DAILY, some, most=2)
    assert (found.status, found.observed) == (PASS, Quantity(2))
    assert found.reason.text == "{missed} of {due} rounds did not run in time; {limit} may"
    assert found.reason.params == {"missed": 2, "due": 6, "limit": 2}
    assert one(DAILY, some, most=1).status is WARN
    assert one(DAILY, DAYS, most=2).reason.text == "{due} rounds were due, and ran in time"


def test_a_run_by_hand_before_the_planned_start_is_not_the_planned_round() -> None:
    tuesday = MONDAY - 6 * DAY  # of the week that is planned for the Monday after it
    found = one(WEEKLY, {**WEEKS, "2026-W47": tuesday}, now=MONDAY + 3 * DAY)
    assert (found.status, found.reason.params) == (FAIL, {"periods": "2026-W47"})
    ran = MONDAY + 10 * MINUTE
    assert one(WEEKLY, {**WEEKS, "2026-W47": (tuesday, ran)}, now=MONDAY + 3 * DAY).status is PASS
    late = one(WEEKLY, {**WEEKS, "2026-W47": (tuesday, MONDAY + 3 * DAY)}, now=MONDAY + 4 * DAY)
    assert (late.status, late.reason.params) == (WARN, {"periods": "2026-W47"})


def test_case_8_a_round_that_its_schedule_began_counts_though_its_clock_is_behind() -> None:
    early = {period: at - 10 * MINUTE for period, at in DAYS.items()}  # before it was planned, at 09:00
    flow = ScheduledFlow(DAILY, LONG_AGO, None, in_order(early), early)
    [found] = judge_flows([flow], (), ELSE, ScheduleLimits(), NOW)
    assert found.status is PASS
    assert one(DAILY, early).status is FAIL, "by hand it would be another run"


def test_the_round_under_way_is_not_missing() -> None:
    evening = datetime(2026, 11, 27, 14, 0, tzinfo=UTC)
    assert one(DAILY, DAYS, now=evening, under_way=("daily-checklist", "2026-11-27")).status is PASS
    assert one(DAILY, DAYS, now=evening).status is FAIL


def test_nothing_was_due_before_the_schedule_was_registered() -> None:
    found = one(WEEKLY, since=MONDAY + MINUTE)
    assert (found.status, found.reason.text) == (SKIPPED, "No round was due since {since}")
    assert one(WEEKLY, since=MONDAY).status is FAIL


def test_older_rounds_are_not_looked_at() -> None:
    assert one(DAILY, without(DAYS, "2026-11-20")).status is PASS  # at 09:00, a week and five minutes ago
    assert one(WEEKLY, without(WEEKS, "2026-W42")).status is PASS


def test_what_was_planned_within_maintenance_of_the_whole_service_is_not_asked_for() -> None:
    planned = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)
    recorded = without(DAYS, "2026-11-26")
    around = one(DAILY, recorded, windows=(maintenance(planned, planned + MINUTE),))
    assert around.status is PASS and around.reason.params == {"due": 5}
    [table] = around.evidence
    assert isinstance(table, Table) and str(table.rows[0][2]).count("planned maintenance") == 1
    for window in (
        maintenance(planned - HOUR, planned),
        maintenance(planned + MINUTE, planned + HOUR),
        maintenance(planned, planned + HOUR, "orders"),
        replace(maintenance(planned, planned + HOUR), declared_at=planned + MINUTE, late_reason="forgotten"),
    ):
        assert one(DAILY, recorded, windows=(window,)).status is FAIL
    found = one(DAILY, windows=(maintenance(LONG_AGO, NOW),))
    assert found.status is SKIPPED and len(found.evidence) == 1


@pytest.mark.parametrize(
    ("schedule", "limit_min"), [(HOURLY, 120), (WATCH, 30), (replace(HOURLY, cron="40 18 * * *"), 2880)]
)
def test_a_flow_without_reports_ran_within_two_intervals(schedule: FlowSchedule, limit_min: int) -> None:
    limit = Limit("≤", limit_min, "min", OWN)
    inside = one(schedule, ran=NOW - limit_min * MINUTE)
    assert (inside.status, inside.observed, inside.limit) == (PASS, Quantity(limit_min, "min"), limit)
    outside = one(schedule, ran=NOW - (limit_min + 1) * MINUTE)
    assert (outside.status, outside.observed, outside.limit) == (FAIL, Quantity(limit_min + 1, "min"), limit)


def test_one_that_never_ran_fails_once_it_is_due() -> None:
    assert one(HOURLY, since=NOW - 120 * MINUTE).status is SKIPPED
    found = one(HOURLY, since=NOW - 121 * MINUTE)
    assert (found.status, found.reason.text) == (FAIL, "It has not run since it was registered at {at}")
    assert one(HOURLY, since=NOW - HOUR, ran=LONG_AGO).status is SKIPPED  # registered anew
    assert one(HOURLY, since=NOW - 121 * MINUTE, ran=LONG_AGO).status is FAIL


def test_a_last_run_that_is_later_says_nothing_of_a_past_day() -> None:
    assert one(HOURLY, ran=NOW + MINUTE).status is UNKNOWN


@pytest.mark.parametrize(
    "schedule",
    [
        replace(DAILY, cron="*/5 * * * *"),
        replace(DAILY, cron=None),
        replace(DAILY, period="year"),
        replace(DAILY, timezone="Mars/Olympus"),
        replace(HOURLY, cron="40 * * * 1"),
    ],
)
def test_a_schedule_that_this_version_cannot_read_is_named_as_unknown(schedule: FlowSchedule) -> None:
    found = one(replace(schedule, flow="of-the-future"))
    assert found.status is UNKNOWN and "This version cannot tell when it is due" in found.reason.text


def test_each_flow_has_a_result_and_without_any_there_is_nothing_to_judge() -> None:
    flows = [ScheduledFlow(DAILY, LONG_AGO, None, in_order(DAYS)), ScheduledFlow(WEEKLY, LONG_AGO, None, {})]
    found = judge_flows(flows, (), ELSE, ScheduleLimits(), NOW)
    assert [(r.subject, r.status) for r in found] == [("flow:daily-checklist", PASS), ("flow:weekly-checklist", FAIL)]
    [none] = judge_flows([], (), ELSE, ScheduleLimits(), NOW)
    assert (none.subject, none.status) == ("service", SKIPPED)
    assert none.reason.text == "No schedule is registered: `rounds up` or `rounds register` registers one"
