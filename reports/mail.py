"""A report as a mail: text and HTML that say the same, charts inside, nothing fetched from elsewhere."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from hashlib import sha256
from itertools import islice, zip_longest

from reports.charts import as_png
from reports.envelope import atom, envelope, mail_html
from reports.localise import view
from reports.names import page_name
from reports.report import Report, Seal
from reports.runbooks import source
from reports.text import plain, provenance
from reports.view import EvidenceView, ReportView, ResultView
from reports.words import LOCALES, Words
from tasks.check_result import Drawing, Status
from tasks.observation import printable

MOST_HTML_BYTES = 80_000
MOST_ROWS = 10
MOST_CHARTS = 2
_LONGEST_CELL = 160
_LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class _Picture:
    cid: str
    title: str
    finding: str
    chart: Drawing


def render_mail(
    report: Report,
    seal: Seal,
    words: Words,
    *,
    sender: str,
    recipient: str,
    base_url: str | None,
    locales: Sequence[str] = LOCALES,
) -> EmailMessage:
    """The mail of a report to one recipient; the same report and recipient give the same Message-ID.

    `locales` are the archive's: links lead to the page in the reader's language where there is one. Without
    `base_url` the paths are printed and nothing is a link. Raises ValueError for an address with a line end.
    """
    v = view(report, seal, words)
    path = report_path(report, page_name("report", words.locale, locales))
    link = f"{base_url.rstrip('/')}/{path}" if base_url else None
    text = f"{plain(report, seal, words)}{words.tr('Report')}: {link or path}\n"
    mail = envelope(text, _headers(report, v, words, sender, recipient))
    pictures = tuple(_pictures(v))
    checks = f"{base_url.rstrip('/')}/checks" if base_url else None

    def runbook(check: str) -> str | None:
        known = checks is not None and source(check, words.locale) is not None
        return f"{checks}/{page_name(check, words.locale, locales)}" if known else None

    mail.add_alternative(_html(v, words, str(mail["Subject"]), pictures, link, path, runbook), subtype="html")
    html = mail.get_payload(1)
    assert isinstance(html, EmailMessage)
    for picture in pictures:
        html.add_related(
            as_png(picture.chart, words),
            "image",
            "png",
            cid=f"<{picture.cid}>",
            filename=f"{picture.cid.split('@')[0]}.png",
        )
    return mail


def report_path(report: Report, page: str) -> str:
    """Where the archive keeps the report's page, below its root."""
    return f"{report.service}/{report.flow}/{report.period}/r{report.revision}/{page}"


def message_id(report: Report, recipient: str) -> str:
    """One id for one report and one recipient, so that two workers send one mail."""
    to = sha256(recipient.encode()).hexdigest()[:12]
    return f"<{atom(report.flow)}.{atom(report.period)}.r{report.revision}.{to}@{atom(report.service)}.opsrounds>"


def _headers(report: Report, v: ReportView, words: Words, sender: str, recipient: str) -> Iterator[tuple[str, object]]:
    revision = f" r{v.revision}" if report.revision > 1 else ""
    thread = f"<{atom(report.flow)}@{atom(report.service)}.opsrounds>"
    yield "Subject", printable(f"[{v.tone.word}] {v.service} {v.flow_name} {v.period}{revision}", _LONGEST_SUBJECT)
    yield "From", sender
    yield "To", recipient
    yield "Date", report.finished_at
    yield "Message-ID", message_id(report, recipient)
    yield "In-Reply-To", thread
    yield "References", thread
    yield "List-Id", f"<{atom(report.flow)}.{atom(report.service)}.opsrounds>"
    yield "Auto-Submitted", "auto-generated"
    yield "Content-Language", words.locale


def _html(
    v: ReportView,
    words: Words,
    subject: str,
    pictures: tuple[_Picture, ...],
    link: str | None,
    path: str,
    runbook: Callable[[str], str | None],
) -> str:
    """The HTML part, with as many rows as fit into MOST_HTML_BYTES."""
    html = ""
    for most in (MOST_ROWS, MOST_ROWS // 2, 2, 1):
        html = mail_html(
            "mail.html.j2",
            words,
            v=v,
            subject=subject,
            charts=pictures,
            link=link,
            path=path,
            runbook=runbook,
            most=most,
            cut=lambda text: printable(text, _LONGEST_CELL),
            provenance=provenance(v, words),
        )
        if len(html.encode()) <= MOST_HTML_BYTES:
            break
    return html


def _pictures(v: ReportView) -> Iterator[_Picture]:
    """Charts of what needs somebody, each item's first one before others' second; then those of what passed."""
    items = [line.results for line in v.lines] + [v.others]
    bad = _in_turn(_drawn(results, (Status.FAIL, Status.WARN)) for results in items)
    good = _in_turn(_drawn(results, (Status.PASS,)) for results in items)
    for number, piece in enumerate(islice((*bad, *good), MOST_CHARTS), 1):
        assert piece.chart is not None  # chosen for it
        yield _Picture(f"chart{number}@opsrounds", piece.title, piece.finding, piece.chart)


def _drawn(results: Iterable[ResultView], statuses: Sequence[Status]) -> list[EvidenceView]:
    """What is drawn of results of these statuses, in their order."""
    return [piece for status in statuses for r in results if r.status is status for piece in r.evidence if piece.chart]


def _in_turn(items: Iterable[Sequence[EvidenceView]]) -> Iterator[EvidenceView]:
    for of_each in zip_longest(*items):
        yield from (piece for piece in of_each if piece is not None)
