"""Holds the errors of a period against what is known of them."""

from collections.abc import Sequence
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
from tasks.logs.judge import NOT_SET
from tasks.logs.limits import LogLimits
from tasks.logs.states import ErrorState, error_state, is_warm, most_lines
from tasks.observation import Unobserved

MOST_SHOWN = 20
SHORT = 8
"""So many characters of a fingerprint are shown, and are enough to name it."""

_GUIDE = msg("the guide's daily error log review")
_STATES = {
    ErrorState.NEW: msg("new"),
    ErrorState.REGRESSED: msg("regressed"),
    ErrorState.SPIKING: msg("spiking"),
    ErrorState.KNOWN: msg("known"),
}


def judge_errors(review: LogReview | Unobserved | None, limits: LogLimits, now: datetime) -> tuple[CheckResult, ...]:
    """New, regressed and spiking errors one by one, the twenty most frequent as a table; None without a log."""
    checks = (NEW_ERROR, REGRESSED_ERROR, SPIKING_ERROR)
    if review is None:
        return tuple(check.judged(Status.SKIPPED, "service", NOT_SET, at=now) for check in checks)
    if isinstance(review, Unobserved):
        return tuple(check.judged(Status.UNKNOWN, "service", review.reason, at=now) for check in checks)
    if not sum(source.counts.parsed for source in review.sources):
        none = msg("The period has no line")
        return tuple(check.judged(Status.UNKNOWN, "service", none, at=now) for check in checks)
    states = [(group, error_state(group, review, limits)) for group in review.errors]
    present = sorted(((group, state) for group, state in states if state in _STATES), key=lambda pair: -pair[0].lines)
    return (
        *_judge_new(present, review, limits, now),
        *_judge_regressed(present, states, now),
        *_judge_spiking(present, review, limits, now),
    )


Standing = Sequence[tuple[ErrorGroup, ErrorState]]


def _judge_new(present: Standing, review: LogReview, limits: LogLimits, now: datetime) -> list[CheckResult]:
    table = _top(present)
    if not is_warm(review, limits):
        reason = msg(
            "What is new is known after {days} days of log; there are {warm}",
            days=limits.min_warm_days,
            warm=int(review.warm_days),
        )
        return [NEW_ERROR.judged(Status.SKIPPED, "service", reason, at=now, evidence=table)]
    limit = Limit("=", 0, "", _GUIDE)
    new = [group for group, state in present if state is ErrorState.NEW]
    if not new:
        reason = msg("{kinds} kinds of error, all of them known", kinds=len(present))
        observed = Quantity(0)
        return [
            NEW_ERROR.judged(Status.PASS, "service", reason, at=now, observed=observed, limit=limit, evidence=table)
        ]
    results = [_found(NEW_ERROR, group, _first(group), limit, now) for group in new[:MOST_SHOWN]]
    if len(new) > MOST_SHOWN:
        results.append(_more(NEW_ERROR, len(new) - MOST_SHOWN, limit, now))
    all_kinds = msg("{new} of {kinds} kinds of error are new", new=len(new), kinds=len(present))
    observed = Quantity(len(new))
    return [
        NEW_ERROR.judged(Status.WARN, "service", all_kinds, at=now, observed=observed, limit=limit, evidence=table),
        *results,
    ]


def _judge_regressed(present: Standing, states: Standing, now: datetime) -> list[CheckResult]:
    limit = Limit("=", 0, "", _GUIDE)
    back = [group for group, state in present if state is ErrorState.REGRESSED]
    if back:
        return [_found(REGRESSED_ERROR, group, _resolved(group), limit, now) for group in back[:MOST_SHOWN]]
    resolved = sum(group.state == "resolved" for group, _ in states)
    reason = msg("None of {resolved} resolved errors came back", resolved=resolved)
    if not resolved:
        reason = msg("No error of the last four weeks was marked as resolved")
        return [REGRESSED_ERROR.judged(Status.SKIPPED, "service", reason, at=now)]
    return [REGRESSED_ERROR.judged(Status.PASS, "service", reason, at=now, observed=Quantity(0), limit=limit)]


