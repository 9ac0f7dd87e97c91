"""Lines that may have been requests, and medians of durations, from both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, update

from tasks.logs.count.batch import Batch, Lines, MinuteTraffic
from tasks.logs.count.sketch import Sketch
from tasks.logs.store.counts import open_source, store_batch
from tasks.logs.store.medians import read_medians
from tasks.logs.store.unread import read_damage, read_unread
from tasks.logs.tables import log_hours
from tasks.logs.unread import UnreadHour

START = datetime(2026, 11, 23, tzinfo=UTC)
FIRST = int(START.timestamp()) // 60
HOUR = FIRST // 60


def put(history: Engine, name: str, batch: Batch) -> None:
    store_batch(history, open_source(history, "shop", name, synthetic=False), batch, (200.0,), START)


def test_unread_lines_by_source_and_hour(history: Engine) -> None:
    lines = {HOUR: Lines(lines=9, malformed=3, torn=2, unanswered=1), HOUR + 1: Lines(lines=9), HOUR + 2: Lines(torn=4)}
    put(history, "app", Batch(lines=lines))
    put(history, "other", Batch(lines={HOUR: Lines(torn=7)}))
    nothing = UnreadHour("app", HOUR + 1, 0, 0)
    assert read_unread(history, "shop", ["app"], HOUR, HOUR + 2) == [UnreadHour("app", HOUR, 2, 1), nothing]
    assert [hour.torn for hour in read_unread(history, "shop", ["app", "other"], HOUR, HOUR + 3)] == [2, 0, 4, 7]
    assert read_unread(history, "nobody", ["app"], HOUR, HOUR + 3) == []
    assert read_damage(history, "shop", ["app"], HOUR, HOUR + 3) == ()
    with history.begin() as connection:  # as counted before torn lines were told apart
        connection.execute(update(log_hours).values(torn=None, unanswered=None))
    assert read_unread(history, "shop", ["app"], HOUR, HOUR + 2) == [UnreadHour("app", HOUR, 3, 0), nothing]


def test_medians_by_module(history: Engine) -> None:
    traffic = {
        (module, route, FIRST + minute): MinuteTraffic(
            valid=len(ms), timed=len(ms), within=[0], bins=dict(Sketch.of(ms).bins)
        )
        for module, route, minute, ms in [
            ("users", "/a", 0, [10.0, 20.0]),
            ("users", "/b", 1, [30.0]),
            ("users", "/b", 7, [900.0] * 9),
            ("lists", "/c", 0, [0.1]),
            ("lists", "/c", 3, []),
        ]
    }
    put(history, "app", Batch(traffic=traffic))
    found = read_medians(history, "shop", FIRST, FIRST + 7, 1)
    assert {module: timed for module, (timed, _) in found.items()} == {"users": 3, "lists": 1}
    assert (found["users"][1], found["lists"][1]) == (pytest.approx(20, rel=0.02), pytest.approx(0.1, rel=0.02))
    assert FIRST % 2 == 0 and read_medians(history, "shop", FIRST, FIRST + 8, 2)["users"][0] == 2
