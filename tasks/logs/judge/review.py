"""The whole error log review: while a log is incomplete or stale, none of its checks passes."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tasks.check_result import CheckResult, Message, Status
from tasks.logs.facts import LogReview, SourceRead
from tasks.logs.judge.durations import doubtful_durations
from tasks.logs.judge.errors import judge_errors
from tasks.logs.judge.latency import judge_latency
from tasks.logs.judge.modules import (
    judge_error_share,
    judge_personal_data,
    judge_refused_requests,
    judge_silent_modules,
    unless_lumped,
)
from tasks.logs.judge.sources import downgrade_doubtful, judge_malformed, judge_sources, not_read, source_doubt
from tasks.logs.settings import Logs, Source
from tasks.observation import Unobserved


def judge_review(
    logs: Logs,
    modules: Sequence[str],
    read: Mapping[str, SourceRead | Unobserved],
    review: LogReview | None,
    now: datetime,
) -> tuple[tuple[CheckResult, ...], Message | None]:
    """The results, and why the logs are in doubt; `modules` must write to the log."""
    limits = logs.limits
    needed = {source.name: needed_fields(source) for source in logs.source}
    sources = judge_sources(read, review, needed, limits, now, _odd_durations(logs, review))
    lines = tuple(_unless_doubtful(result, sources) for result in judge_malformed(review, limits, now))
    doubt = source_doubt((*sources, *lines))
    counted = any(source.requests for source in logs.source)
    found = (
        *judge_error_share(review, limits, now, counted=counted),
        *(unless_lumped(result, review) for result in judge_latency(review, logs, now)),
        *judge_errors(review, limits, now),
        *judge_personal_data(review, limits, now),
        judge_refused_requests(review, limits, now, counted=counted),
    )
    silence = judge_silent_modules(review, modules, limits, now)
    silence = downgrade_doubtful(silence, not_read(read), Status.FAIL, Status.WARN, Status.PASS)
    sure = downgrade_doubtful((*found, *silence), doubt, Status.PASS)
    return (*sources, *lines, *sure), doubt


def _odd_durations(logs: Logs, review: LogReview | None) -> dict[str, Message]:
    """Why durations cannot be what they are read as, by each log that they may be of."""
    modules = [times for times in review.times if not times.route] if review else []
    found = (doubtful_durations(logs, times.median_ms, times.timed) for times in modules)
    return {name: doubt for doubt in found if doubt is not None for name in str(doubt.params["sources"]).split(", ")}


def _unless_doubtful(malformed: CheckResult, sources: Sequence[CheckResult]) -> CheckResult:
    """How readable a log is, unless that log itself is in doubt."""
    doubt = source_doubt(source for source in sources if source.subject == malformed.subject)
    return downgrade_doubtful([malformed], doubt, Status.PASS)[0]


def needed_fields(source: Source) -> tuple[str, ...]:
    """The fields that the lines of a source must hold: those named in the service file, and what is counted by."""
    if source.format != "json":  # the format itself says what a line holds; a duration is an addition to it
        return ("timestamp", "status") if source.requests else ("timestamp",)
    counted = ("timestamp", "status", "duration") if source.requests else ("timestamp",)
    named = source.fields.model_fields_set - {"error"}  # a healthy service writes none
    return tuple(dict.fromkeys((*counted, *sorted(named))))


def error_lines(review: LogReview | None) -> float | None:
    """The error lines of the period; None where no line could be read, so that nothing is known of them."""
    if review is None or not sum(source.counts.parsed for source in review.sources):
        return None
    return float(sum(module.errors for module in review.modules))
