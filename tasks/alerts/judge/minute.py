"""One minute of all alerts of a service: what signals make of the episodes, and what is told of them. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import nlargest
from typing import Final

from tasks.alerts.facts import Condition, Episode, Notice, Phase, Policy, Signal, Told
from tasks.alerts.judge.group import groups_of
from tasks.alerts.judge.machine import GroupTold, Ineffective, escalate, keep_back, observe, tell, tell_end
from tasks.causes import Cause

_FIRST = (Told.FLAPPING, Told.FIRING, Told.RAISED, Told.ESCALATED, Told.EXPIRED, Told.REPEATED, Told.ACKNOWLEDGED)

_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class GroupNotice:
    """One message: what is told of an episode, and of all others that it stands for."""

    notice: Notice
    lead: str
    """Key of the condition of the episode that gives it its name."""

    members: tuple[str, ...]
    """Keys of all, the lead first."""


@dataclass(frozen=True, slots=True)
class MinuteStep:
    """The episodes by their conditions' keys after a minute, those that are to be forgotten, and the messages."""

    episodes: Mapping[str, Episode]
    forgotten: tuple[Episode, ...]
    notices: tuple[GroupNotice, ...]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What decides beside the signals: how episodes escalate, what keeps them back, and what explains them."""

    policy: Callable[[Condition], Policy]
    suppressed: Callable[[Condition], str]
    causes: Sequence[Cause] = ()
    depends_on: Mapping[str, Sequence[str]] = field(default_factory=dict)
    useless: Mapping[str, Ineffective] = field(default_factory=dict)
    """Actions that did not help, by the condition's key."""


def judge_minute(
    known: Iterable[Episode], signals: Collection[Signal], now: datetime, rulebook: Rulebook
) -> MinuteStep:
    """What signals make of the known episodes: the open ones, and of each other condition the one that ended last."""
    episodes = {episode.condition.key: episode for episode in known}
    forgotten: list[Episode] = []
    for signal in signals:
        key, condition = signal.condition.key, signal.condition
        before = episodes.get(key)
        step = observe(before, signal, now, rulebook.policy(condition), suppressed=rulebook.suppressed(condition))
        if step.episode is not None:
            episodes[key] = step.episode
        elif before is not None:
            forgotten.append(episodes.pop(key))
    spoken = {signal.condition.key for signal in signals}
    for key, episode in episodes.items():
        if episode.open and key not in spoken:  # its look saw nothing
            episodes[key] = keep_back(episode, rulebook.suppressed(episode.condition))
    for key, useless in rulebook.useless.items():
        if key in episodes:
            escalated = escalate(episodes[key], useless, now).episode
            assert escalated is not None
            episodes[key] = escalated
    return _told(episodes, tuple(e for e in forgotten if e.id), now, rulebook)


def _told(
    episodes: dict[str, Episode], forgotten: tuple[Episode, ...], now: datetime, rulebook: Rulebook
) -> MinuteStep:
    alive = [e for e in episodes.values() if e.open and e.phase is not Phase.PENDING]
    for key, group in groups_of(alive, rulebook.causes, rulebook.depends_on).items():
        episodes[key] = replace(episodes[key], group=group)
    notices: dict[str, list[tuple[Notice, str]]] = {}
    # The root first, then the gravest: others join its message.
    order = sorted((e.condition.key for e in alive), key=lambda k: (episodes[k].group != k, -episodes[k].level))
    told = _Told(episodes)
    for key in order:
        episode = episodes[key]
        step = tell(episode, now, told.of(episode.group, key))
        assert step.episode is not None
        episodes[key] = step.episode
        told.note(step.episode)
        for notice in step.notices:
            notices.setdefault(episode.group, []).append((notice, key))
    found = [_gathered(of_one, _members(episodes, group)) for group, of_one in notices.items()]
    return MinuteStep(episodes, forgotten, (*found, *_ends(episodes, now)))


class _Told:
    """The highest level that people were told of each group, and when, by each of its members.

    Of each group the highest two are known at once: a group may have thousands of members.
    """

    def __init__(self, episodes: Mapping[str, Episode]) -> None:
        self._told: dict[str, dict[str, GroupTold]] = {}
        self._highest: dict[str, list[str]] = {}
        for episode in episodes.values():
            self.note(episode)

    def note(self, episode: Episode) -> None:
        if episode.open and episode.told_level and episode.told_at is not None and not episode.suppressed:
            told = GroupTold(episode.told_level, episode.told_at, episode.acknowledged_by, episode.acknowledged_until)
            group, key = self._told.setdefault(episode.group, {}), episode.condition.key
            group[key] = told
            highest = self._highest.get(episode.group, [])
            if len(highest) < _TWO or key in highest or _rank(told) > _rank(group[highest[-1]]):
                self._highest[episode.group] = nlargest(_TWO, group, key=lambda other: _rank(group[other]))

    def of(self, group: str, key: str) -> GroupTold | None:
        """What the others were told."""
        return next((self._told[group][other] for other in self._highest.get(group, ()) if other != key), None)


def _rank(told: GroupTold) -> tuple[int, datetime]:
    return told.level, told.at


def _members(episodes: Mapping[str, Episode], group: str) -> list[str]:
    mine = (e for e in episodes.values() if e.group == group and e.open and e.told_level and not e.suppressed)
    return [e.condition.key for e in mine]


def _gathered(of_one: Sequence[tuple[Notice, str]], members: Collection[str]) -> GroupNotice:
    """Of what is told of one root in a minute, the gravest is said, and stands for all."""
    notice, lead = min(of_one, key=lambda pair: (-pair[0].level, _FIRST.index(pair[0].told)))
    return GroupNotice(notice, lead, (lead, *(key for key in members if key != lead)))


def _ends(episodes: dict[str, Episode], now: datetime) -> Iterable[GroupNotice]:
    """One message when the last of a group has ended."""
    ended: dict[str, list[str]] = {}
    for key, episode in episodes.items():
        if not episode.open and not episode.end_told:
            ended.setdefault(episode.group, []).append(key)
    going_on = {e.group for e in episodes.values() if e.open and e.told_level}
    for group, keys in ended.items():
        if group in going_on:
            continue
        steps = {key: tell_end(episodes[key], now) for key in keys}
        for key, step in steps.items():
            assert step.episode is not None
            episodes[key] = step.episode
        lead = group if group in steps else min(keys, key=lambda key: episodes[key].id)
        yield GroupNotice(steps[lead].notices[0], lead, (lead, *(key for key in keys if key != lead)))
