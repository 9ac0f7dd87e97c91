"""What a round leaves in the Prefect UI: one table and one markdown text."""

import re
from collections.abc import Iterator

from reports.charts import as_png
from reports.html import data_uri
from reports.localise import view
from reports.report import Report, Seal
from reports.text import provenance
from reports.view import LineView, ReportView, ResultView
from reports.words import Words

MOST_ROWS = 50
_SPECIAL = re.compile(r"""[\\`*_{}\[\]()#+\-!|~:@$^=]|(?<!\d)\.|\.(?!\d)""")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escaped(text: str) -> str:
    """Text that markdown shows as it is: no markup, HTML, link or automatic link comes out of it."""
    html = re.sub(r'[&<>"]', lambda m: _HTML[m[0]], _SPECIAL.sub(r"\\\g<0>", text))
    return html.replace("\n", " ")


def table(report: Report, words: Words) -> list[dict[str, str]]:
    """One row a result, in the order of the round; the columns are in the reader's language."""
    v = view(report, Seal(0, "", ""), words)
    results = [r for line in v.lines for r in line.results] + list(v.others)
    return [
        {
            words.tr("Status"): f"{r.tone.symbol} {r.tone.word}",
            words.tr("Check"): escaped(r.title),
            words.tr("Subject"): escaped(r.subject),
            words.tr("Observed"): escaped(r.observed),
            words.tr("Limit"): escaped(r.limit),
            words.tr("Reason"): escaped(r.reason),
        }
        for r in results
    ]


def markdown(report: Report, seal: Seal, words: Words) -> str:
    """The report as markdown: verdict, actions, checklist, failures, what is unknown or skipped, hash, one chart."""
    v = view(report, seal, words)
    title = escaped(f"{v.service} {v.flow_name} {v.period}")
    parts = [f"# {v.tone.symbol} {v.tone.word}: {title}", escaped(v.sentence), escaped(v.since)]
    parts.append(" · ".join(f"{c.tone.symbol} {c.tone.word} **{c.text}**" for c in v.counts))
    parts += [f"> {escaped(note)}" for note in v.notes]
    if v.actions:
        parts.append(f"## {words.tr('Actions needed')} ({len(v.actions)})")
        parts += [escaped(v.covered)] if v.covered else []
        parts += _actions(v, words)
    if v.kpis:
        figures = [f"- {escaped(k.label)}: **{escaped(k.figure)}** {escaped(k.change)}" for k in v.kpis]
        parts += [f"## {words.tr('Key figures')}", "\n".join(figures)]
    if v.lines:
        parts += [f"## {words.tr('Checklist')}", "\n".join(_line(line) for line in v.lines)]
    parts += _section(words.tr("Failed checks"), v.failed, words)
    parts += _section(words.tr("Checks that need attention"), v.warned, words)
    parts += _section(words.tr("Unknown"), v.unknown, words)
    parts += _section(words.tr("Skipped"), v.skipped, words)
    parts += _chart((*v.failed, *v.warned), words)
    parts.append("\n".join(f"- {escaped(label)}: {escaped(value)}" for label, value in provenance(v, words)))
    return "\n\n".join(parts) + "\n"


def _line(line: LineView) -> str:
    # The box is a character: Prefect's UI does not draw task lists.
    box = "☑" if line.ticked else "☐"
    return f"- {box} {escaped(line.text)} · {line.tone.word} · {escaped(line.reason)}"


def _actions(v: ReportView, words: Words) -> Iterator[str]:
    lines = []
    for action in v.actions[:MOST_ROWS]:
        due = words.tr("due {time}", time=action.due)
        about = " · ".join(filter(None, (action.owner, action.severity, due, action.checks)))
        lines.append(f"- {action.tone.symbol} {escaped(action.title)}, {escaped(action.subject)}: {escaped(about)}")
        others = [f"{o.tone.symbol} {escaped(o.title)}, {escaped(o.subject)}" for o in action.others]
        if others:
            lines.append(f"  - {words.tr('Same cause:')} {'; '.join(others[:MOST_ROWS])}")
        if len(others) > MOST_ROWS:
            lines.append(f"  - {words.tr('{number} more', number=len(others) - MOST_ROWS)}")
    yield "\n".join(lines)
    if len(v.actions) > MOST_ROWS:
        yield words.tr("{number} more", number=len(v.actions) - MOST_ROWS)


def _section(title: str, results: tuple[ResultView, ...], words: Words) -> Iterator[str]:
    if not results:
        return
    yield f"## {title} ({len(results)})"
    names = (words.tr("Check"), words.tr("Subject"), words.tr("Observed"), words.tr("Limit"), words.tr("Reason"))
    rows = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    for r in results[:MOST_ROWS]:
        cells = (r.title, r.subject, r.observed, r.limit, r.reason)
        rows.append(f"| {' | '.join(escaped(cell) for cell in cells)} |")
    yield "\n".join(rows)
    if len(results) > MOST_ROWS:
        yield words.tr("{number} more", number=len(results) - MOST_ROWS)


def _chart(results: tuple[ResultView, ...], words: Words) -> Iterator[str]:
    for r in results:
        for piece in r.evidence:
            if piece.chart:
                yield f"**{escaped(piece.title)}**"
                yield f"![{escaped(piece.finding)}]({data_uri(as_png(piece.chart, words))})"
                return
