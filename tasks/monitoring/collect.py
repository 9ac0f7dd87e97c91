"""One minute of one service: probes, logs and figures into the history, as plain calls."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from tasks.check_result import Message, moment, msg
from tasks.deadline import Deadline
from tasks.health.look import health_readings, read_versions
from tasks.health.settings import Health
from tasks.history.engine import History
from tasks.logs.facts import SourceRead
from tasks.logs.ingest import read_log
from tasks.logs.settings import Source
from tasks.observation import Unobserved, seen
from tasks.records.store.records import note_version
from tasks.resources.look import is_asked_for, resource_readings
from tasks.resources.observe import note_counters
from tasks.resources.watch import Watch
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.settings import Settings

MISSING: Final = "monitoring.missing"
"""Sample of each minute: how many things could not be collected."""
_LOG_S = 40.0
"""Lines that come later wait for the next minute."""
_NOTHING_GIVEN = msg("Nothing that the service file asks for is on this machine")
NOTHING_ASKED = msg(
    "the service file names nothing to collect: set [health] live or ready, [[logs.source]], [resources], [database], "
    "[[queues]], [[kpi]] or [alerts]"
)


def asks_for_something(settings: Settings) -> bool:
    """False where the service file names nothing that could be collected."""
    health = settings.health or Health()
    probed = (health.live, health.ready, health.report) != (None, None, None)
    return probed or bool(settings.logs.source) or is_asked_for(settings)


def is_monitored(settings: Settings) -> bool:
    """False where there is nothing to do every minute: alerts alone, such as those of a Prometheus, are something."""
    return asks_for_something(settings) or settings.alerts is not None


@dataclass(frozen=True, slots=True)
class Collected:
    """What a minute gave, and why other things are missing; `deployed` is a version that nobody had recorded.

    `anything` is False where neither a figure nor a log nor a version could be had, `ended` where it was cut off.
    """

    found: str
    missing: tuple[Message, ...]
    deployed: str | None = None
    anything: bool = False
    ended: bool = True


class Collector:
    """Collects minute after minute of one service; `threads` must have room for what hangs."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._watch = Watch()
        self._reads: dict[str, tuple[datetime, Future[SourceRead]]] = {}

    @property
    def hangs(self) -> bool:
        """True while a log is being read: after the last minute, one that cannot be."""
        return any(not reading.done() for _, reading in self._reads.values())

    def get_ready(self, settings: Settings) -> None:
        """Begin to watch this machine, so that the first minute need not wait for its counters to move."""
        if settings.resources is not None:
            note_counters(self._watch)

    async def collect(self, settings: Settings, history: History, now: datetime, deadline: Deadline) -> Collected:
        """Store all of a minute that can be had. Raises ExplainedError for settings or a history that cannot be used.

        What has not come by the deadline is missing; what was stored before stays.
        """
        if not asks_for_something(settings):
            return Collected("alerts alone", ()) if settings.alerts else Collected("", (NOTHING_ASKED,))
        name = settings.service.name
        probes, no_probe = await health_readings(settings)  # first and alone: what follows takes CPU time
        deadline.require()  # a process that was suspended takes its own time for the service's
        kept = await _store(history, name, probes, now)  # at once: an outage must not be lost with what hangs later
        (figures, no_figure), logs, (version, no_version) = await asyncio.gather(
            resource_readings(settings, self._watch), self._logs(history, settings, now), read_versions(settings)
        )
        kept += await _store(history, name, figures, now)
        deployed = await _noted(history, settings, version, now)
        missing = [*no_probe, *no_figure, *(log for log in logs if isinstance(log, Unobserved)), *no_version]
        read = [log for log in logs if isinstance(log, SourceRead)]
        partly = [problem for log in read for problem in log.problems]
        lines = sum(log.lines for log in read)  # none is right for a quiet minute: the log was read
        found = f"{kept} figures, {lines} log lines"
        if not (kept or read or missing):
            if settings.health is None or settings.health.report is None:
                partly.append(_NOTHING_GIVEN)
            found = f"{found}, {'no common version' if version is None else f'version {version}'}"
        problems = (*(part.reason for part in missing), *partly)
        await _store(history, name, [Reading(MISSING, "service", len(problems), "")], now)
        return Collected(found, problems, deployed, bool(kept or read) or version is not None)

    async def _logs(self, history: History, settings: Settings, now: datetime) -> list[SourceRead | Unobserved]:
        return await asyncio.gather(*(self._log(history, settings, source, now) for source in settings.logs.source))

    async def _log(
        self, history: History, settings: Settings, source: Source, now: datetime
    ) -> SourceRead | Unobserved:
        """A log's new lines; while its last reading hangs, as on a file server that is gone, none is begun."""
        if (before := self._reads.get(source.name)) is not None and not before[1].done():
            return Unobserved(msg("The reading of {at} has not ended", at=moment(before[0])))
        read = partial(copy_context().run, read_log, history, settings, source, now, _LOG_S)
        future = self._threads.submit(read)
        self._reads[source.name] = (now, future)
        return await seen(asyncio.wrap_future(future))


async def _store(history: History, service: str, readings: Sequence[Reading], now: datetime) -> int:
    return await asyncio.to_thread(store_readings, history, service, [(now, reading) for reading in readings])


async def _noted(history: History, settings: Settings, version: str | None, now: datetime) -> str | None:
    """A version that is new is a deploy, even if nobody records it."""
    name, environment = settings.service.name, settings.service.environment
    new = version is not None and await asyncio.to_thread(note_version, history, name, environment, version, now)
    return f"{environment} runs version {version}" if new else None
