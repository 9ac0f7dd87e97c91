"""Tells people what waits in the outbox: lease, render, send, mark."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.letters import REPORT, report_mail
from flows.rounds import opened
from flows.timing import SKIPPED, Schedule, Timing, planned_start, too_late
from reports.report import UnreadableReport
from tasks.delivery.eml import write_eml
from tasks.delivery.errors import DeliveryError, Outcome
from tasks.delivery.smtp import SmtpLink, SmtpServer, parse_smtp_url
from tasks.errors import ExplainedError
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.history.outbox import Leased, Letter, lease_next, mark_failed, mark_retry, mark_sent, mark_unknown
from tasks.history.runs import read_run
from tasks.round import utc_now
from tasks.secrets import masked, resolve
from tasks.settings import Settings, find_service, services_folder, usable_services

TIMING = Timing(max_lateness=timedelta(minutes=2), deadline=timedelta(minutes=10))
SCHEDULE = Schedule("* * * * *", "outbox-every-minute")
_MOST_LETTERS = 200
_GIVE_UP_AFTER = 3
_MARK = {Outcome.RETRY: mark_retry, Outcome.PERMANENT: mark_failed, Outcome.UNKNOWN: mark_unknown}
Send = Callable[[EmailMessage, str], str]


@flow(name="outbox", retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def outbox(service: str | None = None) -> State[Any]:
    """送信待ちの連絡を届ける / Deliver what waits in the outbox.

    Args:
        service: 空欄は全サービス / name of one service; empty: every service of this machine
    """
    if late := too_late(planned_start(), TIMING, utc_now()):
        return Completed(name=SKIPPED, message=late)
    warn = get_run_logger().warning
    chosen, broken = ({service: find_service(service)}, []) if service else usable_services(services_folder())
    totals: Counter[str] = Counter()
    for problem in broken:
        warn(str(problem))
        totals["failed"] += 1
    for settings in chosen.values():
        try:
            totals += await asyncio.to_thread(deliver, settings, warn)
        except ExplainedError as error:  # the other services' letters still go
            warn(str(error))
            totals["failed"] += 1
    text = ", ".join(f"{count} {state}" for state, count in sorted(totals.items())) or "nothing was waiting"
    return Failed(name="NotDelivered", message=text) if totals["failed"] else Completed(message=text)


def deliver(settings: Settings, warn: Callable[[str], None]) -> Counter[str]:
    """Send a service's due letters and count what became of them; `warn` is told what was not delivered.

    Stops after three refusals in a row: a mail server that is down is not asked for every letter.
    """
    history = history_of(settings)
    totals: Counter[str] = Counter()
    refused = 0
    with ExitStack() as stack:
        send = _sender(settings, stack)
        while refused < _GIVE_UP_AFTER and totals.total() < _MOST_LETTERS:
            leased = lease_next(history, settings.service.name, utc_now())
            if leased is None:
                break
            state, answer = _deliver_one(settings, history, leased, send)
            totals[state] += 1
            refused = refused + 1 if state == "waiting" else 0
            if state != "sent":
                warn(f"mail to {leased.letter.recipient}: {state}: {answer}")
    return totals


def _deliver_one(settings: Settings, history: History, leased: Leased, send: Send) -> tuple[str, str]:
    try:
        answer = masked(send(_render(settings, history, leased.letter), leased.letter.recipient))
    except DeliveryError as error:
        answer = masked(str(error))
        return _MARK[error.kind](history, leased, answer, utc_now()), answer
    return mark_sent(history, leased, answer, utc_now()), answer


def _render(settings: Settings, history: History, letter: Letter) -> EmailMessage:
    payload = letter.payload
    flow, period, revision = str(payload["flow"]), str(payload["period"]), int(payload["revision"] or 0)
    run = read_run(history, settings.service.name, flow, period, revision)
    if letter.kind != REPORT or run is None:
        raise DeliveryError(Outcome.PERMANENT, f"{letter.dedupe_key} names nothing that can be sent")
    try:
        report, seal = opened(run)
    except UnreadableReport as error:
        raise DeliveryError(Outcome.PERMANENT, str(error)) from None
    return report_mail(settings, report, seal, recipient=letter.recipient, locale=letter.locale)


def _sender(settings: Settings, stack: ExitStack) -> Send:
    mail = settings.mail
    if mail.smtp is None:
        folder = settings.output / settings.service.name / "mail"
        return lambda message, _recipient: str(write_eml(message, folder))
    address = parse_smtp_url(mail.smtp)
    server = SmtpServer(
        host=address.host,
        port=address.port,
        security=address.security,
        username=None if mail.username is None else resolve(mail.username, settings, "mail.username"),
        password=None if mail.password is None else resolve(mail.password, settings, "mail.password"),
        ca_file=None if mail.ca_file is None else settings.path.parent / mail.ca_file,
        timeout_s=mail.timeout_s,
    )
    link = stack.enter_context(SmtpLink(server))
    return lambda message, recipient: link.send(message, mail.sender, recipient)
