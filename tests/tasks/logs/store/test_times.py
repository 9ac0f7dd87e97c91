"""How long the requests of a period took, by module and route, on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from tasks.logs.count.batch import Batch, MinuteTraffic
from tasks.logs.count.sketch import Sketch
from tasks.logs.store.counts import open_source, store_batch
from tasks.logs.store.times import read_times

START = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
FIRST = int(START.timestamp()) // 60


def traffic(latencies_ms: list[float], bad: int = 0) -> MinuteTraffic:
    bins = dict(Sketch.of(latencies_ms).bins)
    within = [sum(ms <= 200 for ms in latencies_ms)]
    return MinuteTraffic(within, valid=len(latencies_ms) + 1, bad=bad, timed=len(latencies_ms), bins=bins)


def test_modules_and_routes_have_their_own_median_and_p95(history: Engine) -> None:
    minutes = {
        ("users", "/a", FIRST): traffic([10.0] * 18 + [300.0] * 2, bad=1),
        ("users", "/b", FIRST + 61): traffic([50.0] * 20),
        ("lists", "", FIRST + 5): traffic([]),
        ("users", "/a", FIRST - 1): traffic([900.0]),
        ("users", "/a", FIRST + 180): traffic([900.0]),
    }
    store_batch(history, open_source(history, "shop", "app", synthetic=False), Batch(traffic=minutes), (200.0,), START)
    found = {(t.module, t.route): t for t in read_times(history, "shop", START, START + timedelta(hours=3), 200.0)}
    assert found.keys() == {("lists", ""), ("users", ""), ("users", "/a"), ("users", "/b")}
    users, a, lists = found["users", ""], found["users", "/a"], found["lists", ""]
    assert (users.valid, users.bad, users.timed, users.slow) == (42, 1, 40, 2)
    assert users.median_ms is not None and abs(users.median_ms / 50 - 1) < 0.02
    assert a.p95_ms is not None and abs(a.p95_ms / 300 - 1) < 0.02
    assert (lists.valid, lists.timed, lists.median_ms, lists.p95_ms) == (1, 0, None, None)


def test_slow_requests_at_a_limit_that_is_no_bound_come_from_the_sketch(history: Engine) -> None:
    minutes = {("users", "/a", FIRST): traffic([10.0] * 18 + [300.0] * 2)}
    store_batch(history, open_source(history, "shop", "app", synthetic=False), Batch(traffic=minutes), (200.0,), START)
    module, route = read_times(history, "shop", START, START + timedelta(hours=1), 150.0)
    assert (module.slow, route.slow) == (2, 2)
