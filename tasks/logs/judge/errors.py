"""Judges the errors of a period."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tasks.check_result import (
    Check,
    CheckResult,
    Evidence,
    Excerpt,
    Limit,
    Message,
    Quantity,
    Scalar,
    Status,
    Table,
    moment,
    msg,
    verbatim,
)
from tasks.logs.checks import NEW_ERROR, REGRESSED_ERROR, SPIKING_ERROR
from tasks.logs.facts import ErrorGroup, LogReview
from tasks.logs.judge.modules import FOUR_WEEKS
from tasks.logs.judge.sources import NO_LINE, NOT_SET
from tasks.logs.judge.states import ErrorState, error_state, is_from_before_the_fix, is_unclear, is_warm, most_lines
from tasks.logs.limits import LogLimits

MOST_SHOWN = 20
SHORT = 8
"""So many characters of a fingerprint are shown, and are enough to name it."""

GroupsWithState = Sequence[tuple[ErrorGroup, ErrorState]]
_GUIDE = msg("the guide's daily error log review")
_STATES = {
    ErrorState.NEW: msg("new"),
    ErrorState.REGRESSED: msg("regressed"),
    ErrorState.SPIKING: msg("spiking"),
    ErrorState.KNOWN: msg("known"),
    ErrorState.UNJUDGED: msg("not judged yet"),
    ErrorState.IGNORED: msg("ignored"),
}


def judge_errors(review: LogReview | None, limits: LogLimits, now: datetime) -> tuple[CheckResult, ...]:
    """New, regressed and spiking errors one by one, the twenty most frequent as a table; None without a log."""
    checks = (NEW_ERROR, REGRESSED_ERROR, SPIKING_ERROR)
    if review is None:
        return tuple(check.judged(Status.SKIPPED, "service", NOT_SET, at=now) for check in checks)
    if not sum(source.counts.parsed for source in review.sources):
        return tuple(check.judged(Status.UNKNOWN, "service", NO_LINE, at=now) for check in checks)
    states = [(group, error_state(group, review, limits)) for group in review.errors]
    present = sorted(((group, state) for group, state in states if state in _STATES), key=lambda pair: -pair[0].lines)
    return (
        *_judge_new(present, review, limits, now),
        *_judge_regressed(present, review, now),
        *_judge_spiking(present, review, limits, now),
    )


def _judge_new(present: GroupsWithState, review: LogReview, limits: LogLimits, now: datetime) -> list[CheckResult]:
    table = _top(present)
    kinds, ignored = len(present), _count(present, ErrorState.IGNORED)
    if not is_warm(review, limits):
        reason = msg(
            "Not judged until there are {days} days of log ({warm} so far)",
            days=limits.min_warm_days,
            warm=review.warm_days,
        )
        return [NEW_ERROR.judged(Status.SKIPPED, "service", reason, at=now, evidence=table)]
    limit = Limit("=", 0, "", _GUIDE)
    new = [group for group, state in present if state is ErrorState.NEW]
    unclear = _unclear(NEW_ERROR, present, review, limits, limit, now)
    if not new and unclear:
        first, *others = unclear
        return [replace(first, evidence=(*first.evidence, *table)), *others]
    if not new:
        reason = msg("{kinds} kinds of error, all known ({ignored} ignored)", kinds=kinds, ignored=ignored)
        observed = Quantity(0)
        return [
            NEW_ERROR.judged(Status.PASS, "service", reason, at=now, observed=observed, limit=limit, evidence=table)
        ]
    first, *others = _each(NEW_ERROR, [(group, _first(group), limit) for group in new], limit, now)
    return [replace(first, evidence=(*first.evidence, *table)), *others, *unclear]


def _judge_regressed(present: GroupsWithState, review: LogReview, now: datetime) -> list[CheckResult]:
    limit = Limit("=", 0, "", _GUIDE)
    back = [group for group, state in present if state is ErrorState.REGRESSED]
    if back:
        return _each(REGRESSED_ERROR, [(group, _resolved(group), limit) for group in back], limit, now)
    resolved = sum(group.state == "resolved" for group in review.errors)
    if not resolved:
        reason = msg("No recent error is marked as fixed (`rounds errors resolve`)")
        return [REGRESSED_ERROR.judged(Status.SKIPPED, "service", reason, at=now)]
    older = sum(is_from_before_the_fix(group, review) for group in review.errors)
    reason = msg("None of {resolved} fixed errors occurred again", resolved=resolved)
    if older:
        reason = msg(
            "None of {resolved} fixed errors occurred again; {older} still occur in releases before the fix",
            resolved=resolved,
            older=older,
        )
    return [REGRESSED_ERROR.judged(Status.PASS, "service", reason, at=now, observed=Quantity(0), limit=limit)]


def _judge_spiking(present: GroupsWithState, review: LogReview, limits: LogLimits, now: datetime) -> list[CheckResult]:
    if not is_warm(review, limits):
        reason = msg(
            "Not judged until there are {days} days of log ({warm} so far)",
            days=limits.min_warm_days,
            warm=review.warm_days,
        )
        return [SPIKING_ERROR.judged(Status.SKIPPED, "service", reason, at=now)]
    none = Limit("=", 0, "", FOUR_WEEKS)
    spiking = [group for group, state in present if state is ErrorState.SPIKING]
    unclear = _unclear(SPIKING_ERROR, present, review, limits, none, now)
    if spiking or unclear:
        found = [(group, _usual(group), Limit("≤", most_lines(group, limits), "", FOUR_WEEKS)) for group in spiking]
        return [*(_each(SPIKING_ERROR, found, none, now) if found else ()), *unclear]
    kinds = len(present) - _count(present, ErrorState.IGNORED)
    reason = msg("{kinds} kinds of error, none more frequent than usual", kinds=kinds)
    return [SPIKING_ERROR.judged(Status.PASS, "service", reason, at=now, observed=Quantity(0), limit=none)]


def _unclear(
    check: Check, present: GroupsWithState, review: LogReview, limits: LogLimits, limit: Limit, now: datetime
) -> list[CheckResult]:
    """What is known neither as new nor as old: errors whose text varies, in wordings that were not seen before."""
    decided = (ErrorState.IGNORED, ErrorState.NEW)
    found = [g for g, state in present if state not in decided and is_unclear(g, review, limits)]
    return _each(check, [(group, _wordings(group), limit) for group in found], limit, now, Status.UNKNOWN)


def _each(
    check: Check,
    found: Sequence[tuple[ErrorGroup, Message, Limit]],
    limit: Limit,
    now: datetime,
    status: Status = Status.WARN,
) -> list[CheckResult]:
    """A result an error, the most frequent first; those beyond the first twenty as one."""
    results = [_found(check, group, reason, own, now, status) for group, reason, own in found[:MOST_SHOWN]]
    more = len(found) - MOST_SHOWN
    if more > 0:
        reason = msg("{count} more (`rounds errors list`)", count=more)
        observed = Quantity(more)
        results.append(check.judged(status, "service/more", reason, at=now, observed=observed, limit=limit))
    return results


def _count(present: GroupsWithState, wanted: ErrorState) -> int:
    return sum(state is wanted for _, state in present)


def _found(
    check: Check, group: ErrorGroup, reason: Message, limit: Limit, now: datetime, status: Status
) -> CheckResult:
    subject = f"module:{group.module}/error:{group.fingerprint[:SHORT]}"
    observed = Quantity(group.lines)
    return check.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=_parts(group))


def _title(group: ErrorGroup) -> str:
    """An error's name and message, of which it may have only one; one with neither is known by its fingerprint."""
    message = group.exemplar.message or group.message
    return ": ".join(part for part in (group.name, message) if part) or group.fingerprint[:SHORT]


