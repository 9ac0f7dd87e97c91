"""Reports on their way to people: who gets a message, what is in it, and where it is archived."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

from reports import archive, mail
from reports.compose import is_news
from reports.report import Report, Seal, UnreadableReport, from_text
from reports.words import Words
from tasks.check_result import Scalar
from tasks.history.chain import sha256
from tasks.history.outbox import OutboxMessage
from tasks.history.runs import StoredRun
from tasks.settings import Settings

REPORT = "report"
MAIL = "mail"


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
