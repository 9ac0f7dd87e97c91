"""What the samples of the last minutes say, rule by rule and series by series."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from tasks.alerts.facts import Condition, Said, Signal
from tasks.alerts.judge.analyse import Points, signal_of
from tasks.alerts.judge.group import WHOLE
from tasks.alerts.rules import PROBES
from tasks.alerts.settings import Rule
from tasks.check_result import Message, verbatim
from tasks.history.engine import History
from tasks.monitoring.collect import MISSING
from tasks.samples.store.minutes import Series, newest_of_series, read_recent

SOURCE: Final = "monitoring"
WATCHED_MIN: Final = 24 * 60
"""A series that had no sample for so long is not watched any more."""
READ_MIN: Final = 61
"""So many minutes are looked at, the present one included."""
_PROBED_MIN: Final = 5
"""An instance without a probe for so long is not probed any more."""


@dataclass(slots=True)
class SampleLook:
    """Reads samples; remembers from one minute to the next which series there are."""

    known: dict[Series, int] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    def read(self, history: History, service: str, rules: Sequence[Rule], minute: int) -> dict[Series, Points]:
        """The samples of every series that rules watch and that had one within a day. Raises HistoryError."""
        names = frozenset(rule.sample for rule in rules)
        if names != self.names:
            self.known = newest_of_series(history, service, names, minute - WATCHED_MIN)
            self.names = names
        recent = read_recent(history, service, names, minute + 1 - READ_MIN, minute + 1)
        self.known |= {series: points[-1][0] for series, points in recent.items()}
        self.known = {series: newest for series, newest in self.known.items() if newest > minute - WATCHED_MIN}
        return {series: recent.get(series, [(newest, 0.0)]) for series, newest in self.known.items()}


def sample_signals(
    rules: Sequence[Rule],
    series: Mapping[Series, Points],
    minute: int,
    titles: Mapping[str, Message],
    *,
    no_data_min: int,
    open_keys: Collection[str] = (),
    ended: Mapping[str, int] | None = None,
    monitored: Collection[int] | None = None,
) -> tuple[Signal, ...]:
    """What every rule says of the series that it watches; of several rules for one thing the first counts.

    `ended` has, by condition, the minute in which its last episode ended. Where nothing is open, what is missed are
    samples of `monitored` minutes (None: each was): while nothing monitors there are none. Pure.
    """
    series = with_whole(_present(series))
    stale = {s for s, points in series.items() if minute - points[-1][0] >= no_data_min}
    alive = {name for name, _, _ in series.keys() - stale}
    found: dict[str, Signal] = {}
    for rule in rules:
        for (name, subject, unit), points in watched_by(rule, series):
            condition = condition_of(rule, subject)
            key = condition.key
            if key in found:
                continue
            signal = signal_of(
                rule,
                condition,
                titles.get(rule.check, verbatim(rule.check)),
                unit,
                points,
                minute,
                no_data_min=no_data_min,
                after=(ended or {}).get(key, 0),
            )
            if signal is not None and signal.said is Said.NO_DATA and key not in open_keys:
                # Of a name that others still have, such as a disk that was unmounted, one may be gone.
                gone = name in alive and subject != rule.subject
                paused = name != MISSING and _missed(points[-1][0], minute, monitored) < no_data_min
                signal = None if gone or paused else signal
            if signal is not None:
                found[key] = signal
    return tuple(found.values())


def _present(series: Mapping[Series, Points]) -> dict[Series, Points]:
    """Of each name and subject the series with the newest sample: a KPI whose unit was changed has two for a day."""
    newest: dict[tuple[str, str], Series] = {}
    for one in sorted(series, key=lambda one: series[one][-1][0]):
        newest[one[:2]] = one
    return {one: series[one] for one in newest.values()}


def _missed(newest: int, minute: int, monitored: Collection[int] | None) -> int:
    """How many minutes had no sample since the newest one though something monitored, this one included."""
    return minute - newest if monitored is None else 1 + sum(newest < one < minute for one in monitored)


def condition_of(rule: Rule, subject: str) -> Condition:
    """What a rule watches of a subject."""
    return Condition(SOURCE, rule.check, subject, (("sample", rule.sample), ("worse", rule.worse)))


def watched_by(rule: Rule, series: Mapping[Series, Points]) -> Iterator[tuple[Series, Points]]:
    """The series that a rule watches."""
    for (name, subject, unit), points in series.items():
        if name == rule.sample and (subject == rule.subject or fnmatchcase(subject, rule.subject)):
            yield (name, subject, unit), points


def with_whole(series: Mapping[Series, Points]) -> dict[Series, Points]:
    """With the whole service as a subject of each probe: it fails in a minute in which every instance does."""
    found = dict(series)
    for name in PROBES:
        mine = {s: points for s, points in series.items() if s[0] == name}
        if mine:
            newest = min(points[-1][0] for points in mine.values())
            # Without a minute that says anything of all it is still watched: it has no data, and does not end.
            found[name, WHOLE, ""] = _best(list(mine.values())) or [(newest - _PROBED_MIN, 0.0)]
    return found


def _best(series: Sequence[Points]) -> Points:
    """The best of each minute; where one that is still probed was not, the others' failures say nothing of all."""
    newest = max(points[-1][0] for points in series)
    probed = sum(newest - points[-1][0] < _PROBED_MIN for points in series)
    values: dict[int, list[float]] = {}
    for points in series:
        for minute, value in points:
            values.setdefault(minute, []).append(value)
    sure = ((m, max(found)) for m, found in sorted(values.items()) if max(found) > 0 or len(found) >= probed)
    return list(sure)


def minute_of(at: datetime) -> int:
    """Minutes since 1970, UTC."""
    return int(at.timestamp()) // 60
