"""What the samples of the last minutes say of a condition: k of m bad, j in a row good, or none at all. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from tasks.alerts.facts import Condition, Said, Signal
from tasks.alerts.settings import Rule
from tasks.check_result import Limit, Message, Quantity, Severity, moment, msg

Points = Sequence[tuple[int, float]]
"""Minutes since 1970 (UTC) with their values, rising."""

_SOURCE = msg("the alert rule")
_GOOD: Final[Mapping[tuple[str, str], Literal["<", "≤", ">", "≥"]]] = {
    ("over", "bad"): "<",
    ("over", "good"): "≤",
    ("under", "bad"): ">",
    ("under", "good"): "≥",
}


def signal_of(
    rule: Rule,
    condition: Condition,
    title: Message,
    unit: str,
    points: Points,
    minute: int,
    *,
    no_data_min: int,
    after: int = 0,
) -> Signal | None:
    """What a rule says in a minute of one series; None where there is nothing to say.

    Samples up to the minute `after`, in which the last episode ended, and samples of the future do not count.
    """
    points = [point for point in points if after < point[0] <= minute]
    if not points:
        return None
    newest, value = points[-1]
    if minute - newest >= no_data_min:
        reason = msg("No sample since {at}", at=moment(_time(newest)))
        return _signal(condition, Said.NO_DATA, newest, title, reason, action=rule.action)
    recent = [point for point in points if point[0] > minute - rule.of_minutes]
    last = points[-rule.good_minutes :]
    recovered = rule.has_recovered(value)
    if len(last) == rule.good_minutes and all(rule.has_recovered(v) for _, v in last):
        said, level = Said.GOOD, None
    elif (level := _bad_level(rule, recent)) is not None:
        said = Said.BAD
    elif recovered:
        said = Said.RECOVERING
    else:
        said = Said.PENDING if rule.is_bad(value, rule.limits[0][1]) else Said.BETWEEN
    shown_level, limit = next(((s, at) for s, at in rule.limits if s == level), rule.limits[0])
    bad = [m for m, v in recent if rule.is_bad(v, limit)]
    last_bad = max((m for m, v in recent if rule.is_bad(v, rule.limits[0][1])), default=None)  # of any level
    if said is Said.GOOD:
        reason = msg("The last {good} samples are good", good=rule.good_minutes)
    else:
        reason = msg(
            "{bad} of the last {of} samples are beyond the limit of level {level}",
            bad=len(bad),
            of=len(recent),
            level=int(shown_level),
        )
    return Signal(
        condition=condition,
        said=said,
        at=_time(newest),
        title=title,
        reason=reason,
        level=level,
        since=_time(bad[0]) if bad else None,
        bad_at=None if last_bad is None else _time(last_bad),
        observed=Quantity(round(value, 3), unit),
        limit=Limit(_GOOD[rule.worse, rule.at_limit], limit, unit, _SOURCE),
        action=rule.action,
    )


def _bad_level(rule: Rule, recent: Points) -> Severity | None:
    """The highest level at whose limit enough samples are."""
    for severity, limit in reversed(rule.limits):
        if sum(rule.is_bad(value, limit) for _, value in recent) >= rule.bad_minutes:
            return severity
    return None


def _signal(
    condition: Condition, said: Said, minute: int, title: Message, reason: Message, action: str | None
) -> Signal:
    return Signal(condition=condition, said=said, at=_time(minute), title=title, reason=reason, action=action)


def _time(minute: int) -> datetime:
    return datetime.fromtimestamp(60 * minute, UTC)
