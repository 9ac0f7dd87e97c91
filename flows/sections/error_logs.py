"""Error log review: was every log read, and what do its lines tell of errors, silence and what should not be there?"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, time, timedelta

from flows.rounds import Round
from reports.report import Kpi, Section
from tasks.check_result import Message, msg
from tasks.logs.facts import LogReview, SourceRead
from tasks.logs.ingest import read_log
from tasks.logs.judge import (
    judge_error_share,
    judge_malformed,
    judge_personal_data,
    judge_refused_requests,
    judge_silent_modules,
    judge_sources,
)
from tasks.logs.judge_errors import judge_errors
from tasks.logs.settings import Source
from tasks.logs.store_review import read_review
from tasks.observation import Unobserved, seen

_PERIOD = timedelta(hours=24)
_DEADLINE_S = 1200.0
"""Lines that come later wait for the next round: the review must end within the flow's deadline."""


async def error_log_review(round_: Round) -> Section:
    """Take in what the logs have new, then judge the last 24 hours, or the whole day that the round is for."""
    settings, limits = round_.settings, round_.settings.logs.limits
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
    now, whole = round_.now(), _whole(read, review)
    return Section(
        (
            *judge_sources(read, review, {source.name: _needed(source) for source in sources}, limits, now),
            *judge_malformed(review, limits, now),
            *judge_error_share(whole, limits, now),
            *judge_errors(whole, limits, now),
            *judge_silent_modules(whole, settings.service.modules, limits, now),
            *judge_personal_data(whole, limits, now),
            judge_refused_requests(whole, limits, now),
        ),
        (Kpi(msg("Error lines of the period"), _error_lines(review), ""),),
        _notes(review),
    )


def period(round_: Round) -> tuple[datetime, datetime]:
    """The 24 hours before a round of today, or the whole day in the service's zone that it is for."""
    if round_.past is None:
        return round_.now() - _PERIOD, round_.now()
    day, zone = datetime.fromisoformat(round_.key.period).date(), round_.settings.zone
    return tuple(datetime.combine(d, time(), zone) for d in (day, day + timedelta(days=1)))  # type: ignore[return-value]


def _whole(read: Mapping[str, SourceRead | Unobserved], review: LogReview | None) -> LogReview | Unobserved | None:
    """The review, unless a log is missing from it: of what was not read nothing is known to be well."""
    missing = [name for name, source in read.items() if isinstance(source, Unobserved)]
    return Unobserved(msg("Not read: {logs}", logs=", ".join(missing))) if missing else review


def _needed(source: Source) -> tuple[str, ...]:
    """The fields that the lines of a source must hold: those named in the service file, and what is counted by."""
    if source.format != "json":
        return ()
    counted = ("timestamp", "status", "duration") if source.requests else ("timestamp",)
    return tuple(dict.fromkeys((*counted, *sorted(source.fields.model_fields_set))))


def _error_lines(review: LogReview | None) -> float | None:
    if review is None or not sum(source.counts.parsed for source in review.sources):
        return None
    return float(sum(module.errors for module in review.modules))


def _notes(review: LogReview | None) -> tuple[Message, ...]:
    made_up = [source.name for source in review.sources if source.synthetic] if review else []
    if not made_up:
        return ()
    return (msg("Synthetic: the lines of {sources} are generated, not a service's", sources=", ".join(made_up)),)
