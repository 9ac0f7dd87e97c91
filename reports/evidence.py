"""A piece of evidence in the reader's words."""

from collections.abc import Iterator, Sequence
from math import ceil

from reports.tones import status_tone
from reports.view import EvidenceView
from reports.words import Words, minute
from tasks.check_result import Chart, Curve, Evidence, Excerpt, Forecast, Ladder, LadderStep, Plot, Table
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
        case Forecast():
            return _forecast(piece, words)
        case Plot():
            return _plot(piece, words)
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
    kept = _kept(len(curve.at))
    series = [curve.values, curve.expected] if curve.expected else [curve.values]
    return EvidenceView(
        "curve",
        words.say(curve.title),
        columns=(_time(words), *(words.tr("Observed"), words.tr("If spent evenly"))[: len(series)]),
        figures=(False, *(True for _ in series)),
        rows=_over_time(curve.at, series, curve.unit, kept, words),
        note=" · ".join((*_thinned(curve.at, kept, words), *_marks(curve, words))),
        finding=words.say(curve.finding),
        chart=curve,
    )


def _marks(curve: Curve, words: Words) -> Iterator[str]:
    def named(kind: str) -> str:
        mine = (mark for mark in curve.marks if mark.kind == kind)
        return "; ".join(f"{minute(words.local(mark.at))} {words.scalar(mark.label)}".strip() for mark in mine)

    if deploys := named("deploy"):
        yield words.tr("Deploys: {deploys}", deploys=deploys)
    if events := named("event"):
        yield words.tr("Events: {events}", events=events)


def _forecast(forecast: Forecast, words: Words) -> EvidenceView:
    kept = _kept(len(forecast.at))
    series = [forecast.measured, forecast.low, forecast.middle, forecast.high]
    return EvidenceView(
        "forecast",
        words.say(forecast.title),
        columns=(_time(words), words.tr("Measured"), *(f"{share} %" for share in (10, 50, 90))),
        figures=(False, True, True, True, True),
        rows=_over_time(forecast.at, series, forecast.unit, kept, words),
        note=" · ".join(_thinned(forecast.at, kept, words)),
        finding=words.say(forecast.finding),
        chart=forecast,
    )


def _plot(plot: Plot, words: Words) -> EvidenceView:
    kept = _kept(len(plot.xs))
    return EvidenceView(
        "plot",
        words.say(plot.title),
        columns=(words.say(plot.x_label), *(words.say(line.label) for line in plot.lines)),
        figures=(True, *(True for _ in plot.lines)),
        rows=tuple(
            (words.scalar(plot.xs[n]), *(words.figure(line.values[n], plot.unit) for line in plot.lines)) for n in kept
        ),
        note=" · ".join(_thinned(plot.xs, kept, words)),
        finding=words.say(plot.finding),
        chart=plot,
    )


def _kept(points: int) -> list[int]:
    """The places of at most MOST_POINTS points at even distances, the last one among them."""
    return sorted(range(points - 1, -1, -max(ceil(points / MOST_POINTS), 1)))


def _thinned(points: Sequence[object], kept: Sequence[int], words: Words) -> Iterator[str]:
    if len(kept) < len(points):
        yield words.tr("{shown} of {all} points", shown=len(kept), all=len(points))


def _over_time(
    at: Sequence[str], series: Sequence[Sequence[float | None]], unit: str, kept: Sequence[int], words: Words
) -> tuple[tuple[str, ...], ...]:
    return tuple((minute(words.local(at[n])), *(words.figure(values[n], unit) for values in series)) for n in kept)


def _time(words: Words) -> str:
    return words.tr("Time ({zone})", zone=words.timezone)


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
