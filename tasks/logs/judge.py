"""Holds what the logs say of sources and modules against the limits."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tasks.check_result import (
    Chart,
    Check,
    CheckResult,
    Evidence,
    Excerpt,
    Limit,
    Quantity,
    Status,
    Table,
    moment,
    msg,
)
from tasks.logs.checks import ERROR_SHARE, MALFORMED, PERSONAL_DATA, REFUSED, SILENT_MODULE, SOURCE
from tasks.logs.facts import LogReview, ModuleLines, SourceLines, SourceRead
from tasks.logs.limits import LogLimits
from tasks.logs.spikes import spike_limit
from tasks.observation import Unobserved

LOOKED_AT = 1000
"""A mapped field that none of this many lines holds is not there."""

_GUIDE = msg("the guide's daily error log review")
_SLI = msg("the guide's SLI table")
_SETTINGS = msg("[logs.limits] of the service file")
NOT_SET = msg("No log is configured: set [[logs.source]]")
_NO_REQUESTS = msg("The log tells of no requests: no line has a status")
_NEEDED = ("timestamp", "status", "duration")


def judge_sources(
    read: Mapping[str, SourceRead | Unobserved],
    review: LogReview | None,
    mapped: Mapping[str, Sequence[str]],
    limits: LogLimits,
    now: datetime,
) -> tuple[CheckResult, ...]:
    """Whether each log was read whole and is fresh; `mapped` are the fields that its lines must hold."""
    if review is None:
        return (SOURCE.judged(Status.SKIPPED, "service", NOT_SET, at=now),)
    lines = {source.name: source for source in review.sources}
    return tuple(_judge_source(taken, lines[name], mapped[name], review, limits, now) for name, taken in read.items())


def _judge_source(
    read: SourceRead | Unobserved,
    lines: SourceLines,
    mapped: Sequence[str],
    review: LogReview,
    limits: LogLimits,
    now: datetime,
) -> CheckResult:
    subject = f"log:{lines.name}"
    limit = Limit("≤", limits.max_quiet_min, "min", _SETTINGS)
    if isinstance(read, Unobserved):
        return SOURCE.judged(Status.UNKNOWN, subject, read.reason, at=now, limit=limit)
    counted = lines.counts
    evidence: tuple[Evidence, ...] = (_accounts(lines),)
    if counted.lines == counted.ignored:
        reason = msg("No line between {since} and {until}", since=moment(review.since), until=moment(review.until))
        return SOURCE.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit, evidence=evidence)
    missing = _missing(lines, mapped)
    if missing:
        reason = msg(
            "None of the first {lines} lines has {fields}: correct [logs.source.fields]",
            lines=lines.fields[""],
            fields=", ".join(missing),
        )
        return SOURCE.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit, evidence=evidence)
    problems = [*read.problems, *(damage.message for damage in lines.damaged)]
    if problems:
        partial = Table(msg("What was not read"), (msg("Problem"),), tuple((problem,) for problem in problems))
        reason = msg("Partial: {count} problems while reading", count=len(problems))
        return SOURCE.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit, evidence=(partial, *evidence))
    return _judge_age(lines, subject, limits, limit, review, now, evidence)


def _judge_age(
    lines: SourceLines,
    subject: str,
    limits: LogLimits,
    limit: Limit,
    review: LogReview,
    now: datetime,
    evidence: tuple[Evidence, ...],
) -> CheckResult:
    if lines.newest is None:
        reason = msg("No line has a time that can be read: correct timestamp in [logs.source.fields]")
        return SOURCE.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit, evidence=evidence)
    quiet = max(timedelta(), review.until - lines.newest)
    minutes = int(quiet.total_seconds() // 60)
    observed = Quantity(minutes, "min")
    if minutes > limits.max_quiet_min:
        reason = msg("The newest line is of {at}: the log tells nothing of now", at=moment(lines.newest))
        return SOURCE.judged(Status.UNKNOWN, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)
    reason = msg("{lines} lines; the newest is {minutes} min old", lines=lines.counts.lines, minutes=minutes)
    return SOURCE.judged(Status.PASS, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _missing(lines: SourceLines, mapped: Sequence[str]) -> list[str]:
    if lines.fields.get("", 0) < LOOKED_AT:
        return []
    return [name for name in mapped if not lines.fields.get(name)]


def _accounts(lines: SourceLines) -> Table:
    counted = lines.counts
    rows = (
        (msg("Lines"), counted.lines),
        (msg("Read"), counted.parsed),
        (msg("Malformed"), counted.malformed),
        (msg("Ignored (blank, or health probes)"), counted.ignored),
        (msg("Without a readable time"), counted.undated),
        (msg("With a value of another type"), counted.drifted),
        (msg("Requests"), counted.requests),
        (msg("Requests with a duration"), counted.timed),
    )
    return Table(msg("Lines of the period"), (msg("What"), msg("Count")), rows)


def judge_malformed(review: LogReview | None, limits: LogLimits, now: datetime) -> tuple[CheckResult, ...]:
    """The share of lines that could not be read; None when no log is configured."""
    if review is None:
        return (_unseen(MALFORMED, review, now),)
    return tuple(_judge_malformed(source, limits, now) for source in review.sources)


def _judge_malformed(source: SourceLines, limits: LogLimits, now: datetime) -> CheckResult:
    subject = f"log:{source.name}"
    limit = Limit("≤", _percent(limits.max_malformed_share), "%", _SETTINGS)
    counted = source.counts
    if counted.lines == counted.ignored:
        return MALFORMED.judged(Status.UNKNOWN, subject, msg("The period has no line"), at=now, limit=limit)
    share = counted.malformed / (counted.lines - counted.ignored)
    status = Status.WARN if share > limits.max_malformed_share else Status.PASS
    reason = msg(
        "{malformed} of {lines} lines could not be read",
        malformed=counted.malformed,
        lines=counted.lines - counted.ignored,
    )
    samples = Excerpt(msg("Samples, masked"), "\n".join(source.samples))
    evidence: tuple[Evidence, ...] = (samples,) if counted.malformed and source.samples else ()
    observed = Quantity(_percent(share), "%")
    return MALFORMED.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def judge_error_share(
    review: LogReview | Unobserved | None, limits: LogLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """The share of each module's requests that were answered with a server error; the worst carries a chart of all."""
    if not isinstance(review, LogReview):
        return (_unseen(ERROR_SHARE, review, now),)
    modules = [module for module in review.modules if module.valid]
    limit = Limit("<", _percent(limits.max_error_share), "%", _SLI)
    if not modules:
        return (ERROR_SHARE.judged(Status.UNKNOWN, "service", _NO_REQUESTS, at=now, limit=limit),)
    worst = max(modules, key=lambda module: module.bad / module.valid)
    chart = _error_chart(modules, worst, limits)
    return tuple(_judge_error_share(m, limits, limit, (chart,) if m is worst else (), now) for m in modules)


