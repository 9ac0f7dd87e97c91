"""Sends what waits in the outbox: lease, render, send, mark."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.channels import CHANNELS, Send
from flows.messages import REPORT
from flows.rounds import parse_report
from flows.timing import Schedule, Timing, planned_start
from reports.report import Report, Seal, UnreadableReport
from tasks.delivery.errors import DeliveryError, MailOutcome
from tasks.errors import ExplainedError
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.history.outbox import Leased, OutboxMessage, lease_next, mark_failed, mark_retry, mark_sent, mark_unknown
from tasks.history.runs import read_run
from tasks.round import utc_now
from tasks.secrets import masked
from tasks.settings import Settings, find_service, services_folder, usable_services

TIMING = Timing(deadline=timedelta(minutes=10))
SCHEDULE = Schedule("* * * * *", "outbox-every-minute")
_MOST_MESSAGES = 200
_GIVE_UP_AFTER = 3
_MARK = {MailOutcome.RETRY: mark_retry, MailOutcome.PERMANENT: mark_failed, MailOutcome.UNKNOWN: mark_unknown}


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
    chosen, broken = ({service: find_service(service)}, []) if service else usable_services(services_folder())
    totals: Counter[str] = Counter()
    for problem in broken:
        warn(str(problem))
        totals["failed"] += 1
    for settings in chosen.values():
        try:
            totals += await deliver(settings, warn)
        except ExplainedError as error:  # the other services' messages still go
            warn(str(error))
            totals["failed"] += 1
    text = ", ".join(f"{count} {state}" for state, count in sorted(totals.items())) or "nothing was due"
    if totals["failed"] or (totals and not totals["sent"]):
        return Failed(name="NotDelivered", message=text)
    return Completed(name="PartlySent" if totals.total() > totals["sent"] else None, message=text)


async def deliver(settings: Settings, warn: Callable[[str], None]) -> Counter[str]:
    """Send a service's due messages and count what became of them; `warn` gets a line for each that was not delivered.

    Stops after three refusals in a row: a mail server that is down is not asked for every message.
    """
    history = await asyncio.to_thread(history_of, settings)
    totals: Counter[str] = Counter()
    refused = 0
    async with AsyncExitStack() as stack:
        senders = {name: await stack.enter_async_context(channel(settings)) for name, channel in CHANNELS.items()}
        while refused < _GIVE_UP_AFTER and totals.total() < _MOST_MESSAGES:
            leased = await asyncio.to_thread(lease_next, history, settings.service.name, utc_now())
            if leased is None:
                break
            state, answer = await _deliver_one(settings, history, leased, senders)
            totals[state] += 1
            refused = refused + 1 if state == "waiting" else 0
            if state != "sent":
                warn(f"{leased.message.channel} to {leased.message.recipient}: {state}: {answer}")
    return totals


async def _deliver_one(
    settings: Settings, history: History, leased: Leased, senders: Mapping[str, Send]
) -> tuple[str, str]:
    message, mark = leased.message, mark_sent
    try:
        send = _sender(senders, message.channel)
        report, seal = await asyncio.to_thread(_cause, settings, history, message)
        answer = await send(message, report, seal)
    except DeliveryError as error:
        answer, mark = str(error), _MARK[error.kind]
    answer = masked(answer)
    return await asyncio.to_thread(mark, history, leased, answer, utc_now()), answer


def _sender(senders: Mapping[str, Send], channel: str) -> Send:
    if channel not in senders:
        known = " or ".join(senders)
        text = f"this version of opsrounds cannot send by {channel!r}, only by {known}: upgrade it"
        raise DeliveryError(MailOutcome.PERMANENT, text)
    return senders[channel]


def _cause(settings: Settings, history: History, message: OutboxMessage) -> tuple[Report, Seal]:
    """What the message is about."""
    unknown = DeliveryError(MailOutcome.PERMANENT, f"{message.dedupe_key} names nothing that can be sent")
    if message.kind != REPORT:
        raise unknown
    payload = message.payload
    flow, period, revision = str(payload["flow"]), str(payload["period"]), int(payload["revision"] or 0)
    run = read_run(history, settings.service.name, flow, period, revision)
    if run is None:
        raise unknown
    try:
        return parse_report(run)
    except UnreadableReport as error:
        raise DeliveryError(MailOutcome.PERMANENT, str(error)) from None
