"""Personal data in the logs of the week, from what was counted when they were read."""

import asyncio
from functools import partial

from tasks.check_result import CheckResult, Message, msg
from tasks.logs.facts import LogReview
from tasks.logs.store.review import read_review
from tasks.round import Round
from tasks.security.audit.lines import whole_days
from tasks.security.judge.personal import judge_personal
from tasks.security.shown import shown


async def judge_personal_week(run: Round) -> tuple[CheckResult, ...]:
    """PERSONAL_DATA of the period that the round is for, past or not: the counts are still there."""
    settings, period = run.settings, run.period
    names = [source.name for source in settings.logs.source]
    review = None
    if names:
        read = partial(read_review, run.history, settings.service.name, names, period.start, period.end)
        review = await shown("read-personal-data", partial(asyncio.to_thread, read), _lines)
    days = whole_days(period.start, period.end, run.now(), settings.zone)
    return (judge_personal(review, days, settings.zone, settings.logs.limits, run.now()),)


def _lines(review: LogReview) -> Message:
    return msg("{lines} lines", lines=sum(source.counts.lines for source in review.sources))
