"""Days of figures as tests make them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from tasks.samples.facts import DailySeries, DayFigures

TODAY = date(2026, 11, 1)


def days_of(
    values: Sequence[float], *, samples: int = 24, newest: date = TODAY - timedelta(days=1)
) -> tuple[DayFigures, ...]:
    """One figure a day up to the newest; p95, mean, highest and last are the same."""
    first = newest - timedelta(days=len(values) - 1)
    return tuple(
        DayFigures(first + timedelta(days=n), samples, float(v), float(v), float(v), float(v))
        for n, v in enumerate(values)
    )


def series(
    name: str,
    subject: str,
    values: Sequence[float],
    *,
    unit: str = "%",
    samples: int = 24,
    newest: date = TODAY - timedelta(days=1),
    synthetic_until: datetime | None = None,
) -> DailySeries:
    """A series of such days."""
    return DailySeries(name, subject, unit, synthetic_until, days_of(values, samples=samples, newest=newest))
