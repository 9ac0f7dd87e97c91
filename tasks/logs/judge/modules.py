"""Judges the logs by module."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tasks.check_result import (
    Chart,
    CheckResult,
    Evidence,
    Limit,
    Message,
    Quantity,
    Status,
    Table,
    moment,
    msg,
    verbatim,
)
from tasks.logs.checks import ERROR_SHARE, PERSONAL_DATA, REFUSED, SILENT_MODULE
from tasks.logs.facts import LogReview, ModuleLines, PersonalData
from tasks.logs.judge.routes import request_tables
from tasks.logs.judge.sources import NO_LINE, NOT_SET, SETTINGS, downgrade_doubtful, percent
from tasks.logs.judge.usual import most_by_chance
from tasks.logs.limits import LogLimits
from tasks.logs.lines.places import MOST_MODULES, OTHER
from tasks.personal import Kind
from tasks.worst_case import may_fail, worst_share

FOUR_WEEKS = msg("normal range of the last four weeks")
_GUIDE = msg("the guide's daily error log review")
_SLI = msg("the guide's SLI table")
_NOT_COUNTED = msg("No log source counts requests")
_NO_REQUESTS = msg("The log contains no requests: no line has a status")
KINDS: Mapping[str, Message] = {
    Kind.EMAIL: msg("e-mail address"),
    Kind.PHONE: msg("phone number"),
    Kind.CARD: msg("card number"),
    Kind.JWT: msg("access token (JWT)"),
    Kind.PASSWORD: msg("password or key"),
}
"""What each kind of personal data is called."""
_MOST_BARS = 20


def judge_error_share(
    review: LogReview | None, limits: LogLimits, now: datetime, *, counted: bool = True
) -> tuple[CheckResult, ...]:
    """The share of each module's requests that were answered with a server error; the worst carries a chart.

    `counted` says whether any log is one of requests.
    """
    if review is None:
        return (ERROR_SHARE.judged(Status.SKIPPED, "service", NOT_SET, at=now),)
    modules = [module for module in review.modules if module.valid]
    limit = Limit("<", percent(limits.max_error_share), "%", _SLI)
    if not modules and not counted:
        return (ERROR_SHARE.judged(Status.SKIPPED, "service", _NOT_COUNTED, at=now),)
    if not modules:
        return (ERROR_SHARE.judged(Status.UNKNOWN, "service", _NO_REQUESTS, at=now, limit=limit),)
    worst = max(modules, key=_share)
    beside = (_error_chart(modules, worst, limits), *request_tables(review, limits))
    unread = sum(source.counts.torn + source.counts.unanswered for source in review.sources)
    results = [_judge_error_share(m, unread, limits, limit, beside if m is worst else (), now) for m in modules]
    doubt = _pruned(review, modules) or _undecided(modules, unread, limits)
    return downgrade_doubtful([unless_lumped(r, review) for r in results], doubt, Status.PASS)


def _judge_error_share(
    module: ModuleLines, unread: int, limits: LogLimits, limit: Limit, evidence: tuple[Evidence, ...], now: datetime
) -> CheckResult:
    share = _share(module)
    reason = msg("{bad} of {valid} requests returned a server error", bad=module.bad, valid=module.valid)
    if not module.bad or share < limits.max_error_share:
        status = Status.PASS
        if unread:
            reason = msg(
                "{bad} of {valid} requests returned a server error; of the service {unread} more could not be read",
                bad=module.bad,
                valid=module.valid,
                unread=unread,
            )
    elif module.bad >= limits.min_bad_requests:
        status = Status.FAIL
    else:
        status = Status.WARN
        reason = msg(
            "{bad} of {valid} requests returned a server error; the check fails at {least} or more",
            bad=module.bad,
            valid=module.valid,
            least=limits.min_bad_requests,
        )
    observed = Quantity(percent(share), "%")
    subject = f"module:{module.module}"
    return ERROR_SHARE.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _pruned(review: LogReview, modules: Sequence[ModuleLines]) -> Message | None:
    """Requests are counted by hour and by minute, and the minutes are kept for a shorter time."""
    kept, all_requests = sum(module.valid for module in modules), sum(s.counts.requests for s in review.sources)
    if kept >= all_requests:
        return None
    return msg("Only {kept} of {requests} requests are still kept by minute", requests=all_requests, kept=kept)


def _undecided(modules: Sequence[ModuleLines], unread: int, limits: LogLimits) -> Message | None:
    """Lines that may have been failed requests: more than the limit leaves room for, whichever module they are of."""
    bad, valid = sum(module.bad for module in modules), sum(module.valid for module in modules)
    if not may_fail(bad, valid, unread, limit=limits.max_error_share, least=limits.min_bad_requests):
        return None
    return msg(
        "{bad} of {valid} requests returned a server error ({share} %), but {unread} more could not be read: at worst "
        "{worst} %",
        bad=bad,
        valid=valid,
        share=float(f"{percent(bad / valid):.3g}"),
        unread=unread,
        worst=float(f"{percent(worst_share(bad, valid, unread)):.3g}"),
    )


def unless_lumped(result: CheckResult, review: LogReview | None) -> CheckResult:
    """A result, unless it is of the modules beyond the first hundred: in their sum a small one is not seen."""
    if review is None or result.subject != f"module:{OTHER}" or len(review.modules) <= MOST_MODULES:
        return result
    reason = msg("More than {most} modules: the others are counted together", most=MOST_MODULES)
    return downgrade_doubtful([result], reason, Status.PASS)[0]


def _error_chart(modules: Sequence[ModuleLines], worst: ModuleLines, limits: LogLimits) -> Chart:
    drawn = modules if len(modules) <= _MOST_BARS else sorted(modules, key=_share, reverse=True)[:_MOST_BARS]
    finding = msg("Highest: {module}, {share} %", module=worst.module, share=percent(_share(worst)))
    labels = tuple(module.module for module in drawn)
    shares = tuple(percent(_share(module)) for module in drawn)
    return Chart(msg("Error rate by module"), finding, "%", labels, shares, percent(limits.max_error_share))


def _share(module: ModuleLines) -> float:
    return module.bad / module.valid


def judge_silent_modules(
    review: LogReview | None, expected: Sequence[str], limits: LogLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Whether modules that usually write, or must, still do; `expected` are those of [service] modules."""
    if review is None:
        return (SILENT_MODULE.judged(Status.SKIPPED, "service", NOT_SET, at=now),)
    known = {module.module: module for module in review.modules}
    usual = [name for name, module in known.items() if name not in expected and _is_busy(module, limits)]
    subjects = [*dict.fromkeys(expected), *sorted(usual)]
    if not subjects:
        reason = msg("No module logs often enough to detect silence: list modules in [service] modules")
        return (SILENT_MODULE.judged(Status.SKIPPED, "service", reason, at=now),)
    return tuple(_judge_silence(name, known.get(name), limits, now) for name in subjects)


