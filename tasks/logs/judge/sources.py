"""Judges the logs themselves: a log that is incomplete or stale is no basis for a PASS."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from tasks.check_result import (
    Check,
    CheckResult,
    Evidence,
    Excerpt,
    Limit,
    Message,
    Quantity,
    Status,
    Table,
    moment,
    msg,
)
from tasks.logs.checks import CHECKS, MALFORMED, SOURCE
from tasks.logs.facts import HourCounts, LogReview, SourceHour, SourceLines, SourceRead, crowded_moments
from tasks.logs.judge.fields import missing_field
from tasks.logs.limits import LogLimits
from tasks.logs.unread import are_unanswered
from tasks.observation import Unobserved

NOT_SET = msg("No log source is configured: set [[logs.source]]")
SETTINGS = msg("[logs.limits] of the service file")

_HOUR = timedelta(hours=1)
_WHILE_READING = timedelta(minutes=5)
"""The history is read within this: a period that ended earlier is one of the past."""
_DURATION = "duration"
_MOST_LEVELS = 10
_MOST_AGED = 20
NO_LINE = msg("No readable line in the period")
_NO_TIME = msg("No line has a readable time: correct timestamp in [logs.source.fields]")


def judge_sources(
    read: Mapping[str, SourceRead | Unobserved],
    review: LogReview | None,
    mapped: Mapping[str, Sequence[str]],
    limits: LogLimits,
    now: datetime,
    odd: Mapping[str, Message] = {},
) -> tuple[CheckResult, ...]:
    """Whether each log was read completely and is up to date.

    `mapped` are the fields that its lines must have, `odd` says why durations cannot be what they are read as.
    """
    if review is None:
        return (SOURCE.judged(Status.SKIPPED, "service", NOT_SET, at=now),)
    lines = {source.name: source for source in review.sources}
    return tuple(
        _judge_source(taken, lines[name], mapped[name], odd.get(name), review, limits, now)
        for name, taken in read.items()
    )


def _judge_source(
    read: SourceRead | Unobserved,
    lines: SourceLines,
    mapped: Sequence[str],
    odd: Message | None,
    review: LogReview,
    limits: LogLimits,
    now: datetime,
) -> CheckResult:
    subject = f"log:{lines.name}"
    limit = Limit("≤", limits.max_quiet_min, "min", SETTINGS)
    if isinstance(read, Unobserved):
        return SOURCE.judged(Status.UNKNOWN, subject, read.reason, at=now, limit=limit)
    evidence: tuple[Evidence, ...] = (_accounts(lines),)
    problems = [*read.problems, *(damage.message for damage in lines.damaged)]
    if lines.counts.crowded and (crowded := crowded_moments(lines.counts.crowded)) not in problems:
        problems.append(crowded)
    if problems:
        partial = Table(msg("Problems while reading"), (msg("Problem"),), tuple((problem,) for problem in problems))
        evidence = (partial, *evidence)
    evidence = (*evidence, *_notes(read, lines))
    doubt = (
        _no_lines(lines, review)
        or _wrong_clock(lines, review, now, limits)
        or _no_time(lines)
        or _no_status(lines, mapped)
        or missing_field(lines, mapped, review.since)
        or _partial(problems)
        or _lost(lines)
        or _unknown_levels(lines, limits)
    )
    if doubt is not None:
        return SOURCE.judged(Status.UNKNOWN, subject, doubt, at=now, limit=limit, evidence=evidence)
    if lines.newest is None:
        return SOURCE.judged(Status.UNKNOWN, subject, _NO_TIME, at=now, limit=limit, evidence=evidence)
    most = -(-limits.max_quiet_min // lines.newest_step_min) * lines.newest_step_min
    minutes = int(max(timedelta(), review.until - lines.newest).total_seconds() // 60)
    status, reason = _fresh(lines, mapped, odd, lines.newest, minutes, most, limits)
    observed, limit = Quantity(minutes, "min"), Limit("≤", most, "min", SETTINGS)
    return SOURCE.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _fresh(
    lines: SourceLines,
    mapped: Sequence[str],
    odd: Message | None,
    newest: datetime,
    minutes: int,
    most: int,
    limits: LogLimits,
) -> tuple[Status, Message]:
    if minutes > most:
        return Status.UNKNOWN, msg("Log is stale: newest line {at}", at=moment(newest))
    gap = _gap(lines, {"", *mapped} - {_DURATION}, limits) or _unanswered(lines, limits)
    if gap is not None:
        return Status.UNKNOWN, gap
    # Only the verdict on response times rests on durations, and finds them missing itself.
    if _DURATION in mapped and not lines.counts.timed and lines.counts.requests:
        return Status.WARN, msg(
            "No request has a duration, so response times are unknown: correct [logs.source.fields]"
        )
    slow = _gap(lines, {_DURATION} & set(mapped), limits)
    if (doubt := slow or _untimed(lines, mapped, limits) or odd) is not None:
        return Status.WARN, doubt
    if lines.counts.hole_bytes:
        return Status.PASS, msg(
            "{lines} lines; the newest is {minutes} min old; {bytes} NUL bytes stand for lines that were read before",
            lines=lines.counts.lines,
            minutes=minutes,
            bytes=lines.counts.hole_bytes,
        )
    return Status.PASS, msg("{lines} lines; the newest is {minutes} min old", lines=lines.counts.lines, minutes=minutes)


def _no_lines(lines: SourceLines, review: LogReview) -> Message | None:
    counted = lines.counts
    if not counted.lines:
        return msg("No line between {since} and {until}", since=moment(review.since), until=moment(review.until))
    if not counted.parsed and counted.malformed:
        return msg("None of {lines} lines can be parsed: correct format in [[logs.source]]", lines=counted.malformed)
    if not counted.parsed:
        return msg("All {lines} lines are blank or from health probes: no user requests", lines=counted.lines)
    return None


def _no_time(lines: SourceLines) -> Message | None:
    return _NO_TIME if lines.counts.undated >= lines.counts.parsed else None


def _lost(lines: SourceLines) -> Message | None:
    """NUL bytes are what a crash or a full disk left of lines; of how many is not known."""
    if not lines.counts.lost_bytes:
        return None
    return msg("{bytes} NUL bytes stand in place of lines: what they held is lost", bytes=lines.counts.lost_bytes)


def _unknown_levels(lines: SourceLines, limits: LogLimits) -> Message | None:
    unknown, levelled = lines.counts.odd_levels, lines.counts.levelled
    if unknown <= limits.max_unknown_level_share * levelled:
        return None
    return msg(
        "{unknown} of {levelled} lines have an unknown level ({levels}), so errors would go unnoticed: say in "
        "[[logs.source]] levels what it means",
        unknown=unknown,
        levelled=levelled,
        levels=", ".join(level for level, _ in _most_frequent(lines) if level) or "…",
    )


def _most_frequent(lines: SourceLines) -> list[tuple[str, int]]:
    """Unknown levels with their lines, the most frequent first; those without a name last."""
    found = sorted(lines.odd_levels.items(), key=lambda item: (not item[0], -item[1], item[0]))
    return found[:_MOST_LEVELS]


def _no_status(lines: SourceLines, mapped: Sequence[str]) -> Message | None:
    if "status" not in mapped or lines.counts.requests:
        return None
    return msg(
        "None of {lines} lines has a status: correct [logs.source.fields], or set requests = false",
        lines=lines.counts.parsed,
    )


def _unanswered(lines: SourceLines, limits: LogLimits) -> Message | None:
    """A part of the requests says nothing of how it ended, such as those of an instance with another format."""
    counted = lines.counts
    unanswered = counted.unanswered + counted.aborted
    if not are_unanswered(unanswered, counted.requests, limits):
        return None
    requests = counted.requests + unanswered
    if counted.aborted > counted.unanswered:
        return msg(
            "{lines} of {requests} requests ended without an answer (status 0): clients gave up, or the service hung",
            lines=unanswered,
            requests=requests,
        )
    return msg(
        "{lines} of {requests} requests have no readable status, so failures would go unnoticed: correct status in "
        "[logs.source.fields], or its values in the log",
        lines=unanswered,
        requests=requests,
    )


def _untimed(lines: SourceLines, mapped: Collection[str], limits: LogLimits) -> Message | None:
    """A part of the requests without a duration: those that took longest, perhaps."""
    untimed, requests = lines.counts.requests - lines.counts.timed, lines.counts.requests
    few = untimed < limits.min_bad_requests or untimed <= limits.max_untimed_share * requests
    if _DURATION not in mapped or few:
        return None
    return msg(
        "{lines} of {requests} requests have no readable duration: correct duration in [logs.source.fields], or its "
        "values in the log",
        lines=untimed,
        requests=requests,
    )


def _partial(problems: Sequence[Message]) -> Message | None:
    return msg("Not read completely; problems: {count}", count=len(problems)) if problems else None


def _wrong_clock(lines: SourceLines, review: LogReview, now: datetime, limits: LogLimits) -> Message | None:
    """A wrong clock or zone makes a log that stopped look fresh, and lines count for other days; a few times do not."""
    is_past = review.until < now - _WHILE_READING  # yesterday's review, after midnight: today's lines come after it
    ahead = 0 if is_past else lines.ahead
    if lines.counts.misdated + ahead <= limits.max_misdated_share * (lines.counts.parsed + ahead):
        return None
    return msg(
        "{lines} lines have an impossible time, in the future or long before the lines around them: correct the "
        "service's clock or time zone",
        lines=lines.counts.misdated + ahead,
    )


_COUNTS: tuple[tuple[str, Callable[[HourCounts], float]], ...] = (
    ("", lambda counts: counts.parsed),
    ("timestamp", lambda counts: counts.dated),
    ("status", lambda counts: counts.requests),
    ("duration", lambda counts: counts.timed),
)
"""Counts of an hour's lines, by the field that gives them; the lines themselves need none."""


