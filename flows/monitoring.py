"""監視サイクル: メトリクス収集 / the guide's monitoring cycle, its first step: collect."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.timing import SKIPPED, Schedule, Timing, planned_start, too_late
from tasks.check_result import Message
from tasks.health.look import health_readings, read_versions
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.logs.facts import SourceRead
from tasks.logs.ingest import read_log
from tasks.observation import Unobserved, seen
from tasks.records.store.records import note_version
from tasks.resources.look import resource_readings
from tasks.round import utc_now
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.secrets import masked
from tasks.settings import Settings, find_service

TIMING = Timing(max_lateness=timedelta(minutes=2), deadline=timedelta(minutes=2))
SCHEDULE = Schedule("* * * * *", "monitoring-every-minute")
_LOG_DEADLINE_S = 40.0
"""Lines that come later wait for the next minute."""


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
    if late := too_late(planned_start(), TIMING, now):
        return Completed(name=SKIPPED, message=late)
    settings = await asyncio.to_thread(find_service, service)
    history = await asyncio.to_thread(history_of, settings)
    probes, no_probe = await health_readings(settings)  # first and alone: what follows takes CPU time
    kept = await _store(history, service, probes, now)  # at once: an outage must not be lost with what hangs later
    (figures, no_figure), logs, version = await asyncio.gather(
        resource_readings(settings), _logs(history, settings, now), read_versions(settings)
    )
    kept += await _store(history, service, figures, now)
    await _note(history, settings, version, now)
    missing = [*no_probe, *no_figure, *(log for log in logs if isinstance(log, Unobserved))]
    partly = [problem for log in logs if isinstance(log, SourceRead) for problem in log.problems]
    lines = sum(log.lines for log in logs if isinstance(log, SourceRead))
    return _outcome(f"{kept} figures, {lines} log lines", [*(part.reason for part in missing), *partly])


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
    return Failed(name="Incomplete", message=f"{kept}; not collected: {'; '.join(reasons[:3])}")
