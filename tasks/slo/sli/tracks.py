"""From Prometheus's answers to the minutes of scopes. Pure."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

import numpy as np

from tasks.check_result import Message, moment, msg
from tasks.observation import ObservationError, Unobserved, printable
from tasks.prometheus.facts import Track
from tasks.slo.facts import Counts, Flags, NoSuchLabel, Scope, ScopeTraffic
from tasks.slo.prometheus_settings import PrometheusSli
from tasks.slo.sli.minutes import Span
from tasks.slo.sli.queries import FIGURE, bound_ms

_MOST_NAMED = 20
_MOST_VALUES = 5
_Place = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class _MinuteRow:
    """Counts of one module and route in a part of the time, and where there are any."""

    counts: Counts
    there: Flags

    @classmethod
    def empty(cls, size: int) -> Self:
        return cls(np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The rows of one answer by figure (with its bound, if it has one), then by module and route."""

    at: slice
    rows: dict[tuple[str, float], dict[_Place, _MinuteRow]] = field(default_factory=dict)

    def row(self, figure: str, place: _Place, bound: float = 0.0) -> _MinuteRow:
        """A row, empty if there was none."""
        rows = self.rows.setdefault((figure, bound), {})
        if place not in rows:
            rows[place] = _MinuteRow.empty(self.at.stop - self.at.start)
        return rows[place]


