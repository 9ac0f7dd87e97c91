"""From requests, probes and records to the minutes of an objective."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.check_result import msg
from tasks.observation import Absent, Unobserved
from tasks.slo.facts import Minutes, NoSuchLabel, Scope, ScopeTraffic
from tasks.slo.settings import KpiFloor, Latency, ScopeOf
from tasks.slo.sli.indicators import SliData, by_module, minutes_of
from tasks.slo.sli.minutes import between_probes, flags
from tests.tasks.slo.figures import FIRST, availability, minutes_up, probes, traffic, uptime

SPAN = (FIRST, FIRST + 6)
VALID, BAD, WITHIN = [10, 10, 0, 20, 20, 20], [0, 1, 0, 20, 11, 10], [10, 8, 0, 0, 20, 20]


def data(**more: Any) -> SliData:
    whole = {("logs", Scope()): traffic(VALID, BAD, WITHIN)}
    return SliData(SPAN, **({"traffic": whole, "probes": {}, "floors": {}} | more))


def of(objective: Any, seen: SliData, *down: tuple[int, int]) -> Minutes:
    found = minutes_of(objective, seen, [(FIRST + start, FIRST + end) for start, end in down])
    assert isinstance(found, Minutes)
    return found


def test_availability_and_latency_are_counted_by_request() -> None:
    assert of(availability(), data()).good.tolist() == [10, 9, 0, 0, 9, 10]
    quick = Latency(name="latency", kind="latency", within_ms=200, target=0.95)
    assert of(quick, data()).good.tolist() == WITHIN


def test_timeslices_are_good_at_their_target_and_nothing_without_requests() -> None:
    sliced = availability(budgeting="timeslices", target=0.99, slice_target=0.9)
    found = of(sliced, data())
    assert (found.good.tolist(), found.total.tolist()) == ([1, 1, 0, 0, 0, 0], [1, 1, 0, 1, 1, 1])
    assert found.measured.all()
    strict = availability(budgeting="timeslices", target=0.99)
    assert of(strict, data()).good.tolist() == [1, 0, 0, 0, 0, 0]


def test_routes_that_do_not_count_are_taken_off() -> None:
    routed = Scope(None, "/metrics")
    seen = data(
        traffic={("logs", Scope()): traffic(VALID, BAD, WITHIN), ("logs", routed): traffic([1] * 6, [0, 1, 0, 1, 1, 1])}
    )
    found = of(availability(exclude_routes=("/metrics",)), replace(seen))
    assert (found.good.tolist()[3], found.total.tolist()[3]) == (0, 19)


def test_a_minute_is_down_by_probes_by_requests_and_by_record() -> None:
    seen = data(probes={"ready": probes([2, 2, 2, 2, 2, 2], [0, 1, 2, 0, 0, 0])})
    found = of(uptime(), seen)
    # One of two probes is half, not more; 20 of 20 and 11 of 20 requests are more than half.
    assert found.good.tolist() == [1, 1, 0, 0, 0, 1]
    assert found.measured.all()
    unprobed = data(probes={"ready": probes([2, 2, 0, 0, 0, 2], [0] * 6)})
    assert of(uptime(), unprobed).measured.tolist() == [True, True, False, True, True, True]
    assert of(uptime(), seen, (5, 6), (0, 1)).good.tolist() == [0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ([1, 0, 0, 1, 1, 1], [0, 1, 1, 0, 0, 0]),
        ([1, 0, 0, 0, 1, 1], [0, 1, 1, 1, 0, 0]),
        ([1, 0, 0, 0, 0, 1], [0] * 6),  # more than were probed
        ([0, 0, 1, 1, 0, 0], [0] * 6),  # before the first probe, and after the last
        ([0] * 6, [0] * 6),
    ],
)
def test_requests_stand_in_for_some_probes_never_for_probing(asked: list[int], shown: list[int]) -> None:
    found = between_probes(np.array(asked, dtype=bool), np.ones(6, dtype=bool))
    assert found.tolist() == [bool(minute) for minute in shown]


@pytest.mark.parametrize(
    ("share", "failed", "good"), [(0.5, 1, 1), (0.49, 1, 0), (0.0, 1, 0), (0.0, 0, 1), (0.99, 2, 0)]
)
def test_just_within_and_just_over_the_failed_share(share: float, failed: int, good: int) -> None:
    seen = SliData((FIRST, FIRST + 1), {}, {"ready": probes([2], [failed])}, {})
    assert of(uptime(max_failed_probe_share=share), seen).good.tolist() == [good]


def test_few_requests_neither_prove_nor_deny_that_a_service_is_up() -> None:
    by_log = uptime(source="logs", min_requests=20)
    found = of(by_log, data())
    assert (found.measured.tolist(), found.good.tolist()) == ([False] * 3 + [True] * 3, [0, 0, 0, 0, 0, 1])


def test_absent_and_unobserved_data_stay_so() -> None:
    nothing = SliData(SPAN, {}, {}, {})
    assert isinstance(minutes_of(availability(), nothing, []), Absent)
    assert isinstance(minutes_of(uptime(), nothing, []), Absent)
    assert isinstance(minutes_of(uptime(source="logs"), nothing, []), Absent)
    gone = Unobserved(msg("gone"))
    unobserved = SliData(SPAN, {("prometheus", Scope()): gone}, {"prometheus": gone}, {"orders": gone})
    assert minutes_of(availability(source="prometheus"), unobserved, []) is gone
    assert minutes_of(uptime(source="prometheus"), unobserved, []) is gone
    assert minutes_of(KpiFloor(name="orders", kind="kpi", kpi="orders", target=0.9), unobserved, []) is gone


def test_a_histogram_without_the_bucket_takes_only_latency_away() -> None:
    why = Unobserved(msg("no bucket"))
    seen = data(traffic={("prometheus", Scope()): traffic(VALID, BAD, WITHIN)}, no_latency=why)
    quick = Latency(name="latency", kind="latency", within_ms=200, target=0.95, source="prometheus")
    assert minutes_of(quick, seen, []) is why
    assert isinstance(minutes_of(availability(source="prometheus"), seen, []), Minutes)


def test_a_time_limit_that_is_not_counted_is_reported() -> None:
    slow = Latency(name="latency", kind="latency", within_ms=300, target=0.95)
    seen = minutes_of(slow, data(), [])
    assert isinstance(seen, Unobserved) and seen.reason.params == {"limit": 300}


def test_modules_are_listed_only_for_the_whole_service() -> None:
    parts = {("logs", Scope()): traffic(VALID, BAD, WITHIN), ("logs", Scope("users")): traffic([1] * 6, [1] * 6)}
    seen = data(traffic=parts, modules=("users", "gone"))
    none = flags(FIRST, 6, ())
    assert {name: tally.bad for name, tally in by_module(availability(), seen, SPAN, none).items()} == {"users": 6}
    assert by_module(availability(scope=ScopeOf(module="users")), seen, SPAN, none) == {}
    assert by_module(uptime(), seen, SPAN, none) == {}
    excluded = np.array([True, True, True, False, False, False])
    assert by_module(availability(), seen, SPAN, excluded)["users"].bad == 3


def test_minutes_that_were_counted_at_other_bounds_are_not_measured_for_latency() -> None:
    whole = traffic(VALID, BAD, WITHIN)
    part = ScopeTraffic(
        whole.first, whole.valid, whole.bad, whole.measured, {200.0: np.array([0, 10, 0, 20, 20, 20])}, whole.within
    )
    quick = Latency(name="latency", kind="latency", within_ms=200, target=0.95)
    found = of(quick, data(traffic={("logs", Scope()): part}))
    assert found.measured.tolist() == [False, True, True, True, True, True]


def test_a_floor_is_its_minutes() -> None:
    orders = KpiFloor(name="orders", kind="kpi", kpi="orders", target=0.9)
    assert of(orders, data(floors={"orders": minutes_up(6, down=[(1, 3)])})).good.tolist() == [1, 0, 0, 1, 1, 1]


def test_a_route_cannot_be_taken_off_where_no_series_names_one() -> None:
    blind = NoSuchLabel(msg("no route"))
    seen = data(traffic={("logs", Scope()): traffic(VALID, BAD, WITHIN), ("logs", Scope(None, "/metrics")): blind})
    assert minutes_of(availability(exclude_routes=("/metrics",)), seen, []) is blind


def test_lines_that_could_not_be_read_may_hide_a_minute_down() -> None:
    torn = replace(traffic([40] * 6), unread=np.array([0.0, 39, 40, 41, 0, 0]))
    seen = data(traffic={("logs", Scope()): torn}, probes={"ready": probes([1] * 6, [0] * 6)})
    assert of(uptime(), seen).unread.tolist() == [0, 0, 0, 1, 0, 0]
    assert of(uptime(), seen).lost.sum() == 0
    sliced = of(availability(budgeting="timeslices", target=0.9), seen)
    assert sliced.unread.tolist() == [0, 1, 1, 1, 0, 0]


def test_requests_without_a_duration_may_have_been_slow() -> None:
    timed = np.array([10, 5, 0, 20, 20, 20])
    seen = data(traffic={("logs", Scope()): replace(traffic(VALID), timed={200.0: timed}, within={200.0: timed})})
    found = of(Latency(name="latency", kind="latency", within_ms=200, target=0.95), seen)
    assert found.unread.tolist() == [0, 5, 0, 0, 0, 0]


def test_a_log_that_was_quiet_has_lost_nothing() -> None:
    by_log = uptime(source="logs")
    assert not of(by_log, data(traffic={("logs", Scope()): traffic([20, 0, 0, 3, 3, 20])})).lost.any()
    gone = replace(traffic([20, 0, 0, 0, 0, 20]), measured=np.array([True, *[False] * 4, True]))
    assert of(by_log, data(traffic={("logs", Scope()): gone})).lost.sum() == 4