def _judge_error_share(
    module: ModuleLines, limits: LogLimits, limit: Limit, evidence: tuple[Evidence, ...], now: datetime
) -> CheckResult:
    share = module.bad / module.valid
    if share < limits.max_error_share:
        status = Status.PASS
    else:
        status = Status.FAIL if module.bad >= limits.min_bad_requests else Status.WARN
    reason = msg("{bad} of {valid} requests got a server error", bad=module.bad, valid=module.valid)
    if status is Status.WARN:
        reason = msg(
            "{bad} of {valid} requests got a server error; {least} are needed to call it a failure",
            bad=module.bad,
            valid=module.valid,
            least=limits.min_bad_requests,
        )
    observed = Quantity(_percent(share), "%")
    subject = f"module:{module.module}"
    return ERROR_SHARE.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _error_chart(modules: Sequence[ModuleLines], worst: ModuleLines, limits: LogLimits) -> Chart:
    shares = [_percent(module.bad / module.valid) for module in modules]
    finding = msg("Highest: {module} with {share} %", module=worst.module, share=max(shares))
    labels = tuple(module.module for module in modules)
    return Chart(msg("Error share by module"), finding, "%", labels, tuple(shares), _percent(limits.max_error_share))


def judge_silent_modules(
    review: LogReview | Unobserved | None, expected: Sequence[str], limits: LogLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Whether modules that usually write, or must, still do; `expected` are those of [service] modules."""
    if not isinstance(review, LogReview):
        return (_unseen(SILENT_MODULE, review, now),)
    known = {module.module: module for module in review.modules}
    usual = [
        name
        for name, module in known.items()
        if (module.usual_lines or 0) >= limits.min_expected_lines and name not in expected
    ]
    subjects = [*expected, *sorted(usual)]
    if not subjects:
        reason = msg("No module is busy enough to tell its silence: list them as [service] modules")
        return (SILENT_MODULE.judged(Status.SKIPPED, "service", reason, at=now),)
    return tuple(_judge_silence(name, known.get(name), limits, now) for name in subjects)


def _judge_silence(name: str, module: ModuleLines | None, limits: LogLimits, now: datetime) -> CheckResult:
    subject = f"module:{name}"
    limit = Limit("≥", 1, "", _SETTINGS)
    if module is None:
        reason = msg("No line of this module was ever read")
        return SILENT_MODULE.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit)
    observed = Quantity(module.last_hour_lines)
    if module.last_hour_lines:
        reason = msg("{lines} lines in this hour and the last", lines=module.last_hour_lines)
        return SILENT_MODULE.judged(Status.PASS, subject, reason, at=now, observed=observed, limit=limit)
    if module.usual_lines is None:
        reason = msg("No line in this hour and the last, and no day before to compare with")
        return SILENT_MODULE.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit)
    reason = msg(
        "No line in this hour and the last; {usual} an hour are usual at this time over {days} days",
        usual=round(module.usual_lines, 1),
        days=module.days,
    )
    status = Status.FAIL if module.usual_lines >= limits.min_expected_lines else Status.WARN
    return SILENT_MODULE.judged(status, subject, reason, at=now, observed=observed, limit=limit)


def judge_personal_data(
    review: LogReview | Unobserved | None, limits: LogLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Lines with personal data, by module; they are counted, never shown."""
    if not isinstance(review, LogReview):
        return (_unseen(PERSONAL_DATA, review, now),)
    limit = Limit("≤", limits.max_personal_data_lines, "", _GUIDE)
    by_module: dict[str, list[tuple[str, int]]] = {}
    for found in review.personal:
        by_module.setdefault(found.module, []).append((found.kind, found.lines))
    results = []
    for module, kinds in by_module.items():
        lines = max(count for _, count in kinds)
        table = Table(msg("What was found"), (msg("Kind"), msg("Lines")), tuple(kinds))
        reason = msg("Lines hold {kinds}: mask them where they are written", kinds=", ".join(kind for kind, _ in kinds))
        status = Status.WARN if lines > limits.max_personal_data_lines else Status.PASS
        subject, observed = f"module:{module}", Quantity(lines)
        results.append(
            PERSONAL_DATA.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=(table,))
        )
    if results:
        return tuple(results)
    parsed = sum(source.counts.parsed for source in review.sources)
    if not parsed:
        none = msg("The period has no line")
        return (PERSONAL_DATA.judged(Status.UNKNOWN, "service", none, at=now, limit=limit),)
    reason = msg("{lines} lines were searched", lines=parsed)
    return (PERSONAL_DATA.judged(Status.PASS, "service", reason, at=now, observed=Quantity(0), limit=limit),)


