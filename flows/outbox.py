"""Sends what waits in the outbox: what nobody could send at once, and no monitoring has sent since."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.delivery import deliver
from flows.ending import ended_by_sigterm
from flows.timing import Schedule, Timing, planned_start
from tasks.errors import ExplainedError
from tasks.history.opened import history_of
from tasks.round import utc_now
from tasks.schedule.store import note_run
from tasks.settings import chosen_services

TIMING = Timing(deadline=timedelta(minutes=10))
SCHEDULE = Schedule("40 * * * *", "outbox-every-hour")


def run_name() -> str:
    """Whose messages a run sends, and in which minute."""
    return f"{flow_run.parameters['service'] or 'every service'} {planned_start() or utc_now():%H:%MZ}"


@flow(name="outbox", flow_run_name=run_name, retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def outbox(service: str | None = None) -> State[Any]:
    """送信待ちメッセージの送信 / Sends the messages waiting in the outbox.

    Args:
        service: 空欄は全サービス / name of one service; empty: every service of this machine
    """
    warn = get_run_logger().warning
    chosen, broken = chosen_services(service)
    totals: Counter[str] = Counter()
    for problem in broken:
        warn(str(problem))
        totals["failed"] += 1
    for settings in chosen.values():
        try:
            with ended_by_sigterm():
                history = await asyncio.to_thread(history_of, settings)
                totals += await deliver(settings, history, warn)
                await asyncio.to_thread(note_run, history, settings.service.name, "outbox", utc_now())
        except ExplainedError as error:  # the other services' messages still go
            warn(str(error))
            totals["failed"] += 1
    text = ", ".join(f"{count} {state}" for state, count in sorted(totals.items())) or "nothing was due"
    if totals["failed"] or (totals and not totals["sent"]):
        return Failed(name="NotDelivered", message=text)
    return Completed(name="PartlySent" if totals.total() > totals["sent"] else None, message=text)
