"""The web pages: a report, the index over all reports, and a check's runbook; each one self-contained file."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import count

from markdown_it import MarkdownIt
from markupsafe import Markup

from reports import names
from reports.charts import as_png
from reports.localise import view
from reports.report import Report, Seal
from reports.templating import asset, render
from reports.tones import status_tone, verdict_tone
from reports.view import Count, EvidenceView, Tone
from reports.words import Words
from tasks.check_result import Message, Status
from tasks.guide.judge import Verdict
from tasks.observation import printable

# A chart takes up to 90 ms and 13 kB, a ladder 240 ms and 40 kB: after these the page shows the figures as a table.
MOST_CHARTS = 40


def no_runbook(check: str) -> str | None:
    """For pages that stand alone."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLinks:
    """Where a page leads, relative to itself; None leaves a link out.

    `languages` are (locale, address) of the same page, `runbook` gives the address of a check's page.
    """

    index: str | None = None
    previous: str | None = None
    next: str | None = None
    latest: str | None = None
    languages: tuple[tuple[str, str], ...] = ()
    runbook: Callable[[str], str | None] = no_runbook


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """A report of the archive; `verdict` is None when its file cannot be read, and `href` says where it is."""

    service: str
    flow: str
    period: str
    revision: int
    href: str
    verdict: Verdict | None = None
    counts: tuple[tuple[Status, int], ...] = ()
    finished_at: datetime | None = None
    timezone: str = "UTC"
    title: Message | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    service: str
    flow: str
    flow_name: str
    period: str
    revision: str
    href: str
    tone: Tone
    counts: tuple[Count, ...]
    finished: str


def page(report: Report, seal: Seal, words: Words, *, links: PageLinks) -> str:
    """A report as one HTML file that needs nothing else, not even a script."""

    drawn = count(1)

    def images(piece: EvidenceView) -> str | None:
        if piece.chart is None or next(drawn) > MOST_CHARTS:
            return None
        return data_uri(as_png(piece.chart, words))

    shown_report = view(report, seal, words)
    return render("report.html.j2", words, v=shown_report, links=links, images=images, style=asset("style.css"))


def index(
    entries: Sequence[IndexEntry],
    words: Words,
    *,
    languages: tuple[tuple[str, str], ...] = (),
    incidents: tuple[tuple[str, str], ...] = (),
) -> str:
    """All reports, newest first; the filters appear where scripts run. `incidents` are (service, address)."""
    ordered = sorted(entries, key=_newest, reverse=True)
    rows = [_row(entry, words) for entry in ordered]
    latest = [_row(entry, words) for entry in newest_of_each(entries)]
    filters = (
        ("flow", words.tr("Kind"), sorted({(row.flow, row.flow_name) for row in rows})),
        ("service", words.tr("Service"), sorted({(row.service, row.service) for row in rows})),
        ("verdict", words.tr("Verdict"), sorted({(row.tone.name, row.tone.word) for row in rows})),
    )
    return render(
        "index.html.j2",
        words,
        rows=rows,
        latest=latest,
        filters=filters,
        languages=languages,
        incidents=incidents,
        style=asset("style.css"),
        script=asset("index.js"),
    )


def newest_of_each(entries: Iterable[IndexEntry]) -> list[IndexEntry]:
    """The last readable report of each service's rounds."""
    newest: dict[tuple[str, str], IndexEntry] = {}
    for entry in sorted(entries, key=lambda e: (e.period, e.revision)):
        if entry.verdict:
            newest[entry.service, entry.flow] = entry
    return [newest[key] for key in sorted(newest)]


def redirect(target: str, words: Words) -> str:
    """A page that leads on, for an address that stays while what it leads to changes."""
    return render("redirect.html.j2", words, target=target)


def runbook(markdown: str, words: Words, *, index: str = "../index.html") -> str:
    """The page of a check; HTML in it stays text."""
    heading = next((line.lstrip("# ") for line in markdown.splitlines() if line.startswith("# ")), words.tr("Runbook"))
    return render(
        "runbook.html.j2", words, title=heading, body=_of_markdown(markdown), index=index, style=asset("style.css")
    )


@cache  # every round writes the pages of all checks
def _of_markdown(text: str) -> Markup:
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))  # it escapes all else


def data_uri(image: bytes) -> str:
    """A PNG that stands inside the page."""
    return f"data:image/png;base64,{b64encode(image).decode()}"


def _newest(entry: IndexEntry) -> tuple[float, str]:
    # An unreadable report has no time: it comes first, as somebody has to look at it.
    return entry.finished_at.timestamp() if entry.finished_at else float("inf"), entry.href


def _unreadable(words: Words) -> Tone:
    return Tone("unreadable", "?", words.tr("Unreadable"))


def _row(entry: IndexEntry, words: Words) -> _Row:
    counts = [Count(status_tone(status, words), n, words.scalar(n)) for status, n in entry.counts if n]
    zoned = Words(words.locale, entry.timezone)
    return _Row(
        service=printable(entry.service),
        flow=printable(entry.flow),
        flow_name=words.say(names.flow_name(entry.flow, entry.title)),
        period=printable(entry.period),
        revision=str(entry.revision),
        href=entry.href,
        tone=verdict_tone(entry.verdict, words) if entry.verdict else _unreadable(words),
        counts=tuple(counts),
        finished=zoned.time(entry.finished_at) if entry.finished_at else words.tr("not known"),
    )
