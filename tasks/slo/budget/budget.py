"""Error budgets, burn rates and when a budget ends (SRE workbook, chapters 2 and 5). Pure arithmetic."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from scipy.special import betaincinv

from tasks.slo.sli.minutes import Tally
from tasks.slo.windows import Window

_CONFIDENCE = 0.95


def allowed(target: float) -> Fraction:
    """The share of events that may be bad, exactly: 1 − 0.9995 is 0.0005."""
    return 1 - Fraction(str(target))


def budget_minutes(target: float, length_min: float) -> float:
    """The minutes of a window that may be bad."""
    return float(allowed(target) * Fraction(length_min))


def burn_rate(tally: Tally, target: float) -> float | None:
    """How many times as fast as allowed events were bad; None without events."""
    return float(Fraction(tally.bad, tally.total) / allowed(target)) if tally.total else None


def detection_s(target: float, factor: float, long_h: float) -> float:
    """How long a total outage lasts, in seconds, before the long window's burn rate reaches a factor."""
    return float(Fraction(str(factor)) * allowed(target) * Fraction(str(long_h)) * 3600)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a window's budget has come to.

    `spent` is the share of the full window's budget, `spent_so_far` that of the part that has passed (prorated);
    `whole` is the full budget in events (minutes for timeslices). `ends_at` is when it runs out at the present burn,
    None if not within the window.
    """

    whole: float
    spent: float
    spent_so_far: float
    burn: float
    ends_at: datetime | None

    @property
    def left(self) -> float:
        """The share of the full budget that is left; under 0 it is overspent."""
        return 1 - self.spent


def budget_of(tally: Tally, target: float, window: Window, *, timeslices: bool) -> Budget | None:
    """The budget of a window after what was counted in it; None without events.

    Of timeslices the full budget is known from the start. Of events it is expected to be that of the events so far
    in proportion to the time that passed.
    """
    burn = burn_rate(tally, target)
    if burn is None or not window.elapsed_min:
        return None
    if timeslices:
        whole = budget_minutes(target, window.length_min)
        spent = tally.bad / whole
        so_far = tally.bad / budget_minutes(target, window.elapsed_min)
    else:
        whole = float(allowed(target) * tally.total) / window.elapsed_share
        spent, so_far = burn * window.elapsed_share, burn
    return Budget(whole, spent, so_far, burn, _ends_at(spent, window))


def _ends_at(spent: float, window: Window) -> datetime | None:
    if not window.running or not spent or spent >= 1:
        return None
    end = window.as_of + timedelta(minutes=(1 - spent) / spent * window.elapsed_min)
    return end if end < window.end else None


def shown_share(tally: Tally) -> float:
    """The good share that so many events show with 95 % confidence (Clopper-Pearson, one-sided).

    Without a bad event 99.9 % are shown from 2,995 events on, 99.95 % from 5,990.
    """
    return float(betaincinv(tally.good, tally.bad + 1, 1 - _CONFIDENCE)) if tally.good else 0.0