def _gap(lines: SourceLines, fields: Collection[str], limits: LogLimits) -> Message | None:
    """The first hours without what is usual then: lines were lost, or a release writes them in another way."""
    for field, count in _COUNTS:
        empty = [
            h for h in lines.hours if not count(h.counts) and h.usual and count(h.usual) >= limits.min_expected_lines
        ]
        if field in fields and empty:
            together = _together(empty)
            usual = round(min(count(hour.usual) for hour in together if hour.usual))
            since, until = moment(together[0].hour), moment(together[-1].hour + _HOUR)
            return _missing(field, since, until, usual)
    return None


def _missing(field: str, since: str, until: str, usual: int) -> Message:
    if not field:
        return msg(
            "No line from {since} to {until} (usually {usual} an hour): check for an outage or lost lines",
            since=since,
            until=until,
            usual=usual,
        )
    return msg(
        "No line from {since} to {until} has {field} (usually {usual} an hour): if a release changed the log "
        "format, correct [logs.source.fields]",
        since=since,
        until=until,
        field=field,
        usual=usual,
    )


def _together(hours: Sequence[SourceHour]) -> list[SourceHour]:
    found = [hours[0]]
    for hour in hours[1:]:
        if hour.hour - found[-1].hour != _HOUR:
            break
        found.append(hour)
    return found


