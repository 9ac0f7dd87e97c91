"""Requests by minute from what the logs were counted to, probes and floors from the samples; on both databases."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Engine

from tasks.logs.count.batch import Batch, MinuteTraffic
from tasks.logs.store.counts import open_source, store_batch
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.slo.facts import Scope
from tasks.slo.store.minutes import read_floor, read_probes, read_traffic
from tasks.slo.windows import at_minute

START = datetime(2026, 11, 25, tzinfo=UTC)
FIRST = int(START.timestamp()) // 60
SPAN = (FIRST, FIRST + 10)
NOW = datetime(2026, 11, 26, tzinfo=UTC)
Row = tuple[str, str, int, int, int, tuple[int, ...]]
"""Module, route, minute from the start, requests, failed ones, and those within each bound."""


def put(history: Engine, bounds_ms: tuple[float, ...], *rows: Row) -> None:
    state = open_source(history, "shop", "app", synthetic=False)
    traffic = {
        (module, route, FIRST + minute): MinuteTraffic(valid=valid, bad=bad, timed=valid, within=list(within))
        for module, route, minute, valid, bad, within in rows
    }
    store_batch(history, state, Batch(traffic=traffic), bounds_ms, NOW)


def read(history: Engine, *scopes: Scope, quiet_min: int = 3, read_to: int = 0, bounds: tuple[float, ...] = (200.0,)):  # type: ignore[no-untyped-def]
    more: Any = {
        "quiet_min": quiet_min,
        "read_to": FIRST + read_to,
        "hours": np.arange(*SPAN) // 60,
    }
    return read_traffic(history, "shop", scopes, bounds, SPAN, **more)


def test_scopes_are_sums_of_their_routes(history: Engine) -> None:
    put(
        history,
        (200.0, 500.0),
        ("users", "/a", 1, 10, 1, (8, 10)),
        ("users", "/b", 1, 5, 0, (5, 5)),
        ("lists", "/a", 1, 2, 2, (0, 1)),
        ("lists", "/a", 4, 1, 0, (1, 1)),
    )
    found = read(history, Scope(), Scope("users"), Scope(None, "/a"), Scope("lists", "/a"), Scope("none"))
    at = {
        scope.subject: (t.valid.tolist()[1], t.bad.tolist()[1], t.within[200.0].tolist()[1])
        for scope, t in found.items()
    }
    assert at == {
        "service": (17, 3, 13),
        "module:users": (15, 1, 13),
        "route:/a": (12, 3, 8),
        "module:lists/route:/a": (2, 2, 0),
        "module:none": (0, 0, 0),
    }
    assert found[Scope()].valid.tolist() == [0, 17, 0, 0, 1, 0, 0, 0, 0, 0]


def test_a_short_silence_is_known_and_a_long_one_is_not(history: Engine) -> None:
    put(history, (200.0,), *(("users", "/a", minute, 1, 0, (1,)) for minute in (-2, 0, 3, 8)))
    measured = read(history, Scope())[Scope()].measured
    assert measured.tolist() == [True, True, True, True, False, False, False, False, True, False]
    # Every module is known while the log is: one without requests had none.
    assert read(history, Scope("lists"))[Scope("lists")].measured.tolist() == measured.tolist()
    to_end = read(history, Scope(), read_to=10)[Scope()].measured.tolist()
    assert to_end == [True, True, True, True, False, False, False, False, True, True]
    assert read(history, Scope(), quiet_min=5)[Scope()].measured.tolist()[4:8] == [True] * 4


def test_requests_before_and_after_the_span_close_its_ends(history: Engine) -> None:
    put(history, (200.0,), *(("users", "/a", minute, 1, 0, (1,)) for minute in (-1, 2, 5, 8, 11)))
    found = read(history, Scope())[Scope()]
    assert found.measured.all() and found.valid.sum() == 3


def test_minutes_that_were_counted_at_other_bounds_have_no_timed_requests_there(history: Engine) -> None:
    put(history, (200.0,), ("users", "/a", 1, 4, 0, (3,)))
    put(history, (100.0, 500.0), ("users", "/a", 2, 4, 0, (1, 4)))
    put(history, (100.0, 200.0), ("users", "/a", 3, 4, 0, (1, 2)))
    found = read(history, Scope(), bounds=(200.0, 500.0))[Scope()]
    assert found.timed[200.0].tolist()[1:4] == [4, 0, 4] and found.within[200.0].tolist()[1:4] == [3, 0, 2]
    assert found.timed[500.0].tolist()[1:4] == [0, 4, 0]


def test_a_history_without_requests_knows_nothing(history: Engine) -> None:
    found = read(history, Scope(), read_to=10)[Scope()]
    assert not found.measured.any() and not found.valid.any()


def test_probes_are_counted_over_the_instances(history: Engine) -> None:
    good, bad = (Reading("probe.ready", name, value, "") for name, value in (("a", 1.0), ("b", 0.0)))
    rows = [(at_minute(FIRST + 1), good), (at_minute(FIRST + 1), bad), (at_minute(FIRST + 2), good)]
    store_readings(history, "shop", [*rows, (at_minute(FIRST + 3), Reading("probe.live", "a", 0.0, ""))])
    found = read_probes(history, "shop", "probe.ready", SPAN)
    assert (found.asked.tolist()[:4], found.failed.tolist()[:4]) == ([0, 2, 1, 0], [0, 1, 0, 0])


def test_a_floor_is_met_at_its_value(history: Engine) -> None:
    rows = [
        (at_minute(FIRST + n), Reading("kpi.value", "kpi:orders", value, "")) for n, value in enumerate((4.9, 5.0, 5.1))
    ]
    store_readings(history, "shop", [*rows, (at_minute(FIRST), Reading("kpi.value", "kpi:other", 9.0, ""))])
    found = read_floor(history, "shop", "kpi:orders", 5.0, SPAN)
    assert found.good.tolist()[:4] == [0, 1, 1, 0]
    assert np.array_equal(found.measured[:4], [True, True, True, False])
