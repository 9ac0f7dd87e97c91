"""The report on a terminal in a few lines: the verdict, the checklist, what needs somebody; the rest is counted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from reports.charts.sparks import curve_line, forecast_line, ladder_line
from reports.localise import view
from reports.report import Report, Seal
from reports.terminal import STYLES
from reports.text import MOST_TABLES, wrapped
from reports.view import EvidenceView, LineView, ReportView, ResultView
from reports.words import Words
from tasks.check_result import Curve, Forecast, Ladder, Status

MOST_LINES = 55
"""Of a round's 60: the others say what was done, and where the report and the mail are."""
_MOST_NOTES, _MOST_ITEMS = 4, 12
_ROOM = ((3, 3, 2), (3, 2, 2), (2, 2, 2), (2, 2, 1), (2, 1, 1), (1, 1, 1))
"""Lines of a finding at most, by what it is: failed, needing attention, unknown. The first row that fits is taken."""
_ORDER = ("fail", "unknown", "warn", "pass", "skipped")

Line = tuple[str, str]
"""A text that fits the width, and its style."""


@dataclass(frozen=True, slots=True)
class _Group:
    title: str
    results: Sequence[ResultView]


def brief(report: Report, seal: Seal, words: Words, width: int, most: int = MOST_LINES) -> Text:
    """At most so many lines of at most so many columns. What is left out is counted, failures last of all."""
    v = view(report, seal, words)
    head = [*_head(v, words, width), *_items(v, words, width)]
    foot = [*_foot(report, v, words, width)]
    found = _findings(v, words, width, most - len(head) - len(foot))
    return Text("\n", no_wrap=True).join(Text(text.rstrip(), style) for text, style in (*head, *found, *foot))


def _head(v: ReportView, words: Words, width: int) -> Iterator[Line]:
    revision = "" if v.revision == "1" else f" · {words.tr('revision {number}', number=v.revision)}"
    title = f"{v.tone.symbol} {v.tone.word}: {v.service} · {v.flow_name} · {v.period}{revision}"
    yield from ((line, STYLES[v.tone.name]) for line in _cut(wrapped(title, "", "  ", width), 2, width))
    yield from ((line, "") for line in wrapped(v.sentence, width=width))
    yield from ((line, "dim") for line in _cut(wrapped(v.since, width=width), 2, width))
    shown = v.notes[: _MOST_NOTES if len(v.notes) <= _MOST_NOTES else _MOST_NOTES - 1]
    for note in shown:
        yield from ((line, "") for line in _cut(wrapped(note, "* ", "  ", width), 2, width))
    if len(shown) < len(v.notes):
        yield _more(len(v.notes) - len(shown), words), "dim"


