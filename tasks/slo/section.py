"""SLO review: the result of each objective, what is left of its error budget, and what the policy requires."""

import asyncio
from typing import Final

from tasks.check_result import CheckResult, Message, msg
from tasks.logs.look import read_sources
from tasks.logs.store.unread import read_damage
from tasks.observation import Unobserved
from tasks.round import Round, System
from tasks.section import Kpi, Section, first_figure
from tasks.slo.checks import AVAILABILITY, CHECKS, DEPLOYS, LINE, UPTIME
from tasks.slo.judge.budget import least_left_percent
from tasks.slo.judge.months import judge_month, month_figures, not_frozen
from tasks.slo.judge.review import judge_review
from tasks.slo.look import notes_on, objectives_of, read_slis, request_logs
from tasks.slo.review import Review, review_of, span_of, windows_of
from tasks.slo.settings import Objective, Uptime
from tasks.slo.sli.minutes import Span
from tasks.slo.store.months import freeze_month, read_frozen
from tasks.slo.windows import minute_of

_GUIDE = msg("the guide's SLI and SLO tables")
_FILE = msg("the service file")
_NOTHING = msg("Nothing was measured in the month: nothing to freeze")
_LOG_DEADLINE_S = 600.0


async def slo_review(run: Round) -> Section:
    """Take in what the logs have new, then count and judge every objective as it stood when the period ended."""
    settings, slo = run.settings, run.settings.slo
    objectives = objectives_of(settings)
    as_of = min(run.period.end, run.now())
    windows = windows_of(objectives, slo, as_of, settings.zone)
    span = span_of(windows, slo, as_of, run.now())
    doubt = await _read_logs(run, objectives, span)
    data = await read_slis(run.history, settings, objectives, span, minute_of(run.now()))
    review = review_of(objectives, windows, slo, data, as_of, settings.zone, doubt)
    source = _FILE if slo.objective else _GUIDE
    running = as_of < run.period.end
    results = judge_review(review, slo, settings.service.environment, source, run.now())
    if not running and run.period.is_month:
        results = (*results, await _frozen(run, review, doubt))
    notes = await asyncio.to_thread(notes_on, run.history, settings, objectives, data)
    return Section(results, _headlines(results, review), notes)


async def _read_logs(run: Round, objectives: tuple[Objective, ...], span: Span) -> Message | None:
    """Read the logs of requests to their end if any objective needs them; why they are incomplete, or None."""
    if not any(isinstance(o, Uptime) or getattr(o, "source", "") == "logs" for o in objectives):
        return None
    sources = request_logs(run.settings)
    for read in (await read_sources(run, sources, _LOG_DEADLINE_S)).values():
        if isinstance(read, Unobserved):
            return read.reason
        if read.problems:
            return read.problems[0]
    names, hours = [source.name for source in sources], (span[0] // 60, -(-span[1] // 60))
    damage = await asyncio.to_thread(read_damage, run.history, run.settings.service.name, names, *hours)
    return damage[0] if damage else None


async def _frozen(run: Round, review: Review, doubt: Message | None) -> CheckResult:
    """Freeze the figures of a month that is over, or say what has changed since they were; not while in doubt."""
    settings, period = run.settings, run.period
    name, now = settings.service.name, run.now()
    if (gone := review.not_kept) is not None:
        before = await asyncio.to_thread(read_frozen, run.history, name, period.key)
        return not_frozen(gone.reason, period, now) if before is None else judge_month(before, period, now)
    if not any(state.counted.measured_min for state in review.states):
        doubt = doubt or _NOTHING
    if doubt is not None:
        return not_frozen(doubt, period, now)
    figures = month_figures(period, settings.service.timezone, review, settings.service.environment)
    frozen = await asyncio.to_thread(freeze_month, run.history, name, period.key, figures, now)
    return judge_month(frozen, period, now)


def _headlines(results: tuple[CheckResult, ...], review: Review) -> tuple[Kpi, ...]:
    return (
        Kpi("slo.availability", msg("Availability"), first_figure(results, AVAILABILITY), "%"),
        Kpi("slo.uptime", msg("Uptime"), first_figure(results, UPTIME), "%"),
        Kpi("slo.budget", msg("Lowest remaining budget"), least_left_percent(review.states), "%"),
        Kpi("slo.deploys", msg("Deploys per week"), first_figure(results, DEPLOYS), ""),
    )


SLO: Final = System(LINE, CHECKS, slo_review)