def _accounts(lines: SourceLines) -> Table:
    counted = lines.counts
    rows: tuple[tuple[Message, int], ...] = (
        (msg("Lines"), counted.lines),
        (msg("Parsed"), counted.parsed),
        (msg("Malformed"), counted.malformed),
        (msg("Ignored (blank lines, health probes)"), counted.ignored),
        (msg("Without a readable time"), counted.undated - counted.misdated),
        (msg("With a value of an unexpected type"), counted.drifted),
        (msg("Requests"), counted.requests),
        (msg("Requests with a duration"), counted.timed),
    )
    unusual = (
        (msg("Malformed, perhaps a request"), counted.torn),
        (msg("Requests without a readable status"), counted.unanswered),
        (msg("Requests whose client left before an answer (status 0)"), counted.aborted),
        (msg("With an impossible time; counted where they stand"), counted.misdated),
        (msg("With an unknown level"), counted.odd_levels),
        (msg("Dated up to two days after the period"), lines.ahead),
        (msg("NUL bytes in place of lines"), counted.hole_bytes),
        (msg("NUL bytes whose lines were never read"), counted.lost_bytes),
    )
    found = tuple(row for row in unusual if row[1])
    return Table(msg("Lines in the period"), (msg("Kind of line"), msg("Count")), (*rows, *found))


