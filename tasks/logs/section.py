"""Error log review: was every log read, and what do its lines tell of errors, silence and what should not be there?"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from tasks.check_result import CheckResult, Message, Status, msg
from tasks.logs.checks import CHECKS, LINE
from tasks.logs.facts import LogReview, SourceRead
from tasks.logs.ingest import read_log
from tasks.logs.judge.errors import judge_errors
from tasks.logs.judge.modules import (
    judge_error_share,
    judge_personal_data,
    judge_refused_requests,
    judge_silent_modules,
)
from tasks.logs.judge.sources import judge_malformed, judge_sources, not_read, not_sure, unless_doubted
from tasks.logs.settings import Source
from tasks.logs.store.review import read_review
from tasks.observation import Unobserved, seen
from tasks.round import Round, System
from tasks.section import Kpi, Section
from tasks.settings import Settings

_PERIOD = timedelta(hours=24)
_DEADLINE_S = 600.0
"""Lines that come later wait for the next round: the review must end within the flow's deadline."""


async def error_log_review(round_: Round) -> Section:
    """Take in what the logs have new, then judge the last 24 hours, or the whole day that the round is for."""
    settings = round_.settings
    sources = settings.logs.source
    read: dict[str, SourceRead | Unobserved] = {}
    for source in sources:
        look = asyncio.to_thread(read_log, round_.history, settings, source, round_.now(), _DEADLINE_S / len(sources))
        read[source.name] = await seen(look)
    since, until = period(round_)
    review: LogReview | None = None
    if sources:
        names = [source.name for source in sources]
        review = await asyncio.to_thread(read_review, round_.history, settings.service.name, names, since, until)
    results, doubt = _judged(settings, read, review, round_.now())
    errors = Kpi(msg("Error lines of the period"), None if doubt else _error_lines(review), "")
    return Section(results, (errors,), _notes(review))


def _judged(
    settings: Settings, read: Mapping[str, SourceRead | Unobserved], review: LogReview | None, now: datetime
) -> tuple[tuple[CheckResult, ...], Message | None]:
    """The results, and why what the logs tell is not the whole; then nothing that they tell is called good."""
    limits = settings.logs.limits
    logs = judge_sources(read, review, {source.name: _needed(source) for source in settings.logs.source}, limits, now)
    lines = tuple(
        unless_doubted([result], not_sure(log for log in logs if log.subject == result.subject), Status.PASS)[0]
        for result in judge_malformed(review, limits, now)
    )
    doubt = not_sure((*logs, *lines))
    told = (
        *judge_error_share(review, limits, now),
        *judge_errors(review, limits, now),
        *judge_personal_data(review, limits, now),
        judge_refused_requests(review, limits, now),
    )
    silence = judge_silent_modules(review, settings.service.modules, limits, now)
    silence = unless_doubted(silence, not_read(read), Status.FAIL, Status.WARN, Status.PASS)
    sure = unless_doubted((*told, *silence), doubt, Status.PASS)
    return (*logs, *lines, *sure), doubt


def period(round_: Round) -> tuple[datetime, datetime]:
    """The 24 hours before a round of today, or the whole day in the service's zone that it is for."""
    if round_.past is None:
        return round_.now() - _PERIOD, round_.now()
    return round_.period.start, round_.period.end


def _needed(source: Source) -> tuple[str, ...]:
    """The fields that the lines of a source must hold: those named in the service file, and what is counted by."""
    if source.format != "json":  # the format itself says what a line holds; a duration is an addition to it
        return ("timestamp", "status") if source.requests else ("timestamp",)
    counted = ("timestamp", "status", "duration") if source.requests else ("timestamp",)
    named = source.fields.model_fields_set - {"error"}  # a healthy service writes none
    return tuple(dict.fromkeys((*counted, *sorted(named))))


def _error_lines(review: LogReview | None) -> float | None:
    if review is None or not sum(source.counts.parsed for source in review.sources):
        return None
    return float(sum(module.errors for module in review.modules))


def _notes(review: LogReview | None) -> tuple[Message, ...]:
    made_up = [source.name for source in review.sources if source.synthetic] if review else []
    if not made_up:
        return ()
    return (msg("Synthetic: the lines of {sources} are generated, not a service's", sources=", ".join(made_up)),)


LOGS: Final = System(LINE, CHECKS, error_log_review)