def _is_busy(module: ModuleLines, limits: LogLimits) -> bool:
    by_hour, by_day = module.usual_lines or 0, module.usual_day_lines or 0
    return by_hour >= limits.min_expected_lines or (not module.lines and by_day >= limits.min_expected_lines)


def _judge_silence(name: str, module: ModuleLines | None, limits: LogLimits, now: datetime) -> CheckResult:
    """By the hour where lines are frequent, else by the whole period: at night many a module is always silent."""
    subject, limit = f"module:{name}", Limit("≥", 1, "", SETTINGS)
    if module is None:
        reason = msg("This module has never appeared in the log: check its spelling")
        return SILENT_MODULE.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit)
    by_hour = (module.usual_lines or 0) >= limits.min_expected_lines
    lines = module.recent_lines if by_hour or module.recent_lines else module.lines
    if not lines:
        status, reason = _silence(module, limits, by_hour=by_hour)
    elif module.recent_lines:
        status, reason = Status.PASS, msg("{lines} lines in the last two hours", lines=lines)
    else:
        reason = msg("{lines} lines in the period; no lines at this time of day is normal", lines=lines)
        status = Status.PASS
    return SILENT_MODULE.judged(status, subject, reason, at=now, observed=Quantity(lines), limit=limit)


def _silence(module: ModuleLines, limits: LogLimits, *, by_hour: bool) -> tuple[Status, Message]:
    if by_hour:
        reason = msg(
            "No line in the last two hours; usually {usual} an hour at this time of day (last {days} days)",
            usual=round(module.usual_lines or 0),
            days=module.days,
        )
        # In the first week nobody knows yet whether the module works at weekends.
        return (Status.FAIL if module.days >= limits.min_warm_days else Status.WARN), reason
    if not module.usual_day_lines:
        return Status.FAIL, msg("No line in the period and hardly any in the week before")
    reason = msg(
        "No line in the period; usually {usual} a day (last {days} days)",
        usual=round(module.usual_day_lines),
        days=module.days,
    )
    rare = module.usual_day_lines < limits.min_expected_lines or module.days < limits.min_warm_days
    return (Status.WARN if rare else Status.FAIL), reason


