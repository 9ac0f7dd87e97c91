"""Silences, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from tasks.errors import UsageError
from tasks.silences.facts import Silence
from tasks.silences.rules import LONGEST_SILENCE
from tasks.silences.store.silences import add_silence, end_silence, read_silences

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
SHOP = "shop"
EVER = NOW - 900 * DAY


def asked(start: timedelta = timedelta(0), end: timedelta = DAY, **more: Any) -> Silence:
    return replace(Silence(0, "resources.*", "*", NOW + start, NOW + end, "new disks", "lee"), **more)


def put(history: Engine, silence: Silence, service: str = SHOP) -> Silence:
    return add_silence(history, service, silence, NOW)


def test_past_current_and_planned_silences_come_back_as_they_were_recorded(history: Engine) -> None:
    planned = put(history, asked(2 * DAY, 3 * DAY, check="*", subject="host/*"))
    current = put(history, asked(check=" resources.disk "))
    assert current == replace(asked(), id=current.id, check="resources.disk")
    assert read_silences(history, SHOP, EVER) == (current, planned)
    assert read_silences(history, SHOP, current.ends_at) == (planned,)
    assert read_silences(history, "bar", EVER) == ()
    assert put(history, asked()).id not in (current.id, planned.id)  # they may overlap


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        (
            asked(HOUR, timedelta(0)),
            "a silence must end after it starts: end 2026-11-25 12:00:00 UTC, start 2026-11-25 13:00:00 UTC",
        ),
        (asked(HOUR, HOUR), "a silence must end after it starts"),
        (asked(-DAY, timedelta(0)), "the silence is wholly in the past: it ends 2026-11-25 12:00:00 UTC"),
        (asked(HOUR, HOUR + LONGEST_SILENCE + SECOND), "a silence lasts at most 31 days: choose an earlier end"),
        (asked(reason="\n"), "a silence needs a reason"),
        (asked(by=" "), "the name of the recorder is missing: give a name"),
        (asked(check="*"), "this would silence everything: name a check or a subject, or register a maintenance"),
        (asked(check="**", subject="?*"), "this would silence everything"),
        (asked(check="*.*"), "this would silence everything"),
        (asked(check="[a-z]*"), "this would silence everything"),
        (asked(check=""), "the pattern of the check must have 1 to 200 characters; * matches all"),
        (asked(subject="x" * 201), "the pattern of the subject must have 1 to 200 characters"),
        (asked(subject="a\x00b"), r"the pattern of the subject 'a\\u0000b' contains invisible characters"),
        (asked(subject="disk[ab"), "the pattern of the subject 'disk[ab' opens a [ that it does not close: close it"),
        (asked(subject="disk[]"), "opens a [ that it does not close"),
    ],
)
@pytest.mark.parametrize("history_url", ["sqlite"], indirect=True)  # nothing of it is the database's
def test_what_cannot_be_is_refused(history: Engine, silence: Silence, expected: str) -> None:
    with pytest.raises(UsageError) as error:
        put(history, silence)
    assert expected in str(error.value)
    assert read_silences(history, SHOP, EVER) == ()


@pytest.mark.parametrize(
    "silence",
    [
        asked(-HOUR, SECOND),
        asked(HOUR, HOUR + LONGEST_SILENCE),
        asked(subject="disk[ab][!c][]]"),
        asked(subject="items[[]id]"),
    ],
)
@pytest.mark.parametrize("history_url", ["sqlite"], indirect=True)
def test_what_just_may_be_is_not(history: Engine, silence: Silence) -> None:
    stored = put(history, silence)
    assert read_silences(history, SHOP, EVER) == (stored,)


def test_one_that_has_begun_ends_now_and_another_is_gone(history: Engine) -> None:
    begun, planned = put(history, asked()), put(history, asked(5 * HOUR))
    now = NOW + HOUR + timedelta(microseconds=7)
    left = replace(begun, ends_at=NOW + HOUR)
    assert end_silence(history, SHOP, begun.id, now) == left
    assert end_silence(history, SHOP, planned.id, now) is None
    assert read_silences(history, SHOP, EVER) == (left,)


def test_one_that_is_over_or_not_there_or_of_another_service_stays(history: Engine) -> None:
    one = put(history, asked())
    with pytest.raises(UsageError, match=f"silence {one.id} is over already"):
        end_silence(history, SHOP, one.id, NOW + DAY)
    for service, number in ((SHOP, one.id + 1), ("bar", one.id)):
        with pytest.raises(UsageError, match=f"no silence {number} of {service}; see `rounds silence list`"):
            end_silence(history, service, number, NOW)
    assert read_silences(history, SHOP, EVER) == (one,)
