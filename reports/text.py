"""The report as plain text for mail and files."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest

from rich.cells import cell_len

from reports.localise import view
from reports.report import Report, Seal
from reports.view import ActionView, EvidenceView, ReportView, ResultView
from reports.words import Words

WIDTH = 78
MOST_TABLES = 5
_WITH_TABLE = frozenset({"curve", "forecast", "plot", "ladder"})
_INDENT, _GAP = "  ", "  "

# A word, one wide character with the punctuation that must not begin a line after it, or a space.
_PIECES = re.compile(r"[⺀-￯][、。，．）」』】：；！？ー]*|[^\s⺀-￯]+|\s+")


def plain(report: Report, seal: Seal, words: Words) -> str:
    """The report in lines of at most WIDTH columns; of the evidence what was found, curves and ladders as tables."""
    return "\n".join(line.rstrip() for line in _lines(view(report, seal, words), words)) + "\n"


def wrapped(text: str, indent: str = "", hanging: str | None = None, width: int = WIDTH) -> Iterator[str]:
    """The text in lines of at most so many columns, a wide character counting two; later lines hang."""
    line, later = indent, indent if hanging is None else hanging
    start = len(line)
    for piece in _PIECES.findall(text):
        for part in _fitting(piece, width - cell_len(later)):
            if cell_len(line) + cell_len(part.rstrip()) > width and len(line) > start:
                yield line
                line, start = later, len(later)
            line += part if len(line) > start else part.lstrip()
    yield line


def _fitting(piece: str, width: int) -> Iterator[str]:
    while cell_len(piece) > width:
        yield piece[:width]
        piece = piece[width:]
    yield piece


def _lines(v: ReportView, words: Words) -> Iterator[str]:
    yield from wrapped(f"{v.tone.symbol} {v.tone.word}: {v.service} · {v.flow_name} · {v.period}", "", "  ")
    yield "=" * WIDTH
    for text in (v.sentence, v.since):
        yield from wrapped(text)
    yield ""
    yield from wrapped(" · ".join(f"{c.tone.symbol} {c.tone.word} {c.text}" for c in v.counts))
    for note in v.notes:
        yield from wrapped(note, "* ", "  ")
    yield from _heading(words.tr("Actions needed"), len(v.actions))
    if v.covered:
        yield from wrapped(v.covered)
    for action in v.actions:
        yield from _action(action, words)
    if not v.actions:
        yield words.tr("Nothing has to be done.")
    if v.kpis:
        yield from _heading(words.tr("Key figures"))
    for kpi in v.kpis:
        yield from wrapped(f"{kpi.label}: {kpi.figure}" + (f"  [{kpi.change}]" if kpi.change else ""), "- ", "  ")
    if v.lines:
        yield from _heading(words.tr("Checklist"))
    for line in v.lines:
        yield from wrapped(
            f"[{'x' if line.ticked else ' '}] {line.text} · {line.tone.word} · {line.reason}", "", "    "
        )
    yield from _results(words.tr("Failed checks"), v.failed, words)
    yield from _results(words.tr("Checks that need attention"), v.warned, words)
    for piece in with_table(v):
        yield from _tabled(piece)
    yield from _unmeasured(words.tr("Unknown"), v.unknown, words.tr("No check is unknown."))
    yield from _unmeasured(words.tr("Skipped"), v.skipped, words.tr("No check was skipped."))
    yield from _results(words.tr("Passed checks"), [r for r in _all(v) if r.tone.name == "pass"], words)
    yield ""
    yield "-" * WIDTH
    for label, value in provenance(v, words):
        yield from wrapped(f"{label}: {value}", "", "  ")


def provenance(v: ReportView, words: Words) -> tuple[tuple[str, str], ...]:
    """Where a report comes from: the end of every format."""
    return (
        (words.tr("Period"), v.period),
        (words.tr("Time zone"), v.zone),
        (words.tr("Environment"), v.environment),
        (words.tr("Started"), v.started),
        (words.tr("Finished"), v.finished),
        (words.tr("Run"), f"{v.trigger}, {words.tr('revision {number}', number=v.revision)}"),
        (words.tr("Run number"), v.sequence),
        (words.tr("Chain hash"), v.chained),
    )


def _heading(text: str, number: int | None = None) -> Iterator[str]:
    title = text if number is None else f"{text} ({number})"
    yield from ("", title, "-" * cell_len(title))


def _action(action: ActionView, words: Words) -> Iterator[str]:
    yield from wrapped(f"{action.tone.symbol} {action.title}, {action.subject}", "", "  ")
    yield from wrapped(action.reason, "  ")
    due = words.tr("due {time}", time=action.due)
    yield from wrapped(" · ".join(filter(None, (action.owner, action.severity, due, action.checks))), "  ")
    if action.others:
        yield f"  {words.tr('Same cause:')}"
    for other in action.others:
        yield from wrapped(f"{other.tone.symbol} {other.title}, {other.subject} ({other.check})", "  - ", "    ")


def _results(title: str, results: Iterable[ResultView], words: Words) -> Iterator[str]:
    found = tuple(results)
    if not found:
        return
    yield from _heading(title, len(found))
    for r in found:
        new = f" [{words.tr('new')}]" if r.fresh else ""
        yield from wrapped(f"{r.tone.symbol} {r.title}, {r.subject}{new}", "", "  ")
        source = f" ({r.source})" if r.source else ""
        yield from wrapped(f"{r.observed} · {words.tr('limit')} {r.limit}{source}", "  ")
        yield from wrapped(r.reason, "  ")
        for piece in r.evidence:
            if piece.finding:
                yield from wrapped(piece.finding, "  > ", "    ")


def with_table(v: ReportView) -> list[EvidenceView]:
    """What has a place of its own, as the charts in a mail: the evidence of checks that need somebody."""
    pieces = (piece for r in (*v.failed, *v.warned) for piece in r.evidence if piece.kind in _WITH_TABLE)
    return list(islice(pieces, MOST_TABLES))


def _tabled(piece: EvidenceView) -> Iterator[str]:
    yield ""
    yield from wrapped(piece.title)
    yield "-" * min(cell_len(piece.title), WIDTH)
    lines = (piece.columns, *piece.rows)
    widths = _widths([max(cell_len(line[n]) for line in lines) for n in range(len(piece.columns))])
    for line in lines:
        cells = (wrapped(cell, width=width) for cell, width in zip(line, widths, strict=True))
        for parts in zip_longest(*cells, fillvalue=""):
            yield _INDENT + _GAP.join(_padded(*part) for part in zip(parts, widths, piece.figures, strict=True))
    if piece.note:
        yield from wrapped(piece.note, "  ")


def _widths(wanted: list[int]) -> list[int]:
    """The widths of columns that fit beside each other: the widest give way."""
    widths = list(wanted)
    room = WIDTH - len(_INDENT) - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1
    return widths


def _padded(text: str, width: int, is_figure: bool) -> str:
    room = " " * (width - cell_len(text))
    return room + text if is_figure else text + room


def _unmeasured(title: str, results: Sequence[ResultView], none: str) -> Iterator[str]:
    yield from _heading(title, len(results))
    for r in results:
        yield from wrapped(f"{r.tone.symbol} {r.title}, {r.subject}", "", "  ")
        yield from wrapped(r.reason, "  ")
    if not results:
        yield none


def _all(v: ReportView) -> Iterator[ResultView]:
    for line in v.lines:
        yield from line.results
    yield from v.others
