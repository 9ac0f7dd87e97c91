"""The whole report on a terminal, coloured."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from reports.localise import view
from reports.report import Report, Seal
from reports.text import provenance, with_table
from reports.view import EvidenceView, ReportView, ResultView, Tone
from reports.words import Words

STYLES = {"fail": "bold red", "warn": "bold yellow", "unknown": "bold magenta", "skipped": "dim", "pass": "bold green"}


def terminal(report: Report, seal: Seal, words: Words) -> RenderableType:
    """The report for a terminal; every text is a `Text`, so that markup from outside stays text."""
    v = view(report, seal, words)
    head = Text.assemble(_mark(v.tone), f"  {v.service} · {v.flow_name} · {v.period}\n", v.sentence)
    head.append("\n" + v.since, style="dim")
    parts: list[RenderableType] = [Panel(head, border_style=STYLES[v.tone.name], padding=(0, 1))]
    parts += [Text(f"* {note}") for note in v.notes]
    if v.lines:
        parts.append(_checklist(v, words))
    if found := (*v.failed, *v.warned, *v.unknown, *v.skipped):
        parts.append(_findings(found, words))
    parts += [_drawn(piece) for piece in with_table(v)]
    parts.append(Text(words.tr("{passed} of {all} checks passed", passed=v.passed, all=len(report.results))))
    if v.actions:
        parts.append(_actions(v, words))
    foot = Text("\n".join(f"{label}: {value}" for label, value in provenance(v, words)), style="dim", overflow="fold")
    return Group(*parts, Padding(foot, (1, 0, 0, 0)))


def _mark(tone: Tone) -> Text:
    return Text(f"{tone.symbol} {tone.word}", style=STYLES[tone.name], no_wrap=True)


def _checklist(v: ReportView, words: Words) -> Table:
    table = _table(words.tr("Checklist"), "", words.tr("Status"), words.tr("Reason"))
    for line in v.lines:
        box = Text("[x] " if line.ticked else "[ ] ").append(line.text)
        table.add_row(box, _mark(line.tone), Text(line.reason))
    return table


def _findings(found: Iterable[ResultView], words: Words) -> Table:
    columns = (words.tr("Status"), words.tr("Check"), words.tr("Observed"), words.tr("Limit"), words.tr("Reason"))
    table = _table(words.tr("Findings"), *columns)
    for r in found:
        subject = Text(r.title).append(f"\n{r.subject}", style="dim")
        table.add_row(_mark(r.tone), subject, Text(r.observed), Text(r.limit), Text(r.reason))
    return table


def _drawn(piece: EvidenceView) -> Table:
    table = _table(piece.title, *piece.columns)
    for column, is_figure in zip(table.columns, piece.figures, strict=True):
        column.justify = "right" if is_figure else "left"
    for row in piece.rows:
        table.add_row(*map(Text, row))
    table.caption = Text("\n".join(filter(None, (piece.note, piece.finding))), justify="left")
    return table


def _actions(v: ReportView, words: Words) -> Table:
    table = _table(words.tr("Actions needed"), words.tr("Check"), words.tr("Owner"), words.tr("Due"), "")
    for action in v.actions:
        what = Text(action.title).append(f"\n{action.subject}", style="dim")
        if action.others:
            what.append(f"\n{words.tr('Same cause:')}")
        for other in action.others:
            what.append(f"\n- {other.tone.symbol} {other.title}, {other.subject}", style="dim")
        table.add_row(what, Text(action.owner), Text(action.due), Text(action.checks))
    table.caption = Text(v.covered, justify="left")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=Text(title), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), expand=False
    )
    for column in columns:
        table.add_column(Text(column, style="dim"), overflow="fold")
    return table
