"""Minutes of events: made from requests and probes, cut, left out, added up. Pure arithmetic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tasks.slo.facts import Counts, Flags, Minutes, Probes, ScopeTraffic

Span = tuple[int, int]
"""Minutes from the first to before the second."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Events of some minutes: pooled sums, never a mean of ratios; `expected` minutes should have been measured."""

    good: int
    total: int
    measured_min: int
    expected_min: int

    @property
    def bad(self) -> int:
        """Events that were not good."""
        return self.total - self.good

    @property
    def share(self) -> float | None:
        """Good events of all; of none, nothing is known."""
        return self.good / self.total if self.total else None

    @property
    def bad_share(self) -> float | None:
        """Bad events of all."""
        return self.bad / self.total if self.total else None

    @property
    def coverage(self) -> float:
        """The measured share of the minutes that should have been."""
        return self.measured_min / self.expected_min if self.expected_min else 0.0

    def meets(self, target: float) -> bool:
        """True when the good share reaches the target exactly or better; without events it does not."""
        return self.total > 0 and self.good >= Fraction(str(target)) * self.total


def answered(traffic: ScopeTraffic) -> Minutes:
    """Every valid request, good unless the server failed."""
    return Minutes(traffic.first, traffic.valid - traffic.bad, traffic.valid, traffic.measured)


def in_time(traffic: ScopeTraffic, bound_ms: float) -> Minutes:
    """Every request with a duration, good at or under the bound; minutes without any duration are not measured."""
    timed = traffic.timed[bound_ms]
    return Minutes(
        traffic.first, traffic.within[bound_ms], timed, traffic.measured & ((timed > 0) | (traffic.valid == 0))
    )


def excluding(traffic: ScopeTraffic, routes: Sequence[ScopeTraffic]) -> ScopeTraffic:
    """The requests of a scope without those of some of its routes."""
    return ScopeTraffic(
        traffic.first,
        traffic.valid - sum((r.valid for r in routes), np.zeros_like(traffic.valid)),
        traffic.bad - sum((r.bad for r in routes), np.zeros_like(traffic.bad)),
        traffic.measured,
        {b: c - sum((r.timed[b] for r in routes), np.zeros_like(c)) for b, c in traffic.timed.items()},
        {b: c - sum((r.within[b] for r in routes), np.zeros_like(c)) for b, c in traffic.within.items()},
    )


def as_slices(minutes: Minutes, target: float) -> Minutes:
    """One event a minute that had any, good when the minute's own good share reaches the target.

    A measured minute without events is neither good nor bad, and measured all the same.
    """
    share = Fraction(str(target))
    good = minutes.good * share.denominator >= minutes.total * share.numerator
    busy = slices(minutes.first, good, minutes.measured & (minutes.total > 0))
    return Minutes(minutes.first, busy.good, busy.total, minutes.measured)


def slices(first: int, good: Flags, measured: Flags) -> Minutes:
    """One event for each measured minute."""
    return Minutes(first, (good & measured).astype(np.int64), measured.astype(np.int64), measured)


def failing(traffic: ScopeTraffic, max_share: float, min_requests: int) -> tuple[Flags, Flags]:
    """Minutes in which too many requests failed, and those with enough requests to judge."""
    share = Fraction(str(max_share))
    enough = traffic.valid >= min_requests
    return enough & (traffic.bad * share.denominator > traffic.valid * share.numerator), enough


def unanswered(probes: Probes, max_share: float) -> tuple[Flags, Flags]:
    """Minutes in which too many probes failed, and those in which any was made."""
    share = Fraction(str(max_share))
    asked = probes.asked > 0
    return asked & (probes.failed * share.denominator > probes.asked * share.numerator), asked


def down_runs(minutes: Minutes, excluded: Flags, gap: int) -> list[Span]:
    """Spans of minutes that were not good and not excluded; those close to each other are one."""
    return runs(minutes.measured & (minutes.good < minutes.total) & ~excluded, minutes.first, gap=gap)


def flags(first: int, length: int, spans: Iterable[Span]) -> Flags:
    """Which minutes lie in any of the spans; overlaps count once."""
    found = np.zeros(length, dtype=np.bool_)
    for start, end in spans:
        found[max(0, start - first) : max(0, end - first)] = True
    return found


def tally(minutes: Minutes, span: Span, excluded: Flags | None = None) -> Tally:
    """The counts of a span; excluded minutes are neither good nor bad nor expected."""
    at = slice(*(min(max(0, m - minutes.first), minutes.total.size) for m in span))
    kept = np.ones(minutes.total[at].size, dtype=np.bool_) if excluded is None else ~excluded[at]
    missing = max(0, span[1] - span[0]) - kept.size  # minutes that nobody has ever heard of
    return Tally(
        int(minutes.good[at][kept].sum()),
        int(minutes.total[at][kept].sum()),
        int((minutes.measured[at] & kept).sum()),
        int(kept.sum()) + missing,
    )


def bad_until(minutes: Minutes, span: Span, excluded: Flags) -> Counts:
    """How many events were bad from the start of the span to the end of each of its minutes."""
    at = slice(span[0] - minutes.first, span[1] - minutes.first)
    bad = np.where(excluded[at], 0, minutes.total[at] - minutes.good[at])
    return np.cumsum(bad, dtype=np.int64)


def runs(down: Flags, first: int, *, gap: int) -> list[Span]:
    """Spans of set minutes; those apart by no more than `gap` minutes are one."""
    places = np.flatnonzero(down)
    if not places.size:
        return []
    breaks = np.flatnonzero(np.diff(places) > gap + 1)
    starts, ends = [places[0], *places[breaks + 1]], [*places[breaks], places[-1]]
    return [(first + int(start), first + int(end) + 1) for start, end in zip(starts, ends, strict=True)]
