"""Open findings at earlier times, out of their events."""

from datetime import UTC, datetime, timedelta

from tasks.security.facts.scans import Change, Event
from tasks.security.findings.trend import by_change, open_at, open_counts

START = datetime(2026, 11, 1, tzinfo=UTC)


def event(fingerprint: str, change: Change, day: int) -> Event:
    return Event(fingerprint, change, START + timedelta(days=day))


EVENTS = (
    event("a", Change.FOUND, 1),
    event("b", Change.FOUND, 1),
    event("a", Change.FIXED, 3),
    event("b", Change.MOVED, 4),
    event("a", Change.REOPENED, 6),
    event("b", Change.MERGED, 8),
)


def test_what_is_open_follows_the_events() -> None:
    found = [open_at(EVENTS, START + timedelta(days=day)) for day in (0, 1, 3, 5, 6, 9)]
    assert found == [frozenset(), {"a", "b"}, {"b"}, {"b"}, {"a", "b"}, {"a"}]


def test_before_the_first_scan_nothing_is_known() -> None:
    days = [START + timedelta(days=day) for day in (0, 1, 2)]
    assert open_counts(EVENTS, days, days[1]) == (None, 2.0, 2.0)
    assert open_counts((), days, None) == (None, None, None)


def test_each_finding_counts_once_for_a_change() -> None:
    twice = (*EVENTS, event("a", Change.REOPENED, 9))
    assert by_change(twice)[Change.REOPENED] == ["a"]
