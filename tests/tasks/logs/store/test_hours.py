"""Requests by minute merged into hours: every figure that is read by hour stays what it was, on both databases."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from tasks.history.engine import reading
from tasks.history.kept import read_kept
from tasks.logs.count.batch import Batch, MinuteTraffic
from tasks.logs.count.sketch import Sketch
from tasks.logs.store.counts import open_source, store_batch
from tasks.logs.store.hours import merge_minutes
from tasks.logs.store.review import read_review
from tasks.logs.store.times import read_times
from tasks.logs.store.traffic import RouteHours, busy_near, read_routes
from tasks.logs.tables import traffic_hours, traffic_minutes

START = datetime(2026, 10, 1, tzinfo=UTC)
FIRST = int(START.timestamp()) // 60
HOURS = 7
END = FIRST + HOURS * 60
BOUNDS = (100.0, 200.0)
Minutes = dict[tuple[str, str, int], MinuteTraffic]


def counted(chance: random.Random, bounds: tuple[float, ...]) -> MinuteTraffic:
    ms = [chance.lognormvariate(4, 1.2) for _ in range(chance.choice((0, 1, 3, 400)))]
    return MinuteTraffic(
        valid=len(ms) + chance.randint(0, 2),
        bad=chance.randint(0, len(ms)),
        timed=len(ms),
        within=[sum(one <= bound for one in ms) for bound in bounds],
        bins=dict(Sketch.of(ms).bins),
    )


def put(history: Engine, minutes: Minutes, bounds: tuple[float, ...] = BOUNDS, service: str = "shop") -> None:
    state = open_source(history, service, "app", synthetic=False)
    store_batch(history, state, Batch(traffic=minutes), bounds, START)


def some_hours(history: Engine, seed: int) -> None:
    """Routes with gaps, minutes without durations, and bounds that were changed within an hour."""
    chance = random.Random(seed)
    places = [("users", "/a"), ("users", "/b"), ("lists", "/c")]

    def traffic(begin: int, end: int, bounds: tuple[float, ...]) -> Minutes:
        at = [(place, m) for place in places for m in range(begin, end) if chance.random() < 0.4]
        return {(*place, m): counted(chance, bounds) for place, m in at}

    put(history, traffic(FIRST - 5, FIRST + 150, BOUNDS))
    put(history, traffic(FIRST + 145, END + 5, (200.0, 300.0, 400.0)), (200.0, 300.0, 400.0))


def figures(history: Engine, first: int, bound: float) -> list[list[list[int]]]:
    """Everything that is read of each route by hours that begin with the minute `first`."""

    def of(route: RouteHours) -> list[list[int]]:
        sums = (route.valid, route.bad, route.timed, route.compared, route.within)
        return [*(s.tolist() for s in sums), *route.bins.tolist(), np.flatnonzero(route.busy).tolist()]

    return [of(route) for route in read_routes(history, "shop", first, END, bound)]


def everything(history: Engine, step_min: int) -> list[object]:
    """What readers see from each minute on which an hour may begin."""
    firsts = [FIRST + shift for shift in range(0, 60, step_min)]
    review = read_review(history, "shop", ["app"], START, START + timedelta(hours=HOURS))
    times = read_times(history, "shop", START, START + timedelta(hours=HOURS), 200.0)
    busy = [busy_near(history, "shop", first - 7, first + 7).tolist() for first in firsts]
    return [
        [figures(history, first, bound) for first in firsts for bound in (200.0, 100.0, 300.0)],
        review,
        times,
        busy,
    ]


def rows(history: Engine, service: str = "shop") -> tuple[int, int]:
    """Minutes and hours that are stored."""
    with reading(history) as connection:
        [minutes, hours] = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (traffic_minutes, traffic_hours)
        ]
    return minutes, hours


@pytest.mark.parametrize("step_min", [60, 30, 15])
def test_nothing_that_is_read_by_hour_changes(history: Engine, step_min: int) -> None:
    some_hours(history, step_min)
    before, (minutes, _) = everything(history, step_min), rows(history)
    assert sum(merge_minutes(history, "shop", END + 60, step_min)) == minutes
    left, hours = rows(history)
    assert left == 0 < hours < minutes
    assert everything(history, step_min) == before
    assert read_kept(history, "shop", "minutes") == START + timedelta(hours=HOURS + 1)


def test_lines_that_come_late_count_as_if_they_had_come_in_time(history: Engine) -> None:
    """Late requests of an hour that was merged, beside others of the same minutes, are merged by the next run."""
    chance = random.Random(5)
    early, late = ({("users", "/a", FIRST + m): counted(chance, BOUNDS) for m in range(0, 90, 2)} for _ in range(2))
    put(history, early)
    assert sum(merge_minutes(history, "shop", END, 60)) == 45
    put(history, late)
    between = figures(history, FIRST, 200.0)
    assert sum(merge_minutes(history, "shop", END, 60)) == 45
    assert figures(history, FIRST, 200.0) == between
    whole = [sum(m.valid for at, m in [*early.items(), *late.items()] if (at[2] - FIRST) // 60 == h) for h in (0, 1)]
    assert between[0][0][:2] == whole


def test_work_that_ends_after_any_step_goes_on_with_the_same_figures(history: Engine) -> None:
    some_hours(history, 1)
    before = everything(history, 60)
    for _ in range(50):
        steps = merge_minutes(history, "shop", END + 60, 60)
        if next(steps, None) is None:
            break
        steps.close()
        assert everything(history, 60) == before
    assert rows(history)[0] == 0


def test_what_is_young_or_of_another_service_stays(history: Engine) -> None:
    put(history, {("users", "/a", FIRST + m): counted(random.Random(m), BOUNDS) for m in (0, 59, 60, 61)})
    put(history, {("users", "/a", FIRST): counted(random.Random(9), BOUNDS)}, service="other")
    assert sum(merge_minutes(history, "shop", FIRST + 60, 60)) == 2
    assert rows(history) == (3, 1)
    assert read_kept(history, "other", "minutes") is None
    assert list(merge_minutes(history, "shop", FIRST + 60, 60)) == []
