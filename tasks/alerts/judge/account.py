"""What a span of minutes came to, rule by rule: how often it fired, how long, and what people were told. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tasks.alerts.facts import Condition, Episode, Phase, Told
from tasks.alerts.judge.minute import GroupNotice, MinuteStep
from tasks.alerts.settings import Rule
from tasks.check_result import Severity

_OVER = (Told.RESOLVED, Told.ACKNOWLEDGED)


def by_level() -> dict[int, int]:
    """None of any level."""
    return {int(level): 0 for level in Severity}


@dataclass(slots=True)
class RuleAccount:
    """What a rule came to; minutes are those that were judged."""

    check: str
    sample: str
    subject: str
    series: int = 0
    """How many series it watches that had a sample."""

    fired: dict[int, int] = field(default_factory=by_level)
    """How often an alert began, by its level then; without those that were suppressed."""

    messages: dict[int, int] = field(default_factory=by_level)
    """Messages by level, whatever the number of their recipients; without those that it is over."""

    escalated: int = 0
    repeated: int = 0
    """So many of the messages only because nobody acknowledges."""

    ended: int = 0
    """Messages that it is over."""

    open_min: int = 0
    longest_min: int = 0
    flapping: int = 0
    no_data: int = 0
    suppressed: int = 0
    """How often an alert began that nobody was told of then."""

    suppressed_min: int = 0
    subjects: dict[str, int] = field(default_factory=dict)
    """How often an alert of each subject began, suppressed or not."""

    @property
    def quiet(self) -> bool:
        """True for a rule that never fired."""
        return not self.subjects


@dataclass(slots=True)
class Accounts:
    """Adds up minute after minute."""

    rules: Sequence[Rule]
    of_rule: dict[int, RuleAccount] = field(default_factory=dict)
    _of_key: dict[str, int] = field(default_factory=dict)
    _open: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.of_rule = {n: RuleAccount(r.check, r.sample, r.subject) for n, r in enumerate(self.rules)}

    def of(self, condition: Condition) -> RuleAccount:
        """The account of the rule that a condition is judged by: the first that watches it."""
        key = condition.key
        if key not in self._of_key:
            labels = dict(condition.labels)
            self._of_key[key] = next(
                n
                for n, rule in enumerate(self.rules)
                if (rule.check, rule.sample, rule.worse) == (condition.check, labels["sample"], labels["worse"])
                and (rule.subject == condition.subject or fnmatchcase(condition.subject, rule.subject))
            )
        return self.of_rule[self._of_key[key]]

    def add(self, before: Mapping[str, Episode], step: MinuteStep) -> None:
        """What a minute changed; `before` has the episodes by their conditions' keys."""
        for key, episode in step.episodes.items():
            if is_firing(episode):
                self._goes_on(key, before.get(key), episode)
            else:
                self._open.pop(key, None)
        for notice in step.notices:
            self._told(step.episodes[notice.lead], notice)

    def _goes_on(self, key: str, before: Episode | None, episode: Episode) -> None:
        mine, open_before = self.of(episode.condition), before is not None and before.open
        if key not in self._open:
            mine.subjects[episode.condition.subject] = mine.subjects.get(episode.condition.subject, 0) + 1
            if episode.suppressed:
                mine.suppressed += 1
            else:
                mine.fired[int(episode.level)] += 1
        mine.flapping += episode.flapping and not (open_before and before is not None and before.flapping)
        mine.no_data += episode.no_data and not (open_before and before is not None and before.no_data)
        mine.open_min += 1
        mine.suppressed_min += bool(episode.suppressed)
        self._open[key] = self._open.get(key, 0) + 1
        mine.longest_min = max(mine.longest_min, self._open[key])

    def _told(self, lead: Episode, told: GroupNotice) -> None:
        mine, notice = self.of(lead.condition), told.notice
        if notice.told in _OVER:
            mine.ended += 1
            return
        mine.messages[int(notice.level)] += 1
        mine.escalated += notice.told is Told.ESCALATED
        mine.repeated += notice.told is Told.REPEATED


def is_firing(episode: Episode) -> bool:
    """True from its firing until its end."""
    return episode.open and episode.phase is not Phase.PENDING
