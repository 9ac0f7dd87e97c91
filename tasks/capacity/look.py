"""What capacity planning rests on: the days of every resource and of traffic, and the last load tests."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from tasks.database.judge import SUBJECT as DATABASE
from tasks.load.facts import JudgedRun
from tasks.load.store.runs import read_runs
from tasks.logs.look import read_sources
from tasks.observation import Unobserved
from tasks.round import Round
from tasks.samples.facts import DailySeries
from tasks.samples.roll_up import keep_days
from tasks.samples.store.days import read_days
from tasks.samples.store.peaks import PEAK
from tasks.settings import Settings

HISTORY_DAYS: Final = 400
"""How far back days are looked at: a year and some weeks."""
_LOAD_TESTS = 20
_LOG_DEADLINE_S = 600.0
_HOST = "host"


@dataclass(frozen=True, slots=True)
class CapacityFacts:
    """The days before `today`, the day on which `as_of` is, and the load tests up to it, newest first.

    `logs_doubt` is why the newest requests may be missing.
    """

    as_of: datetime
    today: date
    series: tuple[DailySeries, ...]
    load_tests: tuple[JudgedRun, ...]
    logs_doubt: Unobserved | None

    @property
    def peaks(self) -> tuple[DailySeries, ...]:
        """The traffic of the service and of its modules."""
        return tuple(series for series in self.series if series.name == PEAK)


async def look_at_capacity(run: Round) -> CapacityFacts:
    """Take in what the logs have new, roll up what is not yet, and read the days. Raises HistoryError."""
    settings, history, service = run.settings, run.history, run.key.service
    doubt = await _read_logs(run)
    await keep_days(run)
    as_of = run.known_until(run.now())
    today = as_of.astimezone(settings.zone).date()
    first = today - timedelta(days=HISTORY_DAYS)
    series = await asyncio.to_thread(read_days, history, service, first, today)
    tests = await asyncio.to_thread(read_runs, history, service, as_of, most=_LOAD_TESTS)
    return CapacityFacts(as_of, today, series, tests, doubt)


def expected_resources(settings: Settings) -> Iterator[tuple[str, str]]:
    """The kinds of resources that the service file asks to watch, each with its subject: none may be missing."""
    if settings.resources is not None:
        yield from ((name, _HOST) for name in ("disk.used", "memory.used", "cpu.used"))
    if settings.database is not None:
        yield from ((name, DATABASE) for name in ("database.connections", "database.size"))


async def _read_logs(run: Round) -> Unobserved | None:
    for read in (await read_sources(run, run.settings.logs.source, _LOG_DEADLINE_S)).values():
        if isinstance(read, Unobserved):
            return read
        if read.problems:
            return Unobserved(read.problems[0])
    return None