class TrafficBuilder:
    """Adds up answers, each about a part of a span, for all scopes at once."""

    def __init__(
        self, settings: PrometheusSli, scopes: Collection[Scope], bounds_ms: Collection[float], span: Span
    ) -> None:
        self._settings = settings
        self._first, self._size = span[0], max(0, span[1] - span[0])
        self._places: set[_Place] = set()
        self._unknown_values: Counter[str] = Counter()
        self._unlabelled: dict[Scope, tuple[str, ...]] = {}
        self._found = {scope: _nothing(span[0], self._size, bounds_ms) for scope in scopes}

    def add(self, answer: Sequence[Track], times_s: range) -> None:
        """Take in what was answered about the minutes before these times, of which one before the span is only checked.

        Raises ObservationError for what is no count.
        """
        start = max(self._first, times_s[0] // 60 - 1)
        part = _Part(slice(start - self._first, max(start, times_s[-1] // 60) - self._first))
        for track in answer:
            _refuse_no_counts(track)
            self._read(track, start, part)
        valid = {place for place, row in part.rows.get(("valid", 0.0), {}).items() if row.there.any()}
        self._places |= valid
        for scope, traffic in self._found.items():
            for place in valid:
                if _holds(scope, place):
                    _add(traffic, part, place)
                elif _may_hold(scope, place):
                    self._add_unlabelled(scope, traffic, part, place)

    def traffic(self) -> dict[Scope, ScopeTraffic | Unobserved]:
        """The requests of each scope; raises ObservationError if there were none at all."""
        if not self._size:
            return dict(self._found)
        if not self._places:
            raise ObservationError(no_series(self._settings.requests))
        values = tuple(printable(value, 60) for value, _ in self._unknown_values.most_common(_MOST_VALUES))
        return {
            scope: replace(traffic, values=(*self._unlabelled.get(scope, ()), *values))
            if any(_holds(scope, place) for place in self._places)
            else self._unknown(scope)
            for scope, traffic in self._found.items()
        }

    def _read(self, track: Track, start: int, part: _Part) -> None:
        labels, settings = track.labels, self._settings
        place = labels.get(settings.module_label, ""), labels.get(settings.route_label, "")
        bound = bound_ms(labels["le"], settings) if "le" in labels else None
        at = (track.times_s // 60).astype(np.int64) - 1 - start
        inside = at >= 0
        figure, status = labels.get(FIGURE, ""), labels.get(settings.status_label, "")
        if figure == "status":
            figure = self._kind(status)
        if figure == "unread" and inside.any():
            self._unknown_values[f'{settings.status_label}="{status}"'] += int(track.values[inside].sum())
        row = part.row(figure, place, bound or 0.0)
        row.counts[at[inside]] += np.round(track.values[inside]).astype(np.int64)
        row.there[at[inside]] = True

    def _add_unlabelled(self, scope: Scope, traffic: ScopeTraffic, part: _Part, place: _Place) -> None:
        """Requests that may be the scope's, for their series lack its label: those that failed or were slow."""
        unread = part.row("bad", place).counts + part.row("unread", place).counts
        traffic.unread[part.at] += unread
        timed, late = _timed(part, place), traffic.late
        slow = {bound: np.maximum(0, timed - part.row("within", place, bound).counts) for bound in traffic.within}
        for bound, counts in slow.items():
            late.setdefault(bound, np.zeros(self._size, dtype=np.int64))[part.at] += counts - unread
        if unread.any() or any(counts.any() for counts in slow.values()):
            labels = (self._settings.module_label, scope.module), (self._settings.route_label, scope.route)
            lacking = ((label, wanted) for (label, wanted), value in zip(labels, place, strict=True) if not value)
            self._unlabelled[scope] = tuple(f'{label}=""' for label, wanted in lacking if wanted is not None)

    def _kind(self, status: str) -> str:
        """The figure that requests with a status belong to. One that is not there is never good."""
        if re.fullmatch(self._settings.bad_status, status):
            return "bad"
        return "good" if status and re.fullmatch(self._settings.good_status, status) else "unread"

    def _unknown(self, scope: Scope) -> Unobserved:
        settings, places = self._settings, self._places
        label, value, index = settings.module_label, scope.module, 0
        if scope.route is not None and (scope.module is None or any(scope.module == place[0] for place in places)):
            label, value, index = settings.route_label, scope.route, 1
        names = sorted({place[index] for place in places if not index or scope.module in (None, place[0])} - {""})
        reason = msg(
            "No series of {metric} has {label} {value}; existing values: {there}",
            metric=settings.requests,
            label=label,
            value=value,
            there=_listed(names),
        )
        return Unobserved(reason) if names else NoSuchLabel(reason)


def no_series(metric: str) -> Message:
    """The message for a metric without series."""
    return msg("Prometheus has no series of {metric}: check that the metric still exists", metric=metric)


def _nothing(first: int, size: int, bounds_ms: Collection[float]) -> ScopeTraffic:
    def none() -> Counts:
        return np.zeros(size, dtype=np.int64)

    measured = np.zeros(size, dtype=np.bool_)
    return ScopeTraffic(
        first,
        none(),
        none(),
        measured,
        {b: none() for b in bounds_ms},
        {b: none() for b in bounds_ms},
        np.zeros(size, dtype=np.float64),
    )


def _holds(scope: Scope, place: _Place) -> bool:
    return scope.module in (None, place[0]) and scope.route in (None, place[1])


def _may_hold(scope: Scope, place: _Place) -> bool:
    wanted = zip((scope.module, scope.route), place, strict=True)
    return all(name is None or value in ("", name) for name, value in wanted)


def _timed(part: _Part, place: _Place) -> Counts:
    # Without a figure of their own, all requests are timed: the counter is the histogram's.
    return part.row("timed" if ("timed", 0.0) in part.rows else "valid", place).counts


def _add(traffic: ScopeTraffic, part: _Part, place: _Place) -> None:
    valid, unread = part.row("valid", place), part.row("unread", place).counts
    traffic.valid[part.at] += valid.counts - unread
    traffic.unread[part.at] += unread
    traffic.measured[part.at] |= valid.there
    traffic.bad[part.at] += part.row("bad", place).counts
    timed = _timed(part, place)
    for bound in traffic.within:
        within = part.row("within", place, bound)
        counted = np.where(within.there, timed, 0)
        traffic.timed[bound][part.at] += counted
        # A bucket may be seen to begin again where its sum has already passed its old value.
        traffic.within[bound][part.at] += np.minimum(within.counts, counted)


def _refuse_no_counts(track: Track) -> None:
    values = track.values
    for place in np.flatnonzero(~np.isfinite(values))[:1]:
        raise ObservationError(
            msg(
                "Prometheus returned {value} at {at}, not a number of requests",
                value=str(values[place]),
                at=time_at(track, place),
            )
        )
    for place in np.flatnonzero((values < 0) | (np.abs(values - np.round(values)) > 1e-6 * np.maximum(1, values)))[:1]:
        raise ObservationError(
            msg(
                "Prometheus returned {value} requests at {at}: check that each metric of [slo.prometheus] is a counter",
                value=float(values[place]),
                at=time_at(track, place),
            )
        )


def time_at(track: Track, place: np.intp) -> str:
    """The time of a value as a parameter of a text."""
    return moment(datetime.fromtimestamp(float(track.times_s[place]), UTC))


def _listed(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _MOST_NAMED else ""
    return printable(", ".join(names[:_MOST_NAMED]) or "none") + more