def judge_personal_data(review: LogReview | None, limits: LogLimits, now: datetime) -> tuple[CheckResult, ...]:
    """Lines with personal data, by module; they are counted, never shown."""
    if review is None:
        return (PERSONAL_DATA.judged(Status.SKIPPED, "service", NOT_SET, at=now),)
    limit = Limit("≤", limits.max_personal_data_lines, "", _GUIDE)
    by_module: dict[str, list[PersonalData]] = {}
    for found in review.personal:
        by_module.setdefault(found.module, []).append(found)
    if by_module:
        return tuple(_judge_personal_data(module, kinds, limits, limit, now) for module, kinds in by_module.items())
    if not sum(source.counts.parsed for source in review.sources):
        return (PERSONAL_DATA.judged(Status.UNKNOWN, "service", NO_LINE, at=now, limit=limit),)
    searched = sum(source.counts.lines for source in review.sources)  # malformed and ignored ones too
    reason = msg("No personal data found in {lines} lines", lines=searched)
    return (PERSONAL_DATA.judged(Status.PASS, "service", reason, at=now, observed=Quantity(0), limit=limit),)


def _judge_personal_data(
    module: str, found: Sequence[PersonalData], limits: LogLimits, limit: Limit, now: datetime
) -> CheckResult:
    # How many lines hold more than one kind is not known: added up they are never too few.
    lines = sum(kind.lines for kind in found)
    rows = tuple((KINDS.get(kind.kind, verbatim(kind.kind)), kind.lines) for kind in found)
    table = Table(msg("Personal data found"), (msg("Kind"), msg("Lines")), rows)
    status = Status.WARN if lines > limits.max_personal_data_lines else Status.PASS
    reason = msg("{lines} lines contain personal data or passwords: mask them before they are logged", lines=lines)
    observed = Quantity(lines)
    return PERSONAL_DATA.judged(
        status, f"module:{module}", reason, at=now, observed=observed, limit=limit, evidence=(table,)
    )


def judge_refused_requests(
    review: LogReview | None, limits: LogLimits, now: datetime, *, counted: bool = True
) -> CheckResult:
    """Answers 401 and 403 against what is usual; `counted` says whether any log is one of requests."""
    if review is None:
        return REFUSED.judged(Status.SKIPPED, "service", NOT_SET, at=now)
    if not sum(source.counts.requests for source in review.sources):
        if not counted:
            return REFUSED.judged(Status.SKIPPED, "service", _NOT_COUNTED, at=now)
        return REFUSED.judged(Status.UNKNOWN, "service", _NO_REQUESTS, at=now)
    unauthorized = sum(hour.unauthorized for hour in review.security)
    forbidden = sum(hour.forbidden for hour in review.security)
    if len(review.security_daily) < limits.min_warm_days:
        reason = msg(
            "401: {unauthorized}, 403: {forbidden}; not judged until there are {days} days of log",
            unauthorized=unauthorized,
            forbidden=forbidden,
            days=limits.min_warm_days,
        )
        return REFUSED.judged(Status.SKIPPED, "service", reason, at=now, evidence=_refused_by_hour(review))
    most = most_by_chance(review.security_daily, limits.spike_quantile)
    limit = Limit("≤", most, "", FOUR_WEEKS)
    total = unauthorized + forbidden
    reason = msg(
        "401: {unauthorized}, 403: {forbidden}; usually {mean} a day",
        unauthorized=unauthorized,
        forbidden=forbidden,
        mean=round(sum(review.security_daily) / len(review.security_daily), 1),
    )
    status = Status.WARN if total > most else Status.PASS
    observed = Quantity(total)
    return REFUSED.judged(
        status, "service", reason, at=now, observed=observed, limit=limit, evidence=_refused_by_hour(review)
    )


def _refused_by_hour(review: LogReview) -> tuple[Evidence, ...]:
    rows = tuple(
        (moment(h.hour), h.unauthorized, h.forbidden) for h in review.security if h.unauthorized or h.forbidden
    )
    if not rows:
        return ()
    return (Table(msg("Refused requests by hour"), (msg("Hour"), verbatim("401"), verbatim("403")), rows),)
