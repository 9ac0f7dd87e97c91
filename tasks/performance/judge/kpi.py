"""Judges the week's mean of each business KPI, and says how it changed."""

import math
from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from tasks.check_result import CheckResult, Limit, Message, Quantity, Status, msg
from tasks.kpi.judge import kpi_subject
from tasks.kpi.settings import Kpi
from tasks.performance.checks import KPI
from tasks.performance.judge.words import shown, sparse
from tasks.performance.limits import PerformanceLimits

_FILE = msg("the service file")
_DIGITS = 6


def judge_kpis(
    kpis: Sequence[Kpi], means: pd.DataFrame, limits: PerformanceLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Every business KPI; `means` has by subject the mean of the week and of the one before, NaN without samples, and
    how much of the week was sampled.
    """
    if not kpis:
        unset = msg("[[kpi]] is not set in the service file")
        return (KPI.judged(Status.SKIPPED, "kpi", unset, at=now),)
    return tuple(_judge(kpi, means, limits, now) for kpi in kpis)


def _judge(kpi: Kpi, means: pd.DataFrame, limits: PerformanceLimits, now: datetime) -> CheckResult:
    subject = kpi_subject(kpi.name)
    week, before = (float(means[name].get(subject, math.nan)) for name in ("now", "before"))
    if math.isnan(week):
        none = msg("Monitoring stored no sample of it in the week")
        return KPI.judged(Status.UNKNOWN, subject, none, at=now, limit=_limit(kpi, None))
    low = kpi.floor is not None and week < kpi.floor
    high = kpi.ceiling is not None and week > kpi.ceiling
    observed = Quantity(shown(week, _DIGITS) or 0.0, kpi.unit)
    status, reason = Status.FAIL if low or high else Status.PASS, _change(week, before)
    sampled = float(means["sampled_percent"].get(subject, 0.0))
    if status is Status.PASS and sampled < limits.min_sampled_percent:
        status, reason = Status.UNKNOWN, sparse(sampled)
    return KPI.judged(status, subject, reason, at=now, observed=observed, limit=_limit(kpi, week))


def _change(week: float, before: float) -> Message:
    if math.isnan(before):
        return msg("Mean of the week; no sample in the week before")
    if before == 0:
        return msg("Mean of the week; {before} in the week before", before=0)
    percent = f"{100 * (week / before - 1):+.1f}"
    return msg(
        "Mean of the week; {percent} % against {before} in the week before",
        percent=percent,
        before=shown(before, _DIGITS),
    )


def _limit(kpi: Kpi, value: float | None) -> Limit:
    above = value is not None and kpi.ceiling is not None and value > kpi.ceiling
    if kpi.floor is None or above:
        assert kpi.ceiling is not None  # settings: at least one of both
        return Limit("≤", kpi.ceiling, kpi.unit, _FILE)
    return Limit("≥", kpi.floor, kpi.unit, _FILE)
