"""Says how business KPIs grew; that is shown, and not judged."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from tasks.capacity.checks import GROWTH
from tasks.capacity.forecast.outlook import Outlook, look_ahead
from tasks.capacity.judge.words import growth_words, short
from tasks.capacity.limits import CapacityLimits
from tasks.check_result import CheckResult, Message, Quantity, Scalar, Status, Table, msg
from tasks.kpi.judge import kpi_subject
from tasks.kpi.settings import Kpi
from tasks.observation import Unobserved
from tasks.samples.facts import DailySeries

_WEEK, _MONTH = 7, 30
_LEVEL = 0.95


def judge_growth(
    kpis: Sequence[Kpi], series: Mapping[str, DailySeries], as_of: date, limits: CapacityLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Growth of every KPI of the service file; `series` are its daily figures by subject."""
    if not kpis:
        unset = msg("[[kpi]] is not set in the service file")
        return (GROWTH.judged(Status.SKIPPED, "kpi", unset, at=now),)
    return tuple(_judge_kpi(kpi, series.get(kpi_subject(kpi.name)), as_of, limits, now) for kpi in kpis)


def _judge_kpi(kpi: Kpi, series: DailySeries | None, as_of: date, limits: CapacityLimits, now: datetime) -> CheckResult:
    """SKIPPED with the figure beside it: like a size without a limit, growth as such is neither good nor bad."""
    subject = kpi_subject(kpi.name)
    days = [] if series is None else [(d.day, d.mean) for d in series.days if d.samples >= limits.min_day_samples]
    outlook = look_ahead(days, None, as_of, limits, accumulates=False)
    if isinstance(outlook, Unobserved):
        return GROWTH.judged(Status.UNKNOWN, subject, outlook.reason, at=now)
    line = outlook.line
    assert line is not None  # more days than a line needs
    ends = line.slope_interval(_LEVEL)
    slope, low, high = (short(_WEEK * value) for value in (line.slope, ends.low, ends.high))
    last = line.at(outlook.even.values.size - 1)
    before = last - _MONTH * line.slope
    change = round(100 * (last - before) / abs(before), 1) if before else None
    text = msg(
        "{slope} {unit} a week (95 %: {low} to {high}); shown, not judged",
        slope=slope,
        unit=kpi.unit,
        low=low,
        high=high,
    )
    table = _table(outlook, kpi.unit, change)
    observed = Quantity(slope, f"{kpi.unit}/7d")
    return GROWTH.judged(Status.SKIPPED, subject, text, at=now, observed=observed, evidence=(table,))


def _table(outlook: Outlook, unit: str, month: float | None) -> Table:
    rows: tuple[tuple[Message, Scalar | Message], ...] = (
        (msg("Newest day"), outlook.newest.isoformat()),
        (msg("Mean of that day"), short(outlook.now)),
        (msg("Days with figures"), outlook.even.measured),
        (msg("Change in 30 days, %"), month),
        (msg("Growth"), growth_words(outlook, unit)),
    )
    return Table(msg("Growth"), (msg("Figure"), msg("Value")), rows)
