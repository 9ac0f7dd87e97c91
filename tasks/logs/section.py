"""Error log review: was every log read, and do its lines show errors, silence or anything that should not be there?"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tasks.check_result import Message, moment, msg
from tasks.history.kept import read_kept
from tasks.logs.checks import CHECKS, LINE
from tasks.logs.facts import LogReview
from tasks.logs.judge.review import error_lines, judge_review
from tasks.logs.look import read_sources
from tasks.logs.store.review import read_review
from tasks.logs.store.times import read_times
from tasks.observation import Unobserved
from tasks.round import Round, System
from tasks.section import Kpi, Section, nothing_seen

_PERIOD = timedelta(hours=24)
_DEADLINE_S = 600.0
"""Lines that come later wait for the next round: the review must end within the flow's deadline."""


async def error_log_review(run: Round) -> Section:
    """Take in what the logs have new, then judge the last 24 hours, or the whole day that the round is for."""
    settings = run.settings
    sources = settings.logs.source
    since, until = period(run)
    kept = await asyncio.to_thread(read_kept, run.history, run.key.service, "hours")
    if sources and kept is not None and since < kept:
        gone = Unobserved(msg("Log counts by hour are kept from {at} on: the day begins before", at=moment(kept)))
        return nothing_seen(CHECKS, gone, run.now())
    read = await read_sources(run, sources, _DEADLINE_S)
    review: LogReview | None = None
    if sources:
        names = [source.name for source in sources]
        review = await asyncio.to_thread(_read, run, names, since, until)
    results, doubt = judge_review(settings.logs, settings.service.modules, read, review, run.now())
    errors = Kpi("logs.error-lines", msg("Error lines in the period"), None if doubt else error_lines(review), "")
    return Section(results, (errors,), _notes(review))


def _read(run: Round, names: Sequence[str], since: datetime, until: datetime) -> LogReview:
    service, limit_ms = run.settings.service.name, run.settings.logs.limits.max_p95_ms
    review = read_review(run.history, service, names, since, until)
    return replace(review, times=read_times(run.history, service, review.since, review.until, limit_ms))


def period(run: Round) -> tuple[datetime, datetime]:
    """The 24 hours before a round of today, or the whole day in the service's zone that it is for."""
    if run.past is None:
        return run.now() - _PERIOD, run.now()
    return run.period.start, run.period.end


def _notes(review: LogReview | None) -> tuple[Message, ...]:
    made_up = [source.name for source in review.sources if source.synthetic] if review else []
    if not made_up:
        return ()
    return (msg("Synthetic data: log {sources} is generated", sources=", ".join(made_up)),)


LOGS: Final = System(LINE, CHECKS, error_log_review)
