"""What today's rules would have made of the stored samples, minute by minute; nothing is written."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from itertools import count
from typing import Final

from tasks.activities.store.activities import read_activities
from tasks.alerts.facts import Episode
from tasks.alerts.judge.account import Accounts, RuleAccount, is_firing
from tasks.alerts.judge.analyse import Points
from tasks.alerts.judge.minute import Rulebook, judge_minute
from tasks.alerts.judge.suppress import KeptBack, suppressed_by
from tasks.alerts.look.samples import (
    READ_MIN,
    SOURCE,
    WATCHED_MIN,
    condition_of,
    minute_of,
    sample_signals,
    watched_by,
    with_whole,
)
from tasks.alerts.rules import rules_of, titles
from tasks.alerts.settings import Alerts, Rule
from tasks.alerts.store.minute import REMEMBERED
from tasks.alerts.watch import no_longer_watched, policy_of
from tasks.causes import Cause
from tasks.check_result import Message
from tasks.errors import UsageError
from tasks.guide.known import every_cause
from tasks.history.engine import History
from tasks.monitoring.collect import MISSING
from tasks.progress import DAYS, tell
from tasks.records.store.records import read_maintenance
from tasks.samples.store.minutes import Series, newest_of_series, read_recent
from tasks.settings import Settings
from tasks.silences.store.silences import read_silences

_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the rules came to from `first` to before `end`; `gaps` had no sample at all, and nothing was judged."""

    first: datetime
    end: datetime
    rules: tuple[RuleAccount, ...]
    gaps: tuple[tuple[datetime, datetime], ...]
    episodes: tuple[Episode, ...]
    """All that fired, the oldest first."""

    @property
    def minutes(self) -> int:
        """The minutes that were judged."""
        return minute_of(self.end) - minute_of(self.first) - self.gap_minutes

    @property
    def gap_minutes(self) -> int:
        """The minutes without any sample."""
        return sum(minute_of(end) - minute_of(first) for first, end in self.gaps)

    def only(self, check: str) -> "Replayed":
        """The rules and episodes of the checks that match a pattern. Raises UsageError if no rule does."""
        rules = tuple(rule for rule in self.rules if fnmatchcase(rule.check, check))
        if not rules:
            known = ", ".join(sorted({rule.check for rule in self.rules})) or "none"
            raise UsageError(f"no rule is of a check that matches {check!r}; checks with rules: {known}")
        episodes = tuple(e for e in self.episodes if fnmatchcase(e.condition.check, check))
        return replace(self, rules=rules, episodes=episodes)


