"""Multi-window, multi-burn-rate alerts (SRE workbook, chapter 5): a long and a short window must both burn."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import numpy as np

from tasks.slo.budget.budget import burn_rate
from tasks.slo.facts import Flags, Minutes, in_all
from tasks.slo.settings import Alerts, BurnRule, Measured, is_sliced
from tasks.slo.sli.minutes import Tally, tally
from tasks.slo.windows import minute_of

SHORT_OF_LONG = 12


class BurnState(StrEnum):
    """What a rule comes to."""

    QUIET = "quiet"
    ALERT = "alert"
    TOO_LITTLE = "too little traffic"
    NOT_MEASURED = "not measured"
    UNREAD = "too much unread"


@dataclass(frozen=True, slots=True)
class BurnVerdict:
    """A rule at one instant, with what was counted in its two windows."""

    rule: BurnRule
    factor: float
    long: Tally
    short: Tally
    long_rate: float | None
    short_rate: float | None
    state: BurnState


def burn_verdicts(
    minutes: Minutes, excluded: Flags, objective: Measured, alerts: Alerts, as_of: datetime
) -> tuple[BurnVerdict, ...]:
    """Every rule at an instant. The least numbers of events apply to requests; a bad minute is many of them."""
    least = (0, 0) if is_sliced(objective) else (alerts.min_valid, alerts.min_bad)
    end = minute_of(as_of)
    minutes = _with_silent(minutes, objective)
    found = []
    for rule in alerts.burn:
        long_min = round(rule.long_h * 60)
        long = tally(minutes, (end - long_min, end), excluded)
        short = tally(minutes, (end - max(1, round(long_min / SHORT_OF_LONG)), end), excluded)
        factor = rule.factor(alerts.period_days)
        rates = burn_rate(long, objective.target), burn_rate(short, objective.target)
        known = long.coverage >= objective.min_coverage
        state = _burn_state(long, rates, factor, *least) if known else BurnState.NOT_MEASURED
        if state is BurnState.QUIET and _perhaps_burning((long, short), objective.target, factor, least[1]):
            state = BurnState.UNREAD
        found.append(BurnVerdict(rule, factor, long, short, *rates, state))
    return tuple(found)


def _with_silent(minutes: Minutes, objective: Measured) -> Minutes:
    """With the requests of silent logs among those that nobody could read: the minutes count as measured."""
    if not minutes.silent:
        return minutes
    unread = sum(minutes.silent.values(), in_all(minutes.unread, minutes.total.size))
    return replace(minutes, unread=np.minimum(1.0, unread) if is_sliced(objective) else unread)


def _perhaps_burning(windows: tuple[Tally, Tally], target: float, factor: float, min_bad: int) -> bool:
    """True when both windows would burn if all was bad that could not be read."""
    if not windows[0].unread or windows[0].bad + windows[0].unread < min_bad:
        return False
    rates = (burn_rate(replace(window, total=window.total + window.unread), target) for window in windows)
    return all(rate is not None and rate >= factor for rate in rates)


def _burn_state(
    long: Tally, rates: tuple[float | None, float | None], factor: float, min_valid: int, min_bad: int
) -> BurnState:
    long_rate, short_rate = rates
    if long_rate is None or long.total < min_valid:
        return BurnState.TOO_LITTLE
    if long_rate < factor:
        return BurnState.QUIET
    if long.bad < min_bad:
        return BurnState.TOO_LITTLE
    if short_rate is None:
        return BurnState.NOT_MEASURED
    return BurnState.ALERT if short_rate >= factor else BurnState.QUIET
