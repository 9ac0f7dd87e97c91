"""Overrides of the rota, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine

from tasks.errors import UsageError
from tasks.oncall.facts import Override
from tasks.oncall.rules import LONGEST_OVERRIDE
from tasks.oncall.store.overrides import add_override, read_overrides, remove_override

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
TEAM = ("kim", "lee")
SHOP = "shop"
EVER = NOW - 900 * DAY


def asked(start: timedelta = HOUR, end: timedelta = DAY, **more: Any) -> Override:
    return replace(Override(0, "kim", NOW + start, NOW + end, "dentist", "lee"), **more)


def put(history: Engine, override: Override, service: str = SHOP, now: datetime = NOW) -> Override:
    return add_override(history, service, override, TEAM, now)


def test_an_override_comes_back_as_it_was_recorded(history: Engine) -> None:
    second = put(history, asked(2 * DAY, 3 * DAY, person="lee", reason="a  holiday\n"))
    first = put(history, asked())
    assert first == replace(asked(), id=first.id)
    assert second.reason == "a holiday"
    assert read_overrides(history, SHOP, NOW) == (first, second)
    assert read_overrides(history, SHOP, first.ends_at) == (second,)
    assert read_overrides(history, "bar", EVER) == ()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (asked(person="max"), "no person 'max' in [[oncall.person]]; known: kim, lee"),
        (asked(person="k\x1bm"), r"no person 'k\\u001bm' in [[oncall.person]]; known: kim, lee"),
        (
            asked(HOUR, HOUR),
            "an override must end after it starts: end 2026-11-25 13:00:00 UTC, start 2026-11-25 13:00:00 UTC",
        ),
        (asked(-DAY, timedelta(0)), "the override is wholly in the past: it ends 2026-11-25 12:00:00 UTC"),
        (asked(HOUR, HOUR + LONGEST_OVERRIDE + SECOND), "an override lasts at most 31 days: split it"),
        (asked(reason=" "), "an override needs a reason"),
        (asked(reason="x" * 1001), "reason has 1001 characters: shorten it to at most 1000"),
        (asked(by=" "), "the name of the recorder is missing: give a name"),
    ],
)
@pytest.mark.parametrize("history_url", ["sqlite"], indirect=True)  # nothing of it is the database's
def test_what_cannot_be_is_refused(history: Engine, override: Override, expected: str) -> None:
    with pytest.raises(UsageError) as error:
        put(history, override)
    assert expected in str(error.value)
    assert read_overrides(history, SHOP, EVER) == ()


@pytest.mark.parametrize("override", [asked(-HOUR, SECOND), asked(HOUR, HOUR + LONGEST_OVERRIDE)])
@pytest.mark.parametrize("history_url", ["sqlite"], indirect=True)
def test_what_just_may_be_is_not(history: Engine, override: Override) -> None:
    stored = put(history, override)
    assert read_overrides(history, SHOP, EVER) == (stored,)


def test_one_that_overlaps_another_is_refused_and_names_it(history: Engine) -> None:
    first = put(history, asked(2 * HOUR, 4 * HOUR))
    text = (
        f"it overlaps override {first.id}, kim from 2026-11-25 14:00:00 UTC to 2026-11-25 16:00:00 UTC: choose another "
        f"time, or remove that one with `rounds oncall remove {first.id}`"
    )
    for start, end in ((1, 3), (3, 5), (1, 5), (2, 4)):
        with pytest.raises(UsageError) as error:
            put(history, asked(start * HOUR, end * HOUR, person="lee"))
        assert str(error.value) == text
    before, after = put(history, asked(HOUR, 2 * HOUR)), put(history, asked(4 * HOUR, 5 * HOUR))
    assert read_overrides(history, SHOP, EVER) == (before, first, after)
    put(history, asked(), service="bar")


def test_one_that_is_over_is_in_the_way_too(history: Engine) -> None:
    put(history, asked(HOUR, 2 * HOUR))
    with pytest.raises(UsageError, match="it overlaps override"):
        put(history, asked(HOUR, 5 * HOUR), now=NOW + 3 * HOUR)


def test_those_that_are_asked_for_at_once_do_not_overlap(history: Engine) -> None:
    days = range(1, 9)
    together = Barrier(5)  # as many as the pool keeps connected: they do not wait for a connection

    def ask(hour: int) -> int:
        done = 0
        for day in days:
            together.wait(30)
            try:
                put(history, asked(day * DAY + hour * HOUR, day * DAY + (hour + 12) * HOUR))
                done += 1
            except UsageError:
                pass
        return done

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(ask, range(5))) == len(days)
    assert len(read_overrides(history, SHOP, EVER)) == len(days)


def test_one_that_has_begun_ends_now_and_another_is_gone(history: Engine) -> None:
    begun, planned = put(history, asked(HOUR, 5 * HOUR)), put(history, asked(5 * HOUR, 6 * HOUR))
    now = NOW + 2 * HOUR + timedelta(microseconds=7)
    left = replace(begun, ends_at=NOW + 2 * HOUR)
    assert remove_override(history, SHOP, begun.id, now) == left
    assert remove_override(history, SHOP, planned.id, now) is None
    assert read_overrides(history, SHOP, EVER) == (left,)
    assert put(history, asked(2 * HOUR, 6 * HOUR), now=now).starts_at == left.ends_at


def test_one_that_is_over_or_not_there_or_of_another_service_stays(history: Engine) -> None:
    one = put(history, asked(HOUR, 2 * HOUR))
    with pytest.raises(UsageError, match=f"override {one.id} is over: the past stays as it was"):
        remove_override(history, SHOP, one.id, NOW + 2 * HOUR)
    for service, number in ((SHOP, one.id + 1), ("bar", one.id)):
        with pytest.raises(UsageError, match=f"no override {number} of {service}; see `rounds oncall overrides`"):
            remove_override(history, service, number, NOW)
    assert read_overrides(history, SHOP, EVER) == (one,)
