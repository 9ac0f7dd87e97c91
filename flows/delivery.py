"""Sends a service's messages: lease, render, send, mark. At least once, and at most one doubled after a kill."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from flows.channels import CHANNELS, Send
from flows.messages import REPORT, parse_report
from reports.report import Report, Seal, UnreadableReport
from tasks.deadline import Deadline
from tasks.delivery.errors import DeliveryError, MailOutcome
from tasks.history.engine import History
from tasks.history.outbox import (
    Leased,
    OutboxMessage,
    is_any_due,
    lease_next,
    mark_failed,
    mark_retry,
    mark_sent,
    mark_unknown,
)
from tasks.history.runs import read_run
from tasks.round import utc_now
from tasks.secrets import masked
from tasks.settings import Settings

_MOST_MESSAGES = 200
_GIVE_UP_AFTER = 3
_MARK = {MailOutcome.RETRY: mark_retry, MailOutcome.PERMANENT: mark_failed, MailOutcome.UNKNOWN: mark_unknown}


async def deliver(
    settings: Settings, history: History, warn: Callable[[str], None], longest_s: float = math.inf
) -> Counter[str]:
    """Send a service's due messages and count what became of them; `warn` gets a line for each that was not delivered.

    Begins no further message after `longest_s`. Stops after three refusals in a row: a mail server that is down is not
    asked for every message.
    """
    totals: Counter[str] = Counter()
    refused, deadline, name = 0, Deadline.after(longest_s), settings.service.name
    if not await asyncio.to_thread(is_any_due, history, name, utc_now()):
        return totals
    async with AsyncExitStack() as stack:
        senders = {name: await stack.enter_async_context(channel(settings)) for name, channel in CHANNELS.items()}
        while refused < _GIVE_UP_AFTER and totals.total() < _MOST_MESSAGES and not deadline.passed:
            leased = await asyncio.to_thread(lease_next, history, name, utc_now())
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