def replay(
    history: History, settings: Settings, alerts: Alerts, first: int, end: int, *, every_rule: bool = False
) -> Replayed:
    """Judge the minutes from `first` to before `end`. Raises HistoryError.

    Alerts begin with what is bad in the first minute; nobody acknowledges them. With `every_rule` all rules are asked
    in each minute, though most have nothing to say: the same comes of it.
    """
    rules, name = rules_of(settings, alerts), settings.service.name
    names = {rule.sample for rule in rules} | {MISSING}
    start, until = _time(first), _time(end)
    kept_back = KeptBack(
        read_maintenance(history, name, start, until),
        read_silences(history, name, start),
        read_activities(history, name, start),
    )
    walk = _Walk(rules, alerts, kept_back, every_rule)
    tell(DAYS, 0, -(-(end - first) // _DAY))
    for block in _blocks(history, name, names, first, end):
        walk.walk(block)
        tell(DAYS, -(-(block.end - first) // _DAY), -(-(end - first) // _DAY))
    gaps = tuple((_time(a), _time(b)) for a, b in _gaps(walk.sampled, first, end))
    fired = tuple(e for e in walk.rows.values() if e.fired_at is not None)
    return Replayed(start, until, tuple(walk.accounts.of_rule.values()), gaps, fired)


@dataclass(frozen=True, slots=True)
class _Block:
    """The samples of the minutes from `first` to before `end`, and what is needed of those before."""

    first: int
    end: int
    series: Mapping[Series, Points]
    minutes: Mapping[Series, Sequence[int]]
    sampled: Sequence[int]
    """The minutes that have any sample."""

    def at(self, minute: int, names: Collection[str]) -> dict[Series, Points]:
        """The series of these names as they are read live in a minute."""
        found: dict[Series, Points] = {}
        for series, points in self.series.items():
            if series[0] not in names:
                continue
            minutes = self.minutes[series]
            past = bisect_right(minutes, minute)
            if past and (newest := minutes[past - 1]) > minute - WATCHED_MIN:
                recent = points[bisect_left(minutes, minute + 1 - READ_MIN, 0, past) : past]
                found[series] = recent or [(newest, 0.0)]
        return found


def _blocks(history: History, service: str, names: Collection[str], first: int, end: int) -> Iterator[_Block]:
    """A day at a time."""
    newest = newest_of_series(history, service, names, first - WATCHED_MIN, first)
    before = read_recent(history, service, names, first - READ_MIN, first)
    series: dict[Series, list[tuple[int, float]]] = {s: before.get(s, [(m, 0.0)]) for s, m in newest.items()}
    for start in range(first, end, _DAY):
        stop = min(end, start + _DAY)
        found = read_recent(history, service, names, start, stop)
        sampled = sorted({minute for points in found.values() for minute, _ in points})
        series = {s: [*series.get(s, ()), *found.get(s, ())] for s in dict.fromkeys((*series, *found))}
        yield _Block(start, stop, series, {s: [m for m, _ in points] for s, points in series.items()}, sampled)
        series = {
            s: [point for point in points if point[0] >= stop - READ_MIN] or points[-1:] for s, points in series.items()
        }


@dataclass(slots=True)
class _Walk:
    """Lets minutes happen to episodes that are kept here as the history would keep them."""

    rules: Sequence[Rule]
    alerts: Alerts
    kept_back: KeptBack
    every_rule: bool
    accounts: Accounts = field(init=False)
    rows: dict[int, Episode] = field(default_factory=dict)
    recent: dict[int, Episode] = field(default_factory=dict)
    """The open ones, and those that ended a short while ago or whose end was not told."""

    sampled: list[int] = field(default_factory=list)
    """The minutes that had any sample."""

    _counted: set[str] = field(default_factory=set)
    _ids: Iterator[int] = field(default_factory=partial(count, 1))
    _titles: Mapping[str, Message] = field(default_factory=titles)
    _causes: Sequence[Cause] = field(default_factory=every_cause)

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.rules)

    def walk(self, block: _Block) -> None:
        """The minutes of a block that have a sample."""
        self._count(block)
        self.sampled += block.sampled
        every = {rule.sample for rule in self.rules}
        telling = _telling(self.rules, block, self.alerts.no_data_min)
        for minute in block.sampled:
            names = every if self.every_rule else telling.get(minute, set()) | self._open_names()
            if names:
                self._minute(block, minute, names)

    def _count(self, block: _Block) -> None:
        """The series of each rule that have a sample in a block."""
        seen = with_whole({s: points for s, points in block.series.items() if points[-1][0] >= block.first})
        for rule in self.rules:
            for (_, subject, _), _ in watched_by(rule, seen):
                condition = condition_of(rule, subject)
                if condition.key not in self._counted:
                    self._counted.add(condition.key)
                    self.accounts.of(condition).series += 1

    def _open_names(self) -> set[str]:
        """The samples whose alerts are open; those that ended change no more, once their end is told."""
        return {dict(e.condition.labels)["sample"] for e in self.recent.values() if e.open or not e.end_told}

    def _minute(self, block: _Block, minute: int, names: Collection[str]) -> None:
        now, known = _time(minute), self._known(_time(minute))
        signals = sample_signals(
            [rule for rule in self.rules if rule.sample in names],
            block.at(minute, names),
            minute,
            self._titles,
            no_data_min=self.alerts.no_data_min,
            open_keys={key for key, e in known.items() if e.open},
            ended={key: minute_of(e.resolved_at) for key, e in known.items() if e.resolved_at is not None},
            monitored=self.sampled[bisect_left(self.sampled, minute - READ_MIN) : bisect_left(self.sampled, minute)],
        )
        rulebook = Rulebook(
            partial(policy_of, self.alerts),
            lambda condition: suppressed_by(condition, now, self.kept_back),
            self._causes,
            self.alerts.depends_on,
        )
        gone = no_longer_watched(known.values(), signals, {SOURCE}, now)
        step = judge_minute(known.values(), (*signals, *gone), now, rulebook)
        self.accounts.add(known, step)
        for episode in step.forgotten:
            del self.rows[episode.id], self.recent[episode.id]
        for key, episode in step.episodes.items():
            self._keep(episode, fired=is_firing(episode) and not (key in known and is_firing(known[key])))

    def _known(self, now: datetime) -> dict[str, Episode]:
        """As the history would give them: of each condition the open one, else the one that ended last."""
        self.recent = {
            number: e
            for number, e in self.recent.items()
            if e.resolved_at is None or e.resolved_at > now - REMEMBERED or not e.end_told
        }
        found: dict[str, Episode] = {}
        for episode in self.recent.values():
            key = episode.condition.key
            if key not in found or not found[key].open:
                found[key] = episode
        return found

    def _keep(self, episode: Episode, *, fired: bool) -> None:
        kept = episode if episode.id else replace(episode, id=next(self._ids))
        self.rows[kept.id] = self.recent[kept.id] = kept
        if fired:
            for other in tuple(self.recent.values()):
                if other.condition == kept.condition and other.id != kept.id and not other.end_told:
                    self.rows[other.id] = self.recent[other.id] = replace(other, end_told=True)


def _telling(rules: Sequence[Rule], block: _Block, no_data_min: int) -> dict[int, set[str]]:
    """By minute, the samples of which a rule may say anything that begins an alert: a bad one is near, or none is."""
    found: dict[int, set[str]] = {}
    series = with_whole(block.series)

    def note(name: str, first: int, end: int) -> None:
        for minute in range(max(first, block.first), min(end, block.end)):
            found.setdefault(minute, set()).add(name)

    for rule in rules:
        lowest = rule.limits[0][1]
        for (name, _, _), points in watched_by(rule, series):
            before = points[0][0]
            for minute, value in points:
                if minute - before > no_data_min:
                    note(name, before + no_data_min, min(minute, before + WATCHED_MIN))
                before = minute
                if rule.is_bad(value, lowest):
                    note(name, minute, minute + rule.of_minutes)
            note(name, before + no_data_min, before + WATCHED_MIN)
    return found


def _gaps(sampled: Sequence[int], first: int, end: int) -> Iterator[tuple[int, int]]:
    """The spans without any sample."""
    before = first - 1
    for minute in (*sampled, end):
        if minute > before + 1:
            yield before + 1, minute
        before = minute


def _time(minute: int) -> datetime:
    return datetime.fromtimestamp(60 * minute, UTC)
