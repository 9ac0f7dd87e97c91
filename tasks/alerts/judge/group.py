"""Which alerts are one message: those with one root, declared in the service file or as the cause of a check. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from tasks.alerts.facts import Episode
from tasks.causes import Cause
from tasks.check_result import CheckResult, Status

WHOLE: Final = "service"
"""The subject that stands for all instances."""
CHECKLIST: Final = "checklist"
"""The source of what a checklist found."""


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
    parents = {key: _parent(episode, episodes, shown, depends_on) for key, episode in by_key.items()}

    def group(key: str) -> str:
        seen = {key}
        while (parent := parents[key]) is not None and parent not in seen and not by_key[key].told_level:
            seen.add(parent)
            key = parent
        return by_key[key].group if by_key[key].told_level else key

    return {key: group(key) for key in by_key}


def _parent(
    episode: Episode,
    episodes: Sequence[Episode],
    shown: Sequence[tuple[Cause, Episode, CheckResult]],
    depends_on: Mapping[str, Sequence[str]],
) -> str | None:
    needed = [
        other for name, others in depends_on.items() if is_within(episode.condition.subject, name) for other in others
    ]
    if episode.condition.source == CHECKLIST:
        return _of_one_round(episode, episodes)
    if _is_silence(episode):  # figures that stop together have one reason
        silent = (e for e in episodes if _is_silence(e))
        first = min(silent, key=lambda e: (not e.told_level, e.since, e.condition.key))
        return None if first is episode else first.condition.key
    for other in episodes:
        if other is episode:
            continue
        if any(is_within(other.condition.subject, name) for name in needed):
            return other.condition.key
        if other.condition.check == episode.condition.check and other.condition.subject == WHOLE:
            return other.condition.key
    result = _result(episode)
    return next(
        (e.condition.key for cause, e, found in shown if e is not episode and cause.explains(found, result)), None
    )


def _is_silence(episode: Episode) -> bool:
    """True for an alert that is about nothing but missing samples."""
    return episode.no_data and episode.observed is None


def _of_one_round(episode: Episode, episodes: Sequence[Episode]) -> str | None:
    """What a checklist has found is one message, and what it finds the next time another one."""
    mine = (e for e in episodes if e.condition.source == CHECKLIST and e.condition.labels == episode.condition.labels)
    first = min((e for e in mine if not e.told_level), key=lambda e: (-e.level, e.condition.key), default=episode)
    return None if first is episode else first.condition.key


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
