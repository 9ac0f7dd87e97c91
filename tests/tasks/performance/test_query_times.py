"""Queries of a week from counters that only rise, and from those that were reset or dropped in between."""

from datetime import UTC, datetime, timedelta

from tasks.performance.facts import StatementTotal, StatementTotals
from tasks.performance.query_times import times_between

NOW = datetime(2026, 11, 24, tzinfo=UTC)
RESET = NOW - timedelta(days=90)


def totals(total_ms: float, reset: datetime = RESET, days_ago: int = 0, **named: tuple[int, float]) -> StatementTotals:
    statements = {int(name[1:]): StatementTotal(*pair) for name, pair in named.items()}
    return StatementTotals(
        NOW - timedelta(days=days_ago), reset, total_ms, statements, {number: f"q{number}" for number in statements}
    )


def figures(seen: object) -> dict[str, tuple[float, int, float]]:
    return {q.query: (q.share_percent, q.calls, q.mean_ms) for q in seen.queries}  # type: ignore[attr-defined]


def test_the_difference() -> None:
    before = totals(1000, days_ago=7, q1=(10, 500), q2=(5, 100))
    seen = times_between(before, totals(2000, q1=(20, 1000), q2=(5, 100), q3=(1, 100)))
    assert (seen.since, seen.since_reset) == (before.at, False)
    assert figures(seen) == {"q1": (50.0, 10, 50.0), "q3": (10.0, 1, 100.0)}


def test_without_a_reading_before_it_is_since_the_reset() -> None:
    seen = times_between(None, totals(400, q1=(10, 100)))
    assert (seen.since, seen.since_reset) == (RESET, True) and figures(seen) == {"q1": (25.0, 10, 10.0)}


def test_after_a_reset_nothing_is_taken_off() -> None:
    later = NOW - timedelta(days=1)
    seen = times_between(totals(1000, days_ago=7, q1=(10, 500)), totals(400, later, q1=(40, 200)))
    assert (seen.since, seen.since_reset) == (later, True) and figures(seen) == {"q1": (50.0, 40, 5.0)}


def test_a_statement_that_was_dropped_in_between_counts_from_0() -> None:
    seen = times_between(totals(1000, days_ago=7, q1=(10, 900)), totals(400, q1=(2, 100)))
    assert figures(seen) == {"q1": (100.0, 2, 50.0)}


def test_no_call_is_no_query() -> None:
    same = totals(100, days_ago=7, q1=(10, 100))
    assert times_between(same, totals(100, q1=(10, 100))).queries == ()