def _items(v: ReportView, words: Words, width: int) -> Iterator[Line]:
    """The items in the guide's order; of very many, those that need somebody most."""
    if not v.lines:
        return
    yield from _heading(words.tr("Checklist"))
    worst = sorted(v.lines, key=lambda line: _ORDER.index(line.tone.name))[:_MOST_ITEMS]
    shown = [line for line in v.lines if line in worst]
    widest = min(max(cell_len(line.text) for line in shown), width // 2)
    for line in shown:
        yield _fitted(_item(line, widest), width), STYLES[line.tone.name]
    if len(shown) < len(v.lines):
        yield _more(len(v.lines) - len(shown), words), "dim"


def _item(line: LineView, widest: int) -> str:
    text = set_cell_size(_fitted(line.text, widest), widest)
    return f"[{'x' if line.ticked else ' '}] {text}  {line.tone.symbol} {line.tone.word}: {line.reason}"


def _foot(report: Report, v: ReportView, words: Words, width: int) -> Iterator[Line]:
    yield "", ""
    if report.actions:
        first = words.time(min(action.due for action in report.actions))
        needed = v.covered or words.tr("Actions: {n}.", n=len(report.actions))
        yield from _texts(f"{needed} {words.tr('First due: {time}', time=first)}", width)
    skipped, results = len(report.with_status(Status.SKIPPED)), len(report.results)
    passed = words.tr("{passed} of {all} checks passed", passed=v.passed, all=results)
    more = words.tr("{number} skipped; all results: --full", number=skipped)
    yield from _texts(f"{passed} · {more}", width)


def _findings(v: ReportView, words: Words, width: int, room: int) -> list[Line]:
    """All findings with as much of each as fits; where they do not fit, the last ones are counted."""
    titles = (words.tr("Failed checks"), words.tr("Checks that need attention"), words.tr("Unknown"))
    found = (v.failed, v.warned, v.unknown)
    turn = _by_action(v)
    groups = [
        _Group(t, sorted(rs, key=lambda r: (turn.get(r.anchor, len(turn)), -r.level)))
        for t, rs in zip(titles, found, strict=True)
    ]
    for most in _ROOM:
        entries = [[_entry(r, n, words, width) for r in g.results] for g, n in zip(groups, most, strict=True)]
        if sum(_size(group) for group in entries) <= room:
            break
    lines: list[Line] = []
    for number, (group, shown) in enumerate(zip(groups, entries, strict=True)):
        later = sum(min(_size(other), 3) for other in entries[number + 1 :])  # a heading and a count at least
        lines += _fitting(group, shown, room - len(lines) - later, words)
    return lines


def _by_action(v: ReportView) -> dict[str, int]:
    """The place of each result by its action: a cause stands before what it explains."""
    anchors = (anchor for a in v.actions for anchor in (a.anchor, *(other.anchor for other in a.others)))
    return {anchor: place for place, anchor in enumerate(anchors)}


def _size(entries: Sequence[Sequence[Line]]) -> int:
    return 2 + sum(map(len, entries)) if entries else 0


def _fitting(group: _Group, entries: Sequence[Sequence[Line]], room: int, words: Words) -> Iterator[Line]:
    if not entries:
        return
    yield from _heading(f"{group.title} ({words.scalar(len(entries))})")
    if _size(entries) <= room:
        yield from chain.from_iterable(entries)
        return
    left, shown = room - 3, 0
    while len(entries[shown]) <= left:
        left -= len(entries[shown])
        yield from entries[shown]
        shown += 1
    yield _more(len(entries) - shown, words), "dim"


def _entry(r: ResultView, most: int, words: Words, width: int) -> list[Line]:
    """A finding in so many lines; curves and ladders are a line each where there is more than one."""
    new = f" [{words.tr('new')}]" if r.fresh else ""
    head = f"{r.tone.symbol} {r.title}, {r.subject}{new}"
    style = STYLES[r.tone.name]
    if most == 1:
        return [(_fitted(f"{head}: {r.reason}", width), style)]
    if r.status.measured:
        head += f": {r.observed} ({words.tr('limit')} {r.limit})"
    reason = _cut(wrapped(r.reason, "    ", width=width), most - 1, width)
    pieces = islice((line for piece in r.evidence for line in _drawn(piece, words, width - 4)), MOST_TABLES)
    return [(_fitted(head, width), style), *((line, "") for line in (*reason, *(f"    {p}" for p in pieces)))]


def _drawn(piece: EvidenceView, words: Words, width: int) -> Iterator[str]:
    match piece.chart:
        case Curve():
            yield _fitted(curve_line(piece.chart, words, width), width)
        case Forecast():
            yield _fitted(forecast_line(piece.chart, words, width), width)
        case Ladder():
            yield _fitted(ladder_line(piece.chart, words), width)


def _heading(title: str) -> Iterator[Line]:
    yield from (("", ""), (title, "bold"))


def _texts(text: str, width: int) -> Iterator[Line]:
    yield from ((line, "") for line in wrapped(text, width=width))


def _more(number: int, words: Words) -> str:
    return words.tr("… and {number} more: --full", number=number)


def _cut(lines: Iterable[str], most: int, width: int) -> list[str]:
    """The first lines; the last of them ends with a mark if there were more."""
    kept = list(islice(lines, most + 1))
    if len(kept) <= most:
        return kept
    last = kept[most - 1].rstrip()
    return [*kept[: most - 1], f"{last} …" if cell_len(last) <= width - 2 else _fitted(f"{last} …", width)]


def _fitted(text: str, width: int) -> str:
    """The text in at most so many columns, with a mark where it is cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"