def _first(group: ErrorGroup) -> Message:
    if group.first_seen is None:
        return msg("{error} ({lines} lines)", error=_title(group), lines=group.lines)
    return msg(
        "{error} ({lines} lines, first seen {at})",
        error=_title(group),
        lines=group.lines,
        at=moment(group.first_seen),
    )


def _usual(group: ErrorGroup) -> Message:
    return msg(
        "{error} ({lines} lines; usually {mean} a day)",
        error=_title(group),
        lines=group.lines,
        mean=round(sum(group.daily) / len(group.daily), 1),
    )


def _wordings(group: ErrorGroup) -> Message:
    if group.unseen is None:
        return msg("{error}: its text varies, and its wordings were not counted yet", error=_title(group))
    return msg(
        "{error}: {wordings} wordings of this kind of error are new, so a new error may be among them. If they vary "
        "like this: `rounds errors ignore {fingerprint}`",
        error=_title(group),
        wordings=group.unseen,
        fingerprint=group.fingerprint[:SHORT],
    )


def _resolved(group: ErrorGroup) -> Message:
    return msg(
        "{error} (fixed {resolved}, seen again {at})",
        error=_title(group),
        resolved=moment(group.resolved_at) if group.resolved_at else "-",
        at=moment(group.last_seen) if group.last_seen else "-",
    )


def _parts(group: ErrorGroup) -> tuple[Evidence, ...]:
    rows: list[tuple[Message, Scalar | Message]] = [
        (msg("Fingerprint"), group.fingerprint),
        (msg("Module"), group.module),
        (msg("Error name"), group.name or None),
        (msg("Message (variable parts removed)"), group.message),
        (msg("Location in the code"), group.frame or None),
        (msg("First seen"), _when(group.first_seen, group.first_release)),
        (msg("Last seen"), _when(group.last_seen, group.last_release)),
        (msg("Request"), group.exemplar.request or None),
        (msg("Request ID"), group.exemplar.request_id or None),
        (msg("Assigned to"), group.assignee or None),
    ]
    table = Table(msg("Error details"), (msg("Field"), msg("Value")), tuple(rows))
    if not group.exemplar.stack:
        return (table,)
    return table, Excerpt(msg("Example line (masked)"), group.exemplar.stack)


def _when(at: datetime | None, release: str) -> Message | str | None:
    if at is None:
        return None
    if not release:
        return moment(at)
    return msg("{at}, release {release}", at=moment(at), release=release)


def _top(present: GroupsWithState) -> tuple[Evidence, ...]:
    if not present:
        return ()
    columns = (msg("State"), msg("Lines"), msg("Module"), msg("Error"), msg("Last seen"), msg("Fingerprint"))
    rows = tuple(
        (
            _STATES[state],
            group.lines,
            group.module,
            verbatim(f"{group.name}: {group.message}" if group.name else group.message),
            moment(group.last_seen) if group.last_seen else None,
            group.fingerprint[:SHORT],
        )
        for group, state in present[:MOST_SHOWN]
    )
    return (Table(msg("Most frequent errors"), columns, rows),)
