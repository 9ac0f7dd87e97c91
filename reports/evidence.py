"""A piece of evidence in the reader's words."""

from math import ceil

from reports.tones import status_tone
from reports.view import EvidenceView
from reports.words import Words, minute
from tasks.check_result import Chart, Curve, Evidence, Excerpt, Ladder, LadderStep, Table
from tasks.observation import printable

MOST_POINTS = 31
_LONGEST_LINE, _MOST_LINES = 2000, 400


def evidence_view(piece: Evidence, words: Words) -> EvidenceView:
    """What is shown of it; what is drawn has its figures as rows too."""
    match piece:
        case Table():
            return _table(piece, words)
        case Excerpt():
            return EvidenceView("excerpt", words.say(piece.title), text=lines_of(piece.text))
        case Chart():
            return _chart(piece, words)
        case Curve():
            return _curve(piece, words)
        case Ladder():
            return _ladder(piece, words)


def lines_of(text: str) -> str:
    """Text from outside with its line ends kept, everything else that steers a reader's screen spelt out."""
    lines = text.expandtabs(4).replace("\r\n", "\n").split("\n")
    kept = [printable(line, _LONGEST_LINE) for line in lines[:_MOST_LINES]]
    return "\n".join([*kept, "…"] if len(lines) > _MOST_LINES else kept)


def _table(table: Table, words: Words) -> EvidenceView:
    rows = tuple(tuple(words.scalar(cell) for cell in row) for row in table.rows)
    columns = tuple(words.say(column) for column in table.columns)
    figures = tuple(all(_is_figure(row[n]) for row in table.rows) for n in range(len(columns)))
    return EvidenceView("table", words.say(table.title), columns=columns, figures=figures, rows=rows)


def _chart(chart: Chart, words: Words) -> EvidenceView:
    bars = zip(chart.labels, chart.values, strict=True)
    return EvidenceView(
        "chart",
        words.say(chart.title),
        columns=(words.tr("Subject"), words.tr("Observed")),
        figures=(False, True),
        rows=tuple((printable(label), words.figure(value, chart.unit)) for label, value in bars),
        finding=words.say(chart.finding),
        chart=chart,
    )


def _curve(curve: Curve, words: Words) -> EvidenceView:
    """At most MOST_POINTS rows at even distances, the last point among them."""
    points = len(curve.at)
    kept = sorted(range(points - 1, -1, -max(ceil(points / MOST_POINTS), 1)))
    times = [minute(words.local(curve.at[n])) for n in kept]
    series = [curve.values, curve.expected] if curve.expected else [curve.values]
    figures = [[words.figure(values[n], curve.unit) for n in kept] for values in series]
    return EvidenceView(
        "curve",
        words.say(curve.title),
        columns=(
            words.tr("Time ({zone})", zone=words.timezone),
            *(words.tr("Observed"), words.tr("If spent evenly"))[: len(series)],
        ),
        figures=(False, *(True for _ in series)),
        rows=tuple(zip(times, *figures, strict=True)),
        note=words.tr("{shown} of {all} points in time", shown=len(kept), all=points) if len(kept) < points else "",
        finding=words.say(curve.finding),
        chart=curve,
    )


def _ladder(ladder: Ladder, words: Words) -> EvidenceView:
    return EvidenceView(
        "ladder",
        words.say(ladder.title),
        columns=(words.tr("Step"), words.tr("Status"), words.tr("Time"), words.tr("Details")),
        figures=(False, False, True, False),
        rows=tuple(_step(step, words) for step in ladder.steps),
        finding=words.say(ladder.finding),
        chart=ladder,
    )


def _step(step: LadderStep, words: Words) -> tuple[str, ...]:
    tone = status_tone(step.status, words)
    # No time to show is no missing figure: the dash of one would say more than is known.
    time = "" if step.seconds is None else words.figure(step.seconds, "s")
    return words.say(step.name), f"{tone.symbol} {tone.word}", time, words.say(step.note)


def _is_figure(cell: object) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))