def _notes(read: SourceRead, lines: SourceLines) -> Iterable[Table]:
    """The levels that nobody knows, and the files that were not read for their age."""
    levels = tuple((level or msg("Any further"), count) for level, count in _most_frequent(lines))
    if levels:
        yield Table(msg("Unknown levels"), (msg("Level"), msg("Count")), levels)
    if read.aged:
        files = tuple((file.path, moment(file.written_at)) for file in read.aged[-_MOST_AGED:])
        title = msg("Files not read for their age ([logs] keep_days): {files}", files=len(read.aged))
        yield Table(title, (msg("File"), msg("Last written to")), files)


def judge_malformed(review: LogReview | None, limits: LogLimits, now: datetime) -> tuple[CheckResult, ...]:
    """The share of lines that could not be read, or have no readable time; None when no log is configured."""
    if review is None:
        return (MALFORMED.judged(Status.SKIPPED, "service", NOT_SET, at=now),)
    return tuple(_judge_malformed(source, limits, now) for source in review.sources)


def _judge_malformed(source: SourceLines, limits: LogLimits, now: datetime) -> CheckResult:
    subject = f"log:{source.name}"
    limit = Limit("≤", percent(limits.max_malformed_share), "%", SETTINGS)
    counted = source.counts
    lines = counted.parsed + counted.malformed
    if not lines:
        return MALFORMED.judged(Status.UNKNOWN, subject, NO_LINE, at=now, limit=limit)
    undated = min(counted.undated - counted.misdated, counted.parsed)  # the log's own check tells of the others
    share = (counted.malformed + undated) / lines
    status = Status.WARN if share > limits.max_malformed_share else Status.PASS
    reason = msg("{malformed} of {lines} lines could not be parsed", malformed=counted.malformed, lines=lines)
    if undated:
        reason = msg(
            "{malformed} of {lines} lines could not be parsed, {undated} have no readable time",
            malformed=counted.malformed,
            lines=lines,
            undated=undated,
        )
    samples = Excerpt(msg("Example lines (masked)"), "\n".join(source.samples))
    evidence: tuple[Evidence, ...] = (samples,) if counted.malformed and source.samples else ()
    observed = Quantity(percent(share), "%")
    return MALFORMED.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def not_read(read: Mapping[str, SourceRead | Unobserved]) -> Message | None:
    """Why silence cannot be judged: a log from which lines may be missing; None when all were read to the end."""
    names = [name for name, source in read.items() if isinstance(source, Unobserved) or source.problems]
    return msg("Unknown: log {logs} was not read to the end", logs=", ".join(names)) if names else None


def source_doubt(results: Iterable[CheckResult]) -> Message | None:
    """Why nothing from the logs can pass: a log that is incomplete, stale or hardly readable."""
    doubted = [r for r in results if _is_doubtful(r)]
    if not doubted:
        return None
    names = dict.fromkeys(result.subject.removeprefix("log:") for result in doubted)
    return msg("No problem found, but log {logs} is incomplete or stale", logs=", ".join(names))


def _is_doubtful(result: CheckResult) -> bool:
    return result.status is Status.UNKNOWN or (result.check == MALFORMED.id and result.status is Status.WARN)


def downgrade_doubtful(
    results: Sequence[CheckResult], doubt: Message | None, *doubted: Status
) -> tuple[CheckResult, ...]:
    """The results, those with a doubted status as one UNKNOWN a check; what was found stays found."""
    if doubt is None:
        return tuple(results)
    found = [result for result in results if result.status not in doubted]
    for check in CHECKS:
        mine = [result for result in results if result.check == check.id and result.status in doubted]
        if mine:
            found.append(_in_doubt(check, mine, doubt))
    return tuple(found)


def _in_doubt(check: Check, results: Sequence[CheckResult], doubt: Message) -> CheckResult:
    subject = results[0].subject if len(results) == 1 else "service"
    evidence = tuple(piece for result in results for piece in result.evidence)
    return check.judged(
        Status.UNKNOWN, subject, doubt, at=results[0].observed_at, limit=results[0].limit, evidence=evidence
    )


def percent(share: float) -> float:
    """A share in percent, without the dust of binary fractions."""
    return round(share * 100, 10)