def judge_refused_requests(review: LogReview | Unobserved | None, limits: LogLimits, now: datetime) -> CheckResult:
    """Answers 401 and 403 against what is usual."""
    if not isinstance(review, LogReview):
        return _unseen(REFUSED, review, now)
    if not sum(source.counts.requests for source in review.sources):
        return REFUSED.judged(Status.UNKNOWN, "service", _NO_REQUESTS, at=now)
    unauthorized = sum(hour.unauthorized for hour in review.security)
    forbidden = sum(hour.forbidden for hour in review.security)
    counts = msg("{unauthorized} answers 401, {forbidden} answers 403", unauthorized=unauthorized, forbidden=forbidden)
    if len(review.security_daily) < limits.min_warm_days:
        reason = msg(
            "{unauthorized} answers 401, {forbidden} answers 403; what is usual is known after {days} days of log",
            unauthorized=unauthorized,
            forbidden=forbidden,
            days=limits.min_warm_days,
        )
        return REFUSED.judged(Status.SKIPPED, "service", reason, at=now, evidence=_by_hour(review))
    most = spike_limit(review.security_daily, limits.spike_quantile)
    limit = Limit("≤", most, "", msg("the four weeks before: 0.999 quantile of a negative binomial"))
    total = unauthorized + forbidden
    status = Status.WARN if total > most else Status.PASS
    observed = Quantity(total)
    return REFUSED.judged(status, "service", counts, at=now, observed=observed, limit=limit, evidence=_by_hour(review))


def _by_hour(review: LogReview) -> tuple[Evidence, ...]:
    rows = tuple(
        (moment(h.hour), h.unauthorized, h.forbidden) for h in review.security if h.unauthorized or h.forbidden
    )
    if not rows:
        return ()
    return (Table(msg("Refused requests by hour"), (msg("Hour"), msg("401"), msg("403")), rows),)


def _unseen(check: Check, review: Unobserved | None, now: datetime) -> CheckResult:
    if review is None:
        return check.judged(Status.SKIPPED, "service", NOT_SET, at=now)
    return check.judged(Status.UNKNOWN, "service", review.reason, at=now)


def _percent(share: float) -> float:
    return round(share * 100, 4)
