"""What is said to people: the kinds of messages, what each says, and where reports are archived."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from flows.links import form_link
from reports import archive, mail, names
from reports.alert_test import alert_test
from reports.alert_text import ActionNews, AlertNews, alert_text
from reports.compose import is_news
from reports.names import VERDICT_TONES
from reports.notice import Notice, Post, notice
from reports.report import Report, Seal, UnreadableReport, from_text
from reports.runbooks import written
from reports.text import plain
from reports.words import Words
from tasks.alerts.outgoing import INSTEAD_OF, SEVERITY, TIMEZONE, messages_instead
from tasks.alerts.store.minute import ALERT
from tasks.alerts.store.read import StoredNotice, read_notice
from tasks.check_result import Message, Scalar, Severity, msg
from tasks.delivery.errors import permanent
from tasks.history.chain import sha256
from tasks.history.engine import History
from tasks.history.outbox import OutboxMessage
from tasks.history.runs import StoredRun, read_run
from tasks.settings import Settings

REPORT: Final = "report"
ALERT_TEST: Final = "alert-test"
MAIL: Final = "mail"


def parse_report(stored: StoredRun) -> tuple[Report, Seal]:
    """A stored run as the report that people read; raises UnreadableReport."""
    return from_text(stored.report), Seal(stored.sequence, stored.digest, stored.chained)


def readable(runs: Iterable[StoredRun]) -> Iterator[tuple[Report, Seal]]:
    """Those runs that can be read; `rounds db verify` names the others."""
    for stored in runs:
        with suppress(UnreadableReport):
            yield parse_report(stored)


def report_messages(
    settings: Settings, report: Report, same_period: Report | None, *, mail_unchanged: bool
) -> tuple[OutboxMessage, ...]:
    """One message a recipient; none for a rerun by hand that says nothing new, unless asked for."""
    if not (mail_unchanged or report.trigger == "schedule" or is_news(report, same_period)):
        return ()
    payload: dict[str, Scalar] = {"flow": report.flow, "period": report.period, "revision": report.revision}
    name = f"{REPORT}/{report.service}/{report.flow}/{report.period}/r{report.revision}"
    return tuple(
        OutboxMessage(
            REPORT,
            f"{name}/{sha256(to.address)[:24]}",  # an address may be longer than a key
            MAIL,
            to.address,
            to.locale or settings.reports.locales[0],
            payload,
        )
        for to in settings.mail.to
    )


def report_mail(settings: Settings, report: Report, seal: Seal, *, recipient: str, locale: str) -> EmailMessage:
    """The mail of a report for one recipient."""
    words = Words(locale, report.timezone)
    return mail.render_mail(
        report,
        seal,
        words,
        sender=settings.mail.sender,
        recipient=recipient,
        base_url=settings.reports.base_url,
        locales=settings.reports.locales,
    )


def archive_missing(settings: Settings, runs: Iterable[tuple[Report, Seal]]) -> list[Path]:
    """Write those reports whose folder is not in the archive, then its index; raises ArchiveError."""
    locales = settings.reports.locales
    written = []
    for report, seal in runs:
        if archive.folder_of(report, settings.output).exists():
            continue
        message = report_mail(settings, report, seal, recipient=settings.mail.sender, locale=locales[0])
        written.append(archive.write(report, seal, settings.output, locales=locales, mail=message))
    archive.write_index(settings.output, locales)
    return written


def report_notice(settings: Settings, history: History, message: OutboxMessage) -> Notice:
    """A stored report; raises DeliveryError for one that is not there or cannot be read."""
    payload = message.payload
    flow, period, revision = str(payload["flow"]), str(payload["period"]), int(payload["revision"] or 0)
    run = read_run(history, settings.service.name, flow, period, revision)
    if run is None:
        raise permanent(f"{message.dedupe_key} names nothing that can be sent")
    try:
        report, seal = parse_report(run)
    except UnreadableReport as error:
        raise permanent(str(error)) from None
    rendered = report_mail(settings, report, seal, recipient=message.recipient, locale=message.locale)
    text = plain(report, seal, Words(message.locale, report.timezone))
    return Notice(VERDICT_TONES[report.verdict], str(rendered["Subject"]), text, lambda: rendered)


def alert_test_notice(settings: Settings, _history: History, message: OutboxMessage) -> Notice:
    """The test of a level."""
    payload, service = message.payload, settings.service
    words = Words(message.locale, str(payload[TIMEZONE]))
    at = datetime.fromisoformat(str(payload["at"]))
    instead_of = payload.get(INSTEAD_OF)
    content = alert_test(
        words,
        service.name,
        service.environment,
        Severity(int(payload[SEVERITY] or 0)),
        by=str(payload["by"]),
        at=at,
        recipient=message.recipient,
        instead_of=None if instead_of is None else str(instead_of),
    )
    post = Post(settings.mail.sender, message.recipient, message.dedupe_key, ALERT_TEST, at)
    return notice(content, words, post)


def alert_notice(settings: Settings, history: History, message: OutboxMessage) -> Notice:
    """An alert as it stands now; raises DeliveryError for one that is not there."""
    payload, service = message.payload, settings.service
    stored = read_notice(history, service.name, int(payload["notice"] or 0))
    if stored is None:
        raise permanent(f"{message.dedupe_key} names nothing that can be sent")
    instead_of = payload.get(INSTEAD_OF)
    news = AlertNews(
        service.name,
        service.environment,
        stored.told,
        stored.level,
        stored.episodes,
        actions=[ActionNews(action.name, action.state, action.effect) for action in stored.actions],
        links=tuple(_alert_links(settings, stored, message.locale)),
        instead_of=None if instead_of is None else str(instead_of),
    )
    words = Words(message.locale, str(payload[TIMEZONE]))
    thread = f"{ALERT}/{stored.episodes[0].id}"
    return notice(
        alert_text(news, words),
        words,
        Post(settings.mail.sender, message.recipient, message.dedupe_key, thread, stored.at),
    )


def _alert_links(settings: Settings, stored: StoredNotice, locale: str) -> Iterator[tuple[Message, str]]:
    lead, base, locales = stored.episodes[0], settings.reports.base_url, settings.reports.locales
    if lead.open:
        form = form_link(settings, "acknowledge-alert", {"acknowledgement": {"alert": lead.id}})
        if form is not None:
            yield msg("Acknowledge"), form
    if base is None:
        return
    if lead.condition.check in written(locale):
        yield msg("Runbook"), f"{base}/checks/{names.page_name(lead.condition.check, locale, locales)}"
    if lead.incident is not None:
        page = names.page_name("index", locale, locales)
        yield msg("Incident page"), f"{base}/{settings.service.name}/incidents/{lead.incident}/{page}"
    for name, flow in lead.condition.labels:
        if name == "flow":
            yield msg("Report"), f"{base}/{settings.service.name}/{flow}/{names.page_name('latest', locale, locales)}"


def _nobody(_settings: Settings, _message: OutboxMessage) -> tuple[OutboxMessage, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of message: what it says, and those that may go in place of one that cannot be delivered."""

    render: Callable[[Settings, History, OutboxMessage], Notice]
    fallbacks: Callable[[Settings, OutboxMessage], tuple[OutboxMessage, ...]] = _nobody


KINDS: Final[Mapping[str, Kind]] = {
    REPORT: Kind(report_notice),
    ALERT: Kind(alert_notice, messages_instead),
    ALERT_TEST: Kind(alert_test_notice, messages_instead),
}
"""A new kind is a line here; its messages need no migration."""


def render(settings: Settings, history: History, message: OutboxMessage) -> Notice:
    """What a message says; raises DeliveryError for one of an unknown kind."""
    if message.kind not in KINDS:
        raise permanent(f"{message.dedupe_key} names nothing that can be sent")
    return KINDS[message.kind].render(settings, history, message)


def fallbacks(settings: Settings, message: OutboxMessage) -> tuple[OutboxMessage, ...]:
    """The messages that may go in place of one that cannot be delivered."""
    return KINDS[message.kind].fallbacks(settings, message) if message.kind in KINDS else ()
