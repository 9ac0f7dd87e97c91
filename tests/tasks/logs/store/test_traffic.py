"""Requests by route and hour with their latencies, on both databases."""

import math
import random
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import Engine

from tasks.logs.count.batch import Batch, MinuteTraffic
from tasks.logs.count.packed import quantiles_ms
from tasks.logs.count.sketch import Sketch
from tasks.logs.store.counts import open_source, store_batch
from tasks.logs.store.traffic import busy_near, read_routes

START = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
"""Midnight in India: hours are counted from the span's beginning."""
FIRST = int(START.timestamp()) // 60
END = FIRST + 3 * 60


def put(
    history: Engine, minutes: dict[tuple[str, str, int], list[float]], bounds_ms: tuple[float, ...], bad: int = 0
) -> None:
    state = open_source(history, "shop", "app", synthetic=False)
    traffic = {
        (module, route, FIRST + minute): MinuteTraffic(
            valid=len(ms) + 1,
            bad=bad,
            timed=len(ms),
            within=[sum(one <= bound for one in ms) for bound in bounds_ms],
            bins=dict(Sketch.of(ms).bins),
        )
        for (module, route, minute), ms in minutes.items()
    }
    store_batch(history, state, Batch(traffic=traffic), bounds_ms, START)


def test_hours_of_a_route(history: Engine) -> None:
    chance = random.Random(2)
    minutes = {
        ("users", "/a", minute): [chance.lognormvariate(4, 0.6) for _ in range(chance.randint(1, 30))]
        for minute in (-1, 0, 1, 58, 59, 60, 119, 179, 180)
    }
    put(history, minutes, (100.0, 200.0), bad=1)
    put(history, {("lists", "/b", 5): []}, (200.0,))
    lists, users = read_routes(history, "shop", FIRST, END, 200.0)
    assert (users.module, users.route, lists.module) == ("users", "/a", "lists")
    inside = {minute: ms for (_, _, minute), ms in minutes.items() if 0 <= minute < 180}
    for hour in range(3):
        ms = sorted(one for minute, values in inside.items() if minute // 60 == hour for one in values)
        count = sum(minute // 60 == hour for minute in inside)
        got = [int(a[hour]) for a in (users.valid, users.bad, users.timed, users.compared, users.within)]
        assert got == [len(ms) + count, count, len(ms), len(ms), sum(one <= 200 for one in ms)]
        for q in (0.5, 0.95):
            exact = ms[max(1, math.ceil(q * len(ms))) - 1]
            assert abs(float(quantiles_ms(users.bins[hour], q)) / exact - 1) <= 0.01 + 1e-9
    assert np.flatnonzero(users.busy).tolist() == sorted(inside)
    assert lists.valid.tolist() == [1, 0, 0] and not lists.bins.any()
    assert np.flatnonzero(busy_near(history, "shop", FIRST - 2, FIRST + 2)).tolist() == [1, 2, 3]


def test_minutes_at_other_bounds_are_not_compared(history: Engine) -> None:
    put(history, {("users", "/a", 1): [50.0, 300.0]}, (200.0,))
    put(history, {("users", "/a", 2): [50.0, 300.0, 400.0]}, (100.0, 500.0))
    put(history, {("users", "/a", 3): [50.0, 150.0]}, (100.0, 200.0))
    [route] = read_routes(history, "shop", FIRST, END, 200.0)
    assert (route.timed[0], route.compared[0], route.within[0]) == (7, 4, 3)
    [nowhere] = read_routes(history, "shop", FIRST, END, 999.0)
    assert (nowhere.compared[0], nowhere.within[0]) == (0, 0)


def test_nothing_outside_the_span_and_of_others(history: Engine) -> None:
    put(history, {("users", "/a", -1): [1.0], ("users", "/a", 180): [1.0]}, (200.0,))
    assert list(read_routes(history, "shop", FIRST, END, 200.0)) == []
    assert list(read_routes(history, "other", FIRST - 10, END, 200.0)) == []


def test_minutes_without_durations_take_none_from_the_others(history: Engine) -> None:
    put(history, {("users", "/a", minute): [] for minute in (1, 2, 61, 63)}, (200.0,))
    put(history, {("users", "/a", minute): [50.0] for minute in (62, 64)}, (200.0,))
    [route] = read_routes(history, "shop", FIRST, END, 200.0)
    assert route.valid.tolist() == [2, 6, 0] and route.timed.tolist() == [0, 2, 0]
    assert route.bins.sum(axis=1).tolist() == [0, 2, 0]
