"""The end of `rounds demo`: planted against found, what else was found, and the addresses to open."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from deployments.demo.expected import SIGNATURES, Comparison, Finding
from deployments.demo.faults import Fault
from deployments.demo.story.facts import Story
from deployments.show_result import console
from reports.archive import folder_of
from reports.names import flow_name, page_name
from reports.report import Report
from reports.tones import status_tone
from reports.words import Words
from tasks.settings import Settings

_MOST_SUBJECTS = 2


def show_outcome(comparison: Comparison, reports: Sequence[Report], settings: Settings, words: Words) -> None:
    """Print what was planted and found, then where the reports and the mail are."""
    out = console()
    out.print(_table(comparison, reports, words))
    for line in _others(comparison, words):
        out.print(line)
    if comparison.exact:
        out.print(words.tr("Exactly the planted faults were found"), style="bold green")
    else:
        out.print(words.tr("What was found is not what was planted"), style="bold red")
    out.print()
    for label, place in _addresses(reports, settings, words):
        out.print(f"{label}: {place}", soft_wrap=True)


def show_story(story: Story, words: Words) -> None:
    """Print what happened to the alert and its incident, then whether each message arrived."""
    out, title = console(), words.tr("An alert and its incident")
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for column in (words.tr("Time"), words.tr("Seconds"), words.tr("What")):
        table.add_column(column, overflow="fold")
    for beat in story.beats:
        passed = (beat.at - story.beats[0].at).total_seconds()
        at = beat.at.astimezone(words.zone)
        table.add_row(*map(Text, (f"{at:%H:%M:%S}", f"{passed:+.0f}", words.say(beat.what))))
    out.print(table)
    for way in story.ways:
        out.print(
            words.tr("To {to}: {sent} messages sent, {arrived} arrived", to=way.to, sent=way.sent, arrived=way.arrived)
        )
    for problem in story.problems:
        out.print(words.say(problem), style="bold red")
    if story.good:
        out.print(words.tr("The alert was raised, delivered and resolved as planned"), style="bold green")
    for page in story.pages[:1]:
        out.print(f"{words.tr('Incident page')}: {Path(page).as_uri()}", soft_wrap=True)
    out.print()


def _table(comparison: Comparison, reports: Sequence[Report], words: Words) -> Table:
    """A row for each fault that was planted or found; the others of the demo are not of interest."""
    table = Table(
        title=words.tr("Planted and found"), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0)
    )
    columns = (words.tr("Fault"), words.tr("Planted"), words.tr("Found"), words.tr("Check"), words.tr("Where"))
    for column in columns:
        table.add_column(column, overflow="fold")
    for fault in (f for f in Fault if f in comparison.planted | comparison.found):
        found = comparison.found_by.get(fault, ())
        planted = _yes(fault in comparison.planted, words)
        table.add_row(
            *map(
                Text,
                (fault.value, planted, _yes(bool(found), words), _check(fault, reports, words), _where(found, words)),
            )
        )
    return table


def _check(fault: Fault, reports: Iterable[Report], words: Words) -> str:
    """The title of the check that should find it, or its id where no report has that check."""
    check = SIGNATURES[fault].found_by.split()[0]
    return next((words.say(r.title) for report in reports for r in report.results if r.check == check), check)


def _where(found: Sequence[Finding], words: Words) -> str:
    """The first report that has it, and the subjects there."""
    if not found:
        return ""
    report = found[0].report
    subjects = [finding.result.subject for finding in found if finding.report is report]
    more = len(subjects) - _MOST_SUBJECTS
    shown = ", ".join(subjects[:_MOST_SUBJECTS]) + (f", {words.tr('{number} more', number=more)}" if more > 0 else "")
    return f"{_title(report, words)}: {shown}"


def _others(comparison: Comparison, words: Words) -> Iterator[str]:
    for fault in Fault:
        if fault in comparison.found - comparison.planted:
            yield words.tr("Found, but not planted: {what}", what=fault.value)
    for finding in comparison.unexplained:
        yield words.tr(
            "Found, but not planted: {what}", what=f"{_title(finding.report, words)}: {_short(finding, words)}"
        )
    if comparison.machine:
        yield words.tr(
            "About this machine: {what}", what="; ".join(_short(finding, words) for finding in comparison.machine)
        )
    for item in comparison.unmeasured:
        yield words.tr("Nothing was measured for: {item}", item=words.say(item))


def _short(finding: Finding, words: Words) -> str:
    result = finding.result
    tone = status_tone(result.status, words)
    return f"{tone.symbol} {words.say(result.title)} ({result.subject})"


def _addresses(reports: Sequence[Report], settings: Settings, words: Words) -> Iterator[tuple[str, str]]:
    locales = settings.reports.locales
    yield words.tr("All reports"), (settings.output / page_name("index", words.locale, locales)).absolute().as_uri()
    for report in reports:
        page = folder_of(report, settings.output) / page_name("report", words.locale, locales)
        yield f"{_title(report, words)} {report.period}", page.absolute().as_uri()
    yield words.tr("Mail folder"), str(settings.output / settings.service.name / "mail")


def _title(report: Report, words: Words) -> str:
    return words.say(flow_name(report.flow, report.title))


def _yes(there: bool, words: Words) -> str:
    return f"✓ {words.tr('yes')}" if there else f"✕ {words.tr('no')}"
