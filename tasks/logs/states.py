"""Where an error stands: new, known, back after it was resolved, or suddenly frequent."""

import re
from enum import StrEnum

from tasks.logs.facts import ErrorGroup, LogReview
from tasks.logs.limits import LogLimits
from tasks.logs.spikes import spike_limit


class ErrorState(StrEnum):
    """What an error of the period is; `gone` ones were seen before it and not in it."""

    NEW = "new"
    REGRESSED = "regressed"
    SPIKING = "spiking"
    KNOWN = "known"
    IGNORED = "ignored"
    GONE = "gone"


def is_warm(review: LogReview, limits: LogLimits) -> bool:
    """True when the log reaches far enough back to call an error new."""
    return review.warm_days >= limits.min_warm_days


def error_state(group: ErrorGroup, review: LogReview, limits: LogLimits) -> ErrorState:
    """Where an error stands in the period of a review."""
    if group.state == "ignored":
        return ErrorState.IGNORED
    if not group.lines:
        return ErrorState.GONE
    if is_regressed(group):
        return ErrorState.REGRESSED
    if not any(group.daily):
        new = group.first_seen is None or group.first_seen >= review.since
        return ErrorState.NEW if new and is_warm(review, limits) else ErrorState.KNOWN
    if is_warm(review, limits) and group.lines > most_lines(group, review, limits):
        return ErrorState.SPIKING
    return ErrorState.KNOWN


def most_lines(group: ErrorGroup, review: LogReview, limits: LogLimits) -> int:
    """More lines of an error than this are a spike; days before the log began are not counted as quiet."""
    days = min(len(group.daily), max(1, int(review.warm_days)))
    return spike_limit(group.daily[-days:], limits.spike_quantile)


def is_regressed(group: ErrorGroup) -> bool:
    """Seen after it was resolved, in the release of the resolution or a later one where both are known."""
    if group.state != "resolved" or group.resolved_at is None or group.last_seen is None:
        return False
    return group.last_seen > group.resolved_at and not _is_older(group.last_release, group.resolved_release)


def _is_older(release: str, than: str) -> bool:
    if not release or not than:
        return False
    return _numbers(release) < _numbers(than)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]{1,18}", release))
