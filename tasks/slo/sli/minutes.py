"""Minutes of events: made from requests and probes, cut, left out, added up. Pure arithmetic."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from tasks.slo.facts import Counts, Flags, Minutes, Probes, ScopeTraffic, Shares, in_all
from tasks.slo.sli.unmeasured import lost, missing

Span = tuple[int, int]
"""Minutes from the first to before the second."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Events of some minutes: pooled sums, never a mean of ratios; `expected` minutes should have been measured.

    `unread` events may have been bad, and nobody can say; `lost` ones were probably there while nothing was measured.
    """

    good: int
    total: int
    measured_min: int
    expected_min: int
    unread: int = 0
    lost: int = 0

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
    return Minutes(
        traffic.first,
        traffic.valid - traffic.bad,
        traffic.valid,
        traffic.measured,
        in_all(traffic.unread, traffic.valid.size),
        _lost(traffic, traffic.valid),
        traffic.values,
        traffic.silent,
    )


def in_time(traffic: ScopeTraffic, bound_ms: float) -> Minutes:
    """Every request with a duration, good at or under the bound; minutes without any duration are not measured.

    Requests without one, and lines that may have been requests, may have taken longer.
    """
    timed = traffic.timed[bound_ms]
    return Minutes(
        traffic.first,
        traffic.within[bound_ms],
        timed,
        traffic.measured & ((timed > 0) | (traffic.valid == 0)),
        traffic.valid + in_all(traffic.unread, timed.size) + traffic.late.get(bound_ms, 0) - timed,
        _lost(traffic, timed),
        traffic.values if traffic.late else (),
        traffic.silent,
    )


def _lost(traffic: ScopeTraffic, events: Counts) -> Shares:
    hours = traffic.hours if traffic.hours.size else (traffic.first + np.arange(traffic.valid.size)) // 60
    return sum(traffic.silent.values(), lost(hours, events, traffic.measured))


def excluding(traffic: ScopeTraffic, routes: Sequence[ScopeTraffic]) -> ScopeTraffic:
    """The requests of a scope without those of some of its routes."""
    return replace(
        traffic,
        valid=traffic.valid - sum((r.valid for r in routes), np.zeros_like(traffic.valid)),
        bad=traffic.bad - sum((r.bad for r in routes), np.zeros_like(traffic.bad)),
        timed={b: c - sum((r.timed[b] for r in routes), np.zeros_like(c)) for b, c in traffic.timed.items()},
        within={b: c - sum((r.within[b] for r in routes), np.zeros_like(c)) for b, c in traffic.within.items()},
    )


def as_slices(minutes: Minutes, target: float) -> Minutes:
    """One event a minute that had any, good when the minute's own good share reaches the target.

    A measured minute without events is neither good nor bad, and measured all the same.
    """
    share = Fraction(str(target))
    good = minutes.good * share.denominator >= minutes.total * share.numerator
    busy = slices(minutes.first, good, minutes.measured & (minutes.total > 0))
    size = minutes.total.size
    unread = in_all(minutes.unread, size)
    # Each unread event spoils at most one minute, and only one that has no room for another bad event.
    full = minutes.good * share.denominator < (minutes.total + np.maximum(1, unread)) * share.numerator
    spoilt = np.where(full & good, np.minimum(1.0, unread), 0.0)
    gone = np.minimum(1.0, in_all(minutes.lost, size))
    return replace(
        busy, measured=minutes.measured, unread=spoilt, lost=gone, values=minutes.values, silent=minutes.silent
    )


def slices(first: int, good: Flags, measured: Flags, unread: Shares | None = None) -> Minutes:
    """One event for each measured minute, and one lost for each that was not; `unread` ones may have been bad."""
    unsure = np.zeros(measured.size, dtype=np.float64) if unread is None else unread
    return Minutes(
        first, (good & measured).astype(np.int64), measured.astype(np.int64), measured, unsure, missing(measured)
    )


def failing(traffic: ScopeTraffic, max_share: float, min_requests: int) -> tuple[Flags, Flags]:
    """Minutes in which too many requests failed, and those with enough requests to judge."""
    enough = traffic.valid >= min_requests
    return enough & _over(traffic.bad, traffic.valid, max_share), enough


def between_probes(asked: Flags, up: Flags) -> Flags:
    """Minutes without a probe whose answered requests show as well that the service was up.

    Only between probes, and no more of them than were probed: requests stand in for some probes, never for probing.
    """
    after, before = np.logical_or.accumulate(asked), np.logical_or.accumulate(asked[::-1])[::-1]
    found: Flags = up & after & before & ~asked
    return found if found.sum() <= asked.sum() else np.zeros_like(found)


def answering(traffic: ScopeTraffic, max_share: float) -> Flags:
    """Minutes in which requests were answered, and not too many of them failed: the service was up, probed or not."""
    return (traffic.valid > 0) & ~_over(traffic.bad, traffic.valid, max_share)


def perhaps_failing(traffic: ScopeTraffic, max_share: float, min_requests: int) -> Flags:
    """Minutes in which too many requests failed if all did that could not be read."""
    unread = in_all(traffic.unread, traffic.valid.size)
    enough = traffic.valid + unread >= min_requests
    return enough & _over(traffic.bad + unread, traffic.valid + unread, max_share)


def _over(bad: Counts | Shares, total: Counts | Shares, max_share: float) -> Flags:
    share = Fraction(str(max_share))
    over: Flags = bad * share.denominator > total * share.numerator
    return over


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
    unheard = max(0, span[1] - span[0]) - kept.size  # minutes that nobody has ever heard of
    return Tally(
        int(minutes.good[at][kept].sum()),
        int(minutes.total[at][kept].sum()),
        int((minutes.measured[at] & kept).sum()),
        int(kept.sum()) + unheard,
        _whole(in_all(minutes.unread, minutes.total.size)[at][kept].sum()),
        _whole(in_all(minutes.lost, minutes.total.size)[at][kept].sum()),
    )


def _whole(events: float) -> int:
    """At least so many events; sixtieths do not always add up to a whole number."""
    return max(0, math.ceil(round(float(events), 6)))


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
