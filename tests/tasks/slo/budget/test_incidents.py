"""Incidents from records and measurements."""

from datetime import datetime, timedelta

from tasks.records.facts import Outage
from tasks.slo.budget.incidents import down_spans, durations, incidents_of
from tests.tasks.slo.figures import FIRST, START, window

MONTH = 30 * 1440
OVER = window(30)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def outage(start: float, end: float | None, module: str | None = None, cause: str = "disk full") -> Outage:
    return Outage(at(start), None if end is None else at(end), module, cause)


def test_overlapping_outages_are_one_incident_with_all_their_causes() -> None:
    found = incidents_of(
        [outage(10, 20, cause="a"), outage(15, 40, "users", cause="b"), outage(60, 70)], [], OVER.as_of
    )
    assert [(i.started_at, i.ended_at, i.causes) for i in found] == [
        (at(10), at(40), ("a", "b")),
        (at(60), at(70), ("disk full",)),
    ]


def test_measured_downtime_that_nobody_recorded_is_an_incident_too() -> None:
    found = incidents_of([outage(10, 20)], [(FIRST + 12, FIRST + 25), (FIRST + 100, FIRST + 110)], OVER.as_of)
    assert [(i.started_at, i.recorded) for i in found] == [(at(10), True), (at(100), False)]
    [ongoing] = incidents_of([], [(FIRST + MONTH - 5, FIRST + MONTH)], OVER.as_of)
    assert ongoing.ended_at is None
    # Half a minute on, the probe of the newest minute may not be stored.
    later = OVER.as_of + timedelta(seconds=90)
    assert incidents_of([], [(FIRST + MONTH - 5, FIRST + MONTH)], later)[0].ended_at is None
    assert incidents_of([], [(FIRST + MONTH - 5, FIRST + MONTH - 3)], OVER.as_of)[0].ended_at is not None


def test_what_a_record_does_not_reach_of_a_long_downtime_is_not_explained() -> None:
    found = incidents_of([outage(10, 20)], [(FIRST + 12, FIRST + 100)], OVER.as_of)
    assert [(i.started_at, i.ended_at, i.recorded) for i in found] == [
        (at(10), at(20), True),
        (at(26), at(100), False),
    ]
    assert incidents_of([outage(10, None)], [(FIRST + 12, FIRST + 100)], OVER.as_of)[0].recorded
    before = incidents_of([outage(60, 70)], [(FIRST + 12, FIRST + 70)], OVER.as_of)
    assert [(i.started_at, i.recorded) for i in before] == [(at(12), False), (at(60), True)]


def test_a_minute_is_down_of_which_an_outage_took_half() -> None:
    assert down_spans([outage(10.4, 12.6)], None, OVER.as_of) == [(FIRST + 10, FIRST + 13)]
    assert down_spans([outage(10.6, 12.4)], None, OVER.as_of) == [(FIRST + 11, FIRST + 12)]
    assert down_spans([outage(0, 5, "users")], None, OVER.as_of) == []
    assert down_spans([outage(0, 5, "users"), outage(7, None)], "users", at(9)) == [
        (FIRST, FIRST + 5),
        (FIRST + 7, FIRST + 9),
    ]


def test_durations_have_a_p90_from_ten_on() -> None:
    assert durations([]) == durations(())
    nine, ten = durations(range(1, 10)), durations(range(1, 11))
    assert (nine.n, nine.median_min, nine.p90_min, nine.longest_min) == (9, 5, None, 9)
    assert (ten.n, ten.median_min, ten.p90_min, ten.longest_min) == (10, 5.5, 9.1, 10)
