"""Which alerts are one message: those with one root, declared in the service file or as the cause of a check. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tasks.alerts.facts import Episode
from tasks.causes import Cause
from tasks.check_result import CheckResult, Status, in_english

WHOLE: Final = "service"
"""The subject that stands for all instances."""
CHECKLIST: Final = "checklist"
"""The source of what a checklist found."""
_AT_ONCE = timedelta(minutes=10)
PROMETHEUS: Final = "prometheus"
"""The source of the alerts of Prometheus' own rules."""


def groups_of(
    episodes: Sequence[Episode], causes: Sequence[Cause], depends_on: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The group of each episode by its condition's key: that of its deepest root, else its own key.

    An episode that people know already keeps its group.
    """
    shown = [
        (cause, e, found) for e in episodes for found in (_result(e),) for cause in causes if cause.is_shown_by(found)
    ]
    by_key = {episode.condition.key: episode for episode in episodes}
    firsts = _Firsts.of(episodes)
    parents = {key: _parent(episode, episodes, firsts, shown, depends_on) for key, episode in by_key.items()}

    def group(key: str) -> str:
        seen = {key}
        while (parent := parents[key]) is not None and parent not in seen and not by_key[key].told_level:
            seen.add(parent)
            key = parent
        return by_key[key].group if by_key[key].told_level else key

    return {key: group(key) for key in by_key}


@dataclass(frozen=True, slots=True)
class _Firsts:
    """The episodes that others join, found once: there may be thousands."""

    silent: Mapping[str, Episode]
    """Of each episode without samples, by its condition's key, the first of those that fell silent with it."""

    whole: Mapping[str, Episode]
    """By check, that of the whole service."""

    together: Mapping[tuple[str, ...], Episode]
    """The first of those that begin together."""

    @staticmethod
    def of(episodes: Sequence[Episode]) -> "_Firsts":
        whole: dict[str, Episode] = {}
        together: dict[tuple[str, ...], Episode] = {}
        for e in episodes:
            if e.condition.subject == WHOLE:
                whole.setdefault(e.condition.check, e)
            if (mine := _together(e)) and not e.told_level and not e.suppressed:
                together[mine] = min(together.get(mine, e), e, key=lambda e: (-e.level, e.condition.key))
        return _Firsts(_silent_together(episodes), whole, together)


def _silent_together(episodes: Sequence[Episode]) -> dict[str, Episode]:
    """What fell silent within minutes has one reason; what did hours later has another."""
    of_one: list[list[Episode]] = []
    for episode in sorted(filter(_is_silence, episodes), key=lambda e: (e.since, e.condition.key)):
        if not of_one or episode.since - of_one[-1][0].since > _AT_ONCE:
            of_one.append([])
        of_one[-1].append(episode)
    firsts = ((min(them, key=lambda e: not e.told_level), them) for them in of_one)
    return {episode.condition.key: first for first, them in firsts for episode in them}


def _parent(
    episode: Episode,
    episodes: Sequence[Episode],
    firsts: _Firsts,
    shown: Sequence[tuple[Cause, Episode, CheckResult]],
    depends_on: Mapping[str, Sequence[str]],
) -> str | None:
    needed = [
        other for name, others in depends_on.items() if is_within(episode.condition.subject, name) for other in others
    ]
    together = firsts.together.get(_together(episode))
    if episode.condition.source == CHECKLIST:
        return _key_of(together, episode)
    if _is_silence(episode):  # figures that stop together have one reason
        return _key_of(firsts.silent[episode.condition.key], episode)
    if needed:
        for other in episodes:
            # What a checklist found may be over for long, and never escalates.
            fit = other is not episode and other.condition.source != CHECKLIST
            if fit and any(is_within(other.condition.subject, name) for name in needed):
                return other.condition.key
    if together is not None:
        return _key_of(together, episode)
    if (whole := _key_of(firsts.whole.get(episode.condition.check), episode)) is not None:
        return whole
    result = _result(episode)
    return next(
        (e.condition.key for cause, e, found in shown if e is not episode and cause.explains(found, result)), None
    )


def _key_of(first: Episode | None, episode: Episode) -> str | None:
    return None if first is None or first is episode else first.condition.key


def _is_silence(episode: Episode) -> bool:
    """True for an alert that is about nothing but missing samples."""
    return episode.no_data and episode.observed is None


def _together(episode: Episode) -> tuple[str, ...]:
    """What is one message when it begins at once, and another one the next time; empty for what never is.

    That is what a round of a checklist finds, and what one rule of a Prometheus says of many instances.
    """
    source, labels = episode.condition.source, episode.condition.labels
    if source == PROMETHEUS:
        return source, in_english(episode.title)
    return (source, *(value for _, value in labels)) if source == CHECKLIST else ()


def is_within(subject: str, name: str) -> bool:
    """True for a subject of this name and for what is of it, such as `module:shopping/error:…`."""
    return subject == name or subject.startswith((f"{name}/", f"{name} "))


def _result(episode: Episode) -> CheckResult:
    """The episode as a check would report it: causes are declared between results."""
    known = episode.observed is not None and episode.limit is not None
    return CheckResult(
        check=episode.condition.check,
        title=episode.title,
        subject=episode.condition.subject,
        status=Status.FAIL if known else Status.UNKNOWN,
        severity=episode.level,
        reason=episode.reason,
        observed=episode.observed,
        limit=episode.limit,
        observed_at=episode.updated_at,
    )
