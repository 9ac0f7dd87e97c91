"""監視サイクル: メトリクス収集 / the guide's monitoring cycle, its first step: collect.

A run lasts a quarter of an hour and holds a cycle a minute: a fresh process a minute would cost far more.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.cycle import COLLECTED, INCOMPLETE, Cycles
from flows.ending import ended_by_sigterm
from flows.timing import SKIPPED, Interval, Timing, missed, planned_start
from tasks.round import utc_now
from tasks.settings import find_service

_QUARTER = timedelta(minutes=15)
_AHEAD = timedelta(seconds=30)
"""A run starts so long before its quarter, to be ready when it begins."""
TIMING = Timing(max_lateness=_QUARTER, deadline=_QUARTER + timedelta(minutes=2))
SCHEDULE = Interval(_QUARTER, datetime(2026, 1, 1, tzinfo=UTC) - _AHEAD, "monitoring-every-quarter")


def run_name() -> str:
    """Whom a run monitors, and from when on, such as `every service 09:15Z`."""
    planned = planned_start()
    begins = utc_now() if planned is None else planned + _AHEAD
    return f"{flow_run.parameters['service'] or 'every service'} {begins:%H:%MZ}"


@flow(name="monitoring", flow_run_name=run_name, retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def monitoring(service: str | None = None) -> State[Any]:
    """監視サイクル: 毎分の計測を履歴に保存 / Monitoring: stores probes, log counts and samples every minute.

    Args:
        service: 空欄は全サービスを 15 分ごとの区切りまで、指定すればそのサービスを 1 回 / empty: every service until
            the quarter of an hour ends; the name of one service: that one, once
    """
    planned, now = planned_start(), utc_now()
    if (late := missed(planned, TIMING, now)) is not None:
        return late
    with ended_by_sigterm(), Cycles(f"{run_name()} {flow_run.id}") as cycles:
        if service is not None:
            found = await cycles.hold_one(await asyncio.to_thread(find_service, service), now)
            return _outcome(good=not found.problems, text=found.text)
        begin = now if planned is None else planned + _AHEAD
        # By hand, just before a quarter, the next one is meant.
        quarter = await cycles.hold(begin, _end_of_quarter(max(begin, now + _AHEAD)))
    if quarter.skipped is not None:
        return Completed(name=SKIPPED, message=quarter.skipped)
    return _outcome(good=quarter.good, text=quarter.text)


def _outcome(*, good: bool, text: str) -> State[Any]:
    return Completed(name=COLLECTED, message=text) if good else Failed(name=INCOMPLETE, message=text)


def _end_of_quarter(at: datetime) -> datetime:
    return at + _QUARTER - (at - datetime(1970, 1, 1, tzinfo=UTC)) % _QUARTER
