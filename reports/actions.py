"""What somebody has to do after a round: one action for each cause, and in it every result that comes from it."""

from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime, timedelta

from reports.report import TO_DO, Action, Finding
from tasks.causes import Cause
from tasks.check_result import CheckResult, Severity, Status

DUE_WITHIN = {
    Severity.EMERGENCY: timedelta(hours=1),  # the guide: incidents resolved within an hour
    Severity.WARNING: timedelta(days=1),
    Severity.INFORMATION: timedelta(days=7),
}


def actions_for(
    results: Sequence[CheckResult], causes: Sequence[Cause], owner: str | None, finished_at: datetime
) -> tuple[Action, ...]:
    """The actions, the most urgent first: together they stand for each result that is not good, once."""
    bad = sorted((r for r in results if r.status in TO_DO), key=_urgency)
    shown = [(cause, r) for cause in causes for r in bad if cause.is_shown_by(r)]
    groups: dict[Hashable, list[CheckResult]] = {}
    severities: dict[Hashable, Severity] = {}
    for result in bad:
        names = [*_explained_by(result, shown), *_shown_by(result, shown)] or [_reason(result)]
        groups.setdefault(names[0], []).append(result)
        for name in names:  # where several causes may explain an emergency, each of them is as urgent
            severities[name] = max(severities.get(name, result.severity), result.severity)
    actions = [
        _action(sorted(of_one, key=lambda r: name not in _shown_by(r, shown)), severities[name], owner, finished_at)
        for name, of_one in groups.items()
    ]
    return tuple(sorted(actions, key=lambda action: (TO_DO.index(action.status), -action.severity)))


def _explained_by(result: CheckResult, shown: Sequence[tuple[Cause, CheckResult]]) -> Iterator[Hashable]:
    """The causes of a result, the deepest first; a cause is at least as bad as what it explains."""
    for cause, other in shown:
        if TO_DO.index(other.status) <= TO_DO.index(result.status) and cause.explains(other, result):
            yield cause.name(other)


def _shown_by(result: CheckResult, shown: Sequence[tuple[Cause, CheckResult]]) -> list[Hashable]:
    """The causes that the result itself shows."""
    return [cause.name(other) for cause, other in shown if other is result]


def _reason(result: CheckResult) -> Hashable:
    """Alike for results of one subject for one reason, and for all of a system that one reason leaves unknown."""
    reason = (result.status, result.reason.text, *sorted(result.reason.params.items()))
    if result.status is Status.UNKNOWN:
        return result.check.partition(".")[0], reason
    return result.subject, reason


def _urgency(result: CheckResult) -> tuple[int, int]:
    return TO_DO.index(result.status), -result.severity


def _action(results: Sequence[CheckResult], severity: Severity, owner: str | None, finished_at: datetime) -> Action:
    first, *others = results
    return Action(
        check=first.check,
        title=first.title,
        subject=first.subject,
        status=first.status,
        severity=severity,
        reason=first.reason,
        owner=owner,
        due=finished_at + DUE_WITHIN[severity],
        others=tuple(Finding(r.check, r.title, r.subject, r.status, r.severity, r.reason) for r in others),
    )