def _judge_spiking(present: Standing, review: LogReview, limits: LogLimits, now: datetime) -> list[CheckResult]:
    if not is_warm(review, limits):
        reason = msg(
            "What is usual is known after {days} days of log; there are {warm}",
            days=limits.min_warm_days,
            warm=int(review.warm_days),
        )
        return [SPIKING_ERROR.judged(Status.SKIPPED, "service", reason, at=now)]
    source = msg("the four weeks before: 0.999 quantile of a negative binomial")
    results: list[CheckResult] = []
    for group, state in present:
        if state is ErrorState.SPIKING and len(results) < MOST_SHOWN:
            most = most_lines(group, review, limits)
            mean = sum(group.daily) / max(1, min(len(group.daily), int(review.warm_days)))
            reason = msg("{lines} lines; {mean} a day are usual", lines=group.lines, mean=round(mean, 1))
            results.append(_found(SPIKING_ERROR, group, reason, Limit("≤", most, "", source), now))
    if results:
        return results
    reason = msg("{kinds} kinds of error, none more frequent than usual", kinds=len(present))
    limit = Limit("=", 0, "", source)
    return [SPIKING_ERROR.judged(Status.PASS, "service", reason, at=now, observed=Quantity(0), limit=limit)]


def _found(check: Check, group: ErrorGroup, reason: Message, limit: Limit, now: datetime) -> CheckResult:
    subject = f"module:{group.module}/error:{group.fingerprint[:SHORT]}"
    observed = Quantity(group.lines, "")
    return check.judged(Status.WARN, subject, reason, at=now, observed=observed, limit=limit, evidence=_parts(group))


def _more(check: Check, count: int, limit: Limit, now: datetime) -> CheckResult:
    reason = msg("{count} more: rounds errors list", count=count)
    return check.judged(Status.WARN, "service/more", reason, at=now, observed=Quantity(count), limit=limit)


def _first(group: ErrorGroup) -> Message:
    return msg(
        "{name}: {message} ({lines} lines, first {at})",
        name=group.name or "-",
        message=group.exemplar.message or "-",
        lines=group.lines,
        at=moment(group.first_seen) if group.first_seen else "-",
    )


def _resolved(group: ErrorGroup) -> Message:
    return msg(
        "{name}: {message} was resolved {resolved} and came back {at}",
        name=group.name or "-",
        message=group.exemplar.message or "-",
        resolved=moment(group.resolved_at) if group.resolved_at else "-",
        at=moment(group.last_seen) if group.last_seen else "-",
    )


def _parts(group: ErrorGroup) -> tuple[Evidence, ...]:
    rows: list[tuple[Message, Scalar | Message]] = [
        (msg("Fingerprint"), group.fingerprint),
        (msg("Module"), group.module),
        (msg("Error name"), group.name or "-"),
        (msg("Message, without what varies"), group.message),
        (msg("Frame"), group.frame or "-"),
        (msg("First seen"), _when(group.first_seen, group.first_release)),
        (msg("Last seen"), _when(group.last_seen, group.last_release)),
        (msg("Request"), group.exemplar.request or "-"),
        (msg("Request id"), group.exemplar.request_id or "-"),
        (msg("Assigned to"), group.assignee or "-"),
    ]
    table = Table(msg("What names this error"), (msg("Part"), msg("Value")), tuple(rows))
    if not group.exemplar.stack:
        return (table,)
    return table, Excerpt(msg("One of its lines, masked"), group.exemplar.stack)


def _when(at: datetime | None, release: str) -> Message | str:
    if at is None:
        return "-"
    if not release:
        return moment(at)
    return msg("{at}, release {release}", at=moment(at), release=release)


def _top(present: Standing) -> tuple[Evidence, ...]:
    if not present:
        return ()
    columns = (msg("State"), msg("Lines"), msg("Module"), msg("Error"), msg("Last seen"), msg("Fingerprint"))
    rows = tuple(
        (
            _STATES[state],
            group.lines,
            group.module,
            verbatim(f"{group.name}: {group.message}" if group.name else group.message),
            moment(group.last_seen) if group.last_seen else "-",
            group.fingerprint[:SHORT],
        )
        for group, state in present[:MOST_SHOWN]
    )
    return (Table(msg("Most frequent errors"), columns, rows),)
