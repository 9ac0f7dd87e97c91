"""The state of an error: new, known, regressed or spiking."""

import re
from datetime import timedelta
from enum import StrEnum
from itertools import zip_longest

from tasks.logs.count.wording import VARIES
from tasks.logs.facts import ErrorGroup, LogReview
from tasks.logs.judge.usual import most_by_chance
from tasks.logs.limits import LogLimits

_VERSION = re.compile(r"([A-Za-z_/-]*)([0-9]{1,9}(?:\.[0-9]{1,9})+|[0-9]{1,6})(?:[-+].*)?", re.DOTALL)
"""A word before, numbers with dots (or a short one without), a build behind. A commit's hash is no version."""


class ErrorState(StrEnum):
    """What an error of the period is; `gone` ones were seen before it and not in it.

    Before the log is warm nobody knows whether an error is new.
    """

    NEW = "new"
    REGRESSED = "regressed"
    SPIKING = "spiking"
    KNOWN = "known"
    UNJUDGED = "not judged yet"
    IGNORED = "ignored"
    GONE = "gone"


def is_warm(review: LogReview, limits: LogLimits) -> bool:
    """True when the log reaches far enough back to call an error new."""
    return review.warm_days >= limits.min_warm_days


def error_state(group: ErrorGroup, review: LogReview, limits: LogLimits) -> ErrorState:
    """The state of an error in the period of a review; an error that a person ignores is never more than ignored."""
    if not group.lines:
        return ErrorState.GONE
    if group.state == "ignored":
        return ErrorState.IGNORED
    if is_regressed(group, review):
        return ErrorState.REGRESSED
    if not is_warm(review, limits):
        return ErrorState.UNJUDGED
    if not any(group.daily) and (group.first_seen is None or group.first_seen >= review.since):
        return ErrorState.NEW
    # An error that was quiet for longer than the four weeks is compared with zeros: it is not a known rate any more.
    return ErrorState.SPIKING if _lines_a_day(group, review) > most_lines(group, limits) else ErrorState.KNOWN


def is_unclear(group: ErrorGroup, review: LogReview, limits: LogLimits) -> bool:
    """True when a text that varies had wordings that cannot be told from a new error.

    Where new wordings come on many days anyway, as with names in a text, so many more are normal. Texts that have
    nothing in common are never normal.
    """
    if not group.lines or group.unseen == 0:
        return False
    if group.unseen is None or group.message == VARIES:
        return True
    if sum(day > 0 for day in group.daily_unseen) < limits.min_warm_days:
        return True
    return group.unseen / _days(review) > most_by_chance(group.daily_unseen, limits.spike_quantile)


def most_lines(group: ErrorGroup, limits: LogLimits) -> int:
    """More lines of an error on a day than this are a spike; raises ValueError without a day before."""
    return most_by_chance(group.daily, limits.spike_quantile)


def is_regressed(group: ErrorGroup, review: LogReview) -> bool:
    """Seen after it was resolved, unless in a release that is known to be older than the fix."""
    return _came_back(group, review) and not is_from_before_the_fix(group, review)


def is_from_before_the_fix(group: ErrorGroup, review: LogReview) -> bool:
    """Seen after it was resolved, in an older release than the one with the fix."""
    if not _came_back(group, review) or group.last_seen is None or group.resolved_at is None:
        return False
    # When the last line with a time is before the fix, those after it have none, and their release is not known.
    return group.last_seen > group.resolved_at and is_older(group.last_release, group.resolved_release)


def is_older(release: str, than: str) -> bool:
    """True when both are versions of one kind and the first is the lower; other words have no order."""
    mine, other = _VERSION.fullmatch(release), _VERSION.fullmatch(than)
    if mine is None or other is None or mine[1].lower() != other[1].lower():
        return False
    pairs = list(zip_longest(_numbers(mine[2]), _numbers(other[2]), fillvalue=0))
    return [a for a, _ in pairs] < [b for _, b in pairs]


def _came_back(group: ErrorGroup, review: LogReview) -> bool:
    if group.state != "resolved" or group.resolved_at is None or group.resolved_at >= review.until or not group.lines:
        return False
    return group.lines_since_fix > 0 or (group.last_seen is not None and group.last_seen > group.resolved_at)


def _lines_a_day(group: ErrorGroup, review: LogReview) -> float:
    return group.lines / _days(review)


def _days(review: LogReview) -> int:
    # A day's review is taken at whole hours and may have 25 of them; `rounds errors list` looks at several days.
    return max(1, round((review.until - review.since) / timedelta(days=1)))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]
