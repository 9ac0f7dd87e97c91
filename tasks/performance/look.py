"""Gathers what the report is made of beside the requests: figures of monitoring, queries, records, load tests."""

import asyncio
from datetime import datetime
from functools import partial

import numpy as np

from tasks.check_result import Message, moment, msg
from tasks.history.engine import History
from tasks.history.kept import read_kept
from tasks.load.facts import JudgedRun
from tasks.load.store.runs import last_run
from tasks.logs.look import read_sources
from tasks.observation import Absent, Unobserved, seen
from tasks.performance.facts import Gauge, Hours, QueryTimes, Signals, StatementTotals
from tasks.performance.observe import read_gauge
from tasks.performance.query_times import times_between
from tasks.performance.statements import read_statements
from tasks.performance.store.statements import read_week_old, store_totals
from tasks.records.facts import Deploy, Origin
from tasks.records.store.records import read_deploys
from tasks.resources.look import database_server
from tasks.round import Round
from tasks.samples.store.minutes import synthetic_until
from tasks.settings import Settings
from tasks.slo.sli.minutes import Span
from tasks.slo.windows import minute_of
from tasks.visible import StepState, async_step

_LOG_DEADLINE_S = 600.0
_NO_DATABASE = Absent(msg("The service file has no [database]"))
_NO_MACHINE = Absent(msg("The service file has no [resources]"))
_NO_LOAD = Absent(msg("[load] is not set in the service file: no load test is run"))
NO_HOURS = Hours((), np.zeros(0, dtype=np.int64), np.zeros(0))


async def read_logs(run: Round) -> Message | None:
    """Read every log that counts requests to its end; why they are incomplete, or None."""
    sources = [source for source in run.settings.logs.source if source.requests]
    for read in (await read_sources(run, sources, _LOG_DEADLINE_S)).values():
        if isinstance(read, Unobserved):
            return read.reason
        if read.problems:
            return read.problems[0]
    return None


async def look_at_queries(run: Round) -> QueryTimes | Unobserved | Absent:
    """The database's queries since about a week ago; the counters are kept for the next report.

    Raises ConfigurationError for an address that cannot be resolved or used, and HistoryError.
    """
    server, now, name = database_server(run.settings), run.now(), run.key.service
    if server is None:
        return _NO_DATABASE
    if run.known_until(now) != now:
        return Unobserved(msg("Only the present can be checked, not {day}", day=run.period.key))
    look = partial(asyncio.to_thread, read_statements.fn, server, now)
    totals = await async_step("read-statements", lambda: seen(look()), _state)
    if not isinstance(totals, StatementTotals):
        return totals
    before = await asyncio.to_thread(read_week_old, run.history, name, now)
    await asyncio.to_thread(store_totals, run.history, name, totals)
    return times_between(before, totals)


def _state(seen_: StatementTotals | Absent | Unobserved) -> StepState:
    if isinstance(seen_, StatementTotals):
        return StepState("Read", msg("{n} queries were read", n=len(seen_.statements)), good=True)
    if isinstance(seen_, Absent):
        return StepState("Absent", seen_.reason, good=True)
    return StepState("Unknown", seen_.reason, good=False)


def read_signals(
    history: History,
    settings: Settings,
    hours: Hours | Absent,
    slow: tuple[str, ...],
    queries: QueryTimes | Unobserved | Absent,
    span: Span,
) -> Signals:
    """What may show a bottleneck in a span of minutes. Raises HistoryError."""

    kept = read_kept(history, settings.service.name, "minutes")

    def gauge(name: str) -> Gauge | Unobserved | None:
        if kept is not None and span[0] < minute_of(kept):
            return Unobserved(msg("Samples by minute are kept from {at} on", at=moment(kept)))
        return read_gauge(
            history, settings.service.name, name, hours if isinstance(hours, Hours) and hours.at else None, span
        )

    database = settings.database is not None
    return Signals(
        hours,
        slow,
        gauge("database.connections") if database else _NO_DATABASE,
        gauge("cpu.used") if settings.resources is not None else _NO_MACHINE,
        gauge("database.cache-hit") if database else _NO_DATABASE,
        queries,
    )


def deploys_of(history: History, settings: Settings, since: datetime, until: datetime) -> list[Deploy]:
    """The deploys to the service's environment in a span. Raises HistoryError."""
    every = read_deploys(history, settings.service.name, since, until)
    here = settings.service.environment
    return [deploy for deploy in every if deploy.environment == here and deploy.origin is not Origin.FIRST_SEEN]


def load_tests(
    history: History, settings: Settings, until: datetime
) -> tuple[JudgedRun | Absent | None, JudgedRun | None]:
    """The newest load test that said something, and the newest of all, up to an instant. Raises HistoryError."""
    newest = last_run(history, settings.service.name, until)
    if newest is None and settings.load is None:
        return _NO_LOAD, None
    return last_run(history, settings.service.name, until, valid=True), newest


def made_up_test(valid: JudgedRun | Absent | None) -> tuple[Message, ...]:
    """Says that the load test the report rests on is generated."""
    if not isinstance(valid, JudgedRun) or not valid.run.synthetic:
        return ()
    return (msg("Synthetic data: the load test of {at} is generated", at=moment(valid.run.at)),)


def synthetic_notes(history: History, settings: Settings, since: datetime, signals: Signals) -> tuple[Message, ...]:
    """What of the figures is generated. Raises HistoryError."""
    notes = []
    if made_up := [source.name for source in settings.logs.source if source.synthetic]:
        notes.append(msg("Synthetic data: log {sources} is generated", sources=", ".join(made_up)))
    until = synthetic_until(history, settings.service.name)
    sampled = any(isinstance(seen_, Gauge) for seen_ in (signals.connections, signals.cpu, signals.cache))
    if until is not None and until > since and (sampled or settings.kpi):
        notes.append(msg("Synthetic data: samples up to {at} are generated", at=moment(until)))
    return tuple(notes)
