"""監視サイクル: メトリクス収集 / the guide's monitoring cycle, its first step: collect."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.timing import Schedule, Timing, missed, planned_start
from tasks.check_result import Message, msg
from tasks.health.look import health_readings, read_versions
from tasks.health.settings import Health
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.logs.facts import SourceRead
from tasks.logs.ingest import read_log
from tasks.observation import Unobserved, seen
from tasks.records.store.records import note_version
from tasks.resources.look import is_asked_for, resource_readings
from tasks.round import utc_now
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.secrets import masked
from tasks.settings import Settings, find_service

TIMING = Timing(max_lateness=timedelta(minutes=2), deadline=timedelta(minutes=2))
SCHEDULE = Schedule("* * * * *", "monitoring-every-minute")
INCOMPLETE = "Incomplete"
_NOTHING_ASKED = (
    "the service file names nothing to collect: set [health] live or ready, [[logs.source]], [resources] or [database]"
)
_NOTHING_GIVEN = msg("Nothing that the service file asks for is on this machine")
_LOG_DEADLINE_S = 40.0
"""Lines that come later wait for the next minute."""


def is_scheduled_for(settings: Settings) -> bool:
    """False where the service file names nothing that could be collected."""
    health = settings.health or Health()
    probed = (health.live, health.ready, health.report) != (None, None, None)
    return probed or bool(settings.logs.source) or is_asked_for(settings)


def run_name() -> str:
    """The minute that a run is for, such as `kondate 09:31Z`."""
    return f"{flow_run.parameters['service']} {planned_start() or utc_now():%H:%MZ}"


@flow(name="monitoring", flow_run_name=run_name, retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def monitoring(service: str) -> State[Any]:
    """監視サイクル: 毎分の計測を履歴に保存 / Monitoring: stores probes, log counts and samples every minute.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
    """
    now = utc_now()
    if (late := missed(planned_start(), TIMING, now)) is not None:
        return late
    settings = await asyncio.to_thread(find_service, service)
    if not is_scheduled_for(settings):
        return Failed(name=INCOMPLETE, message=_NOTHING_ASKED)
    history = await asyncio.to_thread(history_of, settings)
    probes, no_probe = await health_readings(settings)  # first and alone: what follows takes CPU time
    kept = await _store(history, service, probes, now)  # at once: an outage must not be lost with what hangs later
    (figures, no_figure), logs, (version, no_version) = await asyncio.gather(
        resource_readings(settings), _logs(history, settings, now), read_versions(settings)
    )
    kept += await _store(history, service, figures, now)
    await _note(history, settings, version, now)
    missing = [*no_probe, *no_figure, *(log for log in logs if isinstance(log, Unobserved)), *no_version]
    read = [log for log in logs if isinstance(log, SourceRead)]
    partly = [problem for log in read for problem in log.problems]
    lines = sum(log.lines for log in read)  # none is right for a quiet minute: the log was read
    found = f"{kept} figures, {lines} log lines"
    if not (kept or read or missing):
        if settings.health is None or settings.health.report is None:
            partly.append(_NOTHING_GIVEN)
        found = f"{found}, {'no common version' if version is None else f'version {version}'}"
    return _outcome(found, [*(part.reason for part in missing), *partly])


async def _store(history: History, service: str, readings: Sequence[Reading], now: datetime) -> int:
    return await asyncio.to_thread(store_readings, history, service, [(now, reading) for reading in readings])


async def _note(history: History, settings: Settings, version: str | None, now: datetime) -> None:
    """A version that is new is a deploy, even if nobody records it."""
    name, environment = settings.service.name, settings.service.environment
    if version is not None and await asyncio.to_thread(note_version, history, name, environment, version, now):
        get_run_logger().info(f"{environment} runs version {version}")


async def _logs(history: History, settings: Settings, now: datetime) -> list[SourceRead | Unobserved]:
    reads = (
        asyncio.to_thread(read_log, history, settings, source, now, _LOG_DEADLINE_S) for source in settings.logs.source
    )
    return await asyncio.gather(*(seen(read) for read in reads))


def _outcome(kept: str, missing: Sequence[Message]) -> State[Any]:
    """Red as soon as anything could not be collected: a gap must not be found out a month later."""
    if not missing:
        return Completed(name="Collected", message=kept)
    reasons = [masked(reason.text.format(**reason.params)) for reason in missing]
    for reason in reasons:
        get_run_logger().warning(reason)
    return Failed(name=INCOMPLETE, message=f"{kept}; not collected: {'; '.join(reasons[:3])}")
