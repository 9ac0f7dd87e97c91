"""The weekly performance report: the requests of the week beside those of the weeks before, and what limits them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.check_result import CheckResult, Message, moment, msg
from tasks.database.limits import DatabaseLimits
from tasks.history.kept import read_kept
from tasks.logs.judge.durations import doubtful_durations
from tasks.observation import Absent, Unobserved
from tasks.performance.checks import ERRORS, LATENCY, MEASURED, SLOWDOWN
from tasks.performance.facts import P50, P95, Hours, QueryTimes, Rollup, Traffic
from tasks.performance.judge.bottleneck import judge_bottleneck
from tasks.performance.judge.charts import week_charts
from tasks.performance.judge.database import judge_cache, judge_queries
from tasks.performance.judge.kpi import judge_kpis
from tasks.performance.judge.load_test import judge_load_test
from tasks.performance.judge.requests import judge_errors, judge_latency, judge_measured, with_silent
from tasks.performance.judge.slowdown import judge_slowdown
from tasks.performance.judge.words import (
    ERROR_BOUND,
    above_p95,
    doubt_of,
    doubted,
    error_percent,
    over_percent,
    shown,
)
from tasks.performance.look import (
    NO_HOURS,
    deploys_of,
    load_tests,
    look_at_queries,
    made_up_test,
    read_logs,
    read_signals,
    synthetic_notes,
)
from tasks.performance.observe import read_kpi_means, read_week
from tasks.performance.routes import compared
from tasks.resources.limits import ResourceLimits
from tasks.round import Round
from tasks.section import Kpi, Section, nothing_seen
from tasks.settings import Settings
from tasks.slo.sli.indicators import NO_LOG
from tasks.slo.windows import minute_of

_OF_REQUESTS = (MEASURED, LATENCY, SLOWDOWN, ERRORS)
_NO_REQUEST = msg("No request was counted in this week and the four before")


async def performance_report(run: Round) -> Section:
    """Take in what the logs have new, then judge the week that the round is for."""
    counted = "logs" in run.settings.sources_of_requests()
    doubt = await read_logs(run) if counted else None
    queries = await look_at_queries(run)
    return await asyncio.to_thread(_report, run, doubt, queries, counted)


@dataclass(frozen=True, slots=True)
class _Requests:
    """What the requests say: results, key figures, and what other checks rest on."""

    results: tuple[CheckResult, ...]
    kpis: tuple[Kpi, ...]
    hours: Hours | Absent
    slow: tuple[str, ...]
    doubt: Message | None


def _report(run: Round, logs: Message | None, queries: QueryTimes | Unobserved | Absent, counted: bool) -> Section:
    settings, history, now = run.settings, run.history, run.now()
    until = run.known_until(now)
    requests = _requests(run, logs, now) if counted else _unseen(Absent(NO_LOG), now)
    span = minute_of(run.period.start), minute_of(min(now, run.period.end))
    signals = read_signals(history, settings, requests.hours, requests.slow, queries, span)
    limits = settings.performance.limits
    database = DatabaseLimits() if settings.database is None else settings.database.limits
    resources = ResourceLimits() if settings.resources is None else settings.resources.limits
    means = read_kpi_means(history, settings.service.name, run.period, min(now, run.period.end), settings.zone)
    valid, newest = load_tests(history, settings, until)
    bottleneck = judge_bottleneck(signals, limits, database, resources, now)
    results = (
        *requests.results,
        judge_queries(queries, limits, now),
        judge_cache(signals.cache, database.min_cache_hit_percent, limits, now),
        *judge_kpis(settings.kpi, means, limits, now),
        judge_load_test(valid, newest, limits, until, now),
        *doubted((bottleneck,), requests.doubt, now),
    )
    notes = (
        *((ERROR_BOUND,) if counted else ()),
        *synthetic_notes(history, settings, run.period.start, signals),
        *made_up_test(valid),
    )
    return Section(results, requests.kpis, notes)


def _requests(run: Round, logs: Message | None, now: datetime) -> _Requests:
    settings, limits = run.settings, run.settings.performance.limits
    traffic = read_week(run.history, settings, run.period, now)
    kept = read_kept(run.history, settings.service.name, "hours")
    if kept is not None and run.period.start < kept:
        logs = msg("Requests by hour are kept from {at} on: the week begins before", at=moment(kept))
    if traffic is None:
        return _unseen(Unobserved(logs or _NO_REQUEST), now)
    deploys = deploys_of(run.history, settings, run.period.start, run.period.end)
    frame = compared(traffic, limits)
    modules = with_silent(traffic.modules, settings.known_modules(), traffic.service)
    charts = week_charts(traffic.hours, frame, deploys, limits)
    doubt = doubt_of(traffic.weeks, limits, logs)
    odd = _odd_durations(settings, (traffic.service, *modules))
    timed = (
        *judge_latency(traffic.service, modules, frame, charts, limits, now),
        *judge_slowdown(modules, frame, traffic.weeks, limits, now),
    )
    judged = (*doubted(timed, odd, now), *judge_errors(modules, limits, now))
    results = (judge_measured(traffic.weeks, limits, logs, now), *doubted(judged, doubt, now))
    slow = tuple(m.module for m in modules if m.timed[-1] >= limits.min_requests and above_p95(m, limits))
    return _Requests(results, _headlines(traffic, doubt or odd), traffic.hours, slow, doubt or odd)


def _odd_durations(settings: Settings, rollups: Sequence[Rollup]) -> Message | None:
    """Why the week's durations cannot be what they are read as."""
    medians = ((float(rollup.figures_ms[-1, P50]), int(rollup.timed[-1])) for rollup in rollups)
    found = (doubtful_durations(settings.logs, median, timed) for median, timed in medians)
    return next((doubt for doubt in found if doubt is not None), None)


def _unseen(why: Unobserved | Absent, now: datetime) -> _Requests:
    doubt = why.reason if isinstance(why, Unobserved) else None
    hours = why if isinstance(why, Absent) else NO_HOURS
    return _Requests(nothing_seen(_OF_REQUESTS, why, now).results, _kpis(None, None, None, None), hours, (), doubt)


def _headlines(traffic: Traffic, doubt: Message | None) -> tuple[Kpi, ...]:
    """The week's figures; of one that was not measured whole there are none."""
    minutes = traffic.weeks.measured_min[-1]
    if doubt is not None or not minutes:
        return _kpis(None, None, None, None)
    service = traffic.service
    per_second = int(service.valid[-1]) / (60 * minutes)
    return _kpis(float(service.figures_ms[-1, P95]), per_second, over_percent(service), error_percent(service))


def _kpis(p95: float | None, per_second: float | None, over: float | None, errors: float | None) -> tuple[Kpi, ...]:
    return (
        Kpi("performance.p95", msg("p95 of all requests"), shown(p95), "ms"),
        Kpi("performance.requests", msg("Requests per second"), shown(per_second), "/s"),
        Kpi("performance.slow", msg("Requests above the limit of p95"), shown(over), "%"),
        Kpi("performance.failed", msg("Failed requests"), shown(errors), "%"),
    )
