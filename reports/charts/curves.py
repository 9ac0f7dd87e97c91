"""Curves as PNG: values over time, with what was expected, the limit and deploys beside them."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from rich.cells import cell_len

from reports.charts.axes import (
    HALF_A_DAY,
    HEIGHT,
    LINE,
    MOST_DOTS,
    figure,
    frame,
    legend,
    limit_line,
    no_data,
    numbers,
    scale_x,
    scale_y,
    time_axis,
)
from reports.charts.drawing import BEYOND, GROUND, HATCH, INK, SOFT, WITHIN, drawable, finished, sheet, short
from reports.words import Words
from tasks.check_result import Curve

_BEYOND_AREA, _GAP = "#f8e1de", "#e4e8ec"
_LONG_END = 20
"""Half-width characters of an end that leaves little room."""
_MOST_NAMED, _LONGEST_NAME = 6, 10
"""Marks that are named in the chart; of more the lines alone are drawn."""
_CELL = 0.014
"""About the width of a half-width character of their names, as a share of the chart's."""
_LATE = 0.85
"""What is named further to the right has its name on the left."""


def draw_curve(curve: Curve, words: Words) -> bytes:
    """The values as a line to a marked end, broken where nothing was measured and hatched under the limit."""
    whole, axes = sheet(HEIGHT)
    times = [words.local(at).timestamp() for at in curve.at]
    scale_x(axes, times, HALF_A_DAY)
    scale_y(axes, (*curve.values, *curve.expected), curve.limit)
    keys = (
        *_lines(axes, curve, times, words),
        *_beyond(axes, curve, times, words),
        *_gaps(axes, curve, times, words),
        *_marks(axes, curve, words),
    )
    _values(axes, curve, times)
    end = _end(axes, curve, times, words)
    time_axis(axes, curve.at, words, most=7 if cell_len(end) < _LONG_END else 4)
    frame(axes, words)
    legend(axes, keys)
    return finished(whole)


def _lines(axes: Axes, curve: Curve, times: Sequence[float], words: Words) -> Iterator[Artist]:
    if curve.expected:
        label = drawable(words.tr("if spent evenly"))
        yield from axes.plot(times, curve.expected, color=WITHIN, linewidth=1.3, linestyle=(0, (3, 2)), label=label)
    if curve.limit is not None:
        yield limit_line(axes, curve.limit, curve.unit, words)


def _beyond(axes: Axes, curve: Curve, times: Sequence[float], words: Words) -> Iterator[Artist]:
    """The area beyond the limit; where a line is missing, the points alone say it."""
    beyond = [curve.is_beyond(y) for y in curve.values]
    label = _beyond_words(curve, words)
    areas = [None not in pair and any(map(curve.is_beyond, pair)) for pair in pairwise(curve.values)]
    if curve.limit is not None and any(areas):
        values = numbers(curve.values)
        area = axes.fill_between(times, values, curve.limit, where=beyond, interpolate=True, label=label)
        area.set(facecolor=_BEYOND_AREA, edgecolor=HATCH, linewidth=0, hatch="////")
        yield area
    dots = [(x, y) for x, y in _dots(curve, times) if curve.is_beyond(y)]
    if dots:
        points = axes.plot(*zip(*dots, strict=True), "D", color=BEYOND, markersize=4, clip_on=False, zorder=3.5)
        points[0].set_label(label)
        yield from [] if any(areas) else points


def _gaps(axes: Axes, curve: Curve, times: Sequence[float], words: Words) -> Iterator[Artist]:
    """A band over each stretch without a value, from the last measured point to the next one."""
    bands = []
    for missing, group in groupby(range(len(times)), key=lambda n: curve.values[n] is None):
        if missing:
            places = list(group)
            start, end = times[max(places[0] - 1, 0)], times[min(places[-1] + 1, len(times) - 1)]
            bands.append(axes.axvspan(start, end, color=_GAP, linewidth=0, label=drawable(words.tr("no data"))))
    yield from bands[:1]


def _values(axes: Axes, curve: Curve, times: Sequence[float]) -> None:
    axes.plot(times, numbers(curve.values), color=LINE, linewidth=1.9, solid_joinstyle="round", zorder=3)
    dots = [(x, y) for x, y in _dots(curve, times) if not curve.is_beyond(y)]
    if dots:  # without points its box would be that of the whole picture, and the layout would keep it free
        axes.plot(*zip(*dots, strict=True), "o", color=LINE, markersize=3.5, clip_on=False, zorder=3)


def _dots(curve: Curve, times: Sequence[float]) -> Iterator[tuple[float, float]]:
    """The points to be marked: all if they are few, else those that no line reaches."""
    around = (None, *curve.values, None)
    for n, (x, y) in enumerate(zip(times, curve.values, strict=True)):
        if y is not None and (len(times) <= MOST_DOTS or around[n] is around[n + 2] is None):
            yield x, y


def _end(axes: Axes, curve: Curve, times: Sequence[float], words: Words) -> str:
    """Marks the last measured point and writes its value beside it."""
    measured = [(x, y) for x, y in zip(times, curve.values, strict=True) if y is not None]
    box: dict[str, object] = {"facecolor": GROUND, "edgecolor": "none", "pad": 1.2}
    if not measured:
        return no_data(axes, words, box)
    beyond = curve.is_beyond(measured[-1][1])
    marker, color, ink = ("D", BEYOND, BEYOND) if beyond else ("o", LINE, INK)
    axes.plot(*measured[-1], marker, color=color, markersize=7, clip_on=False, zorder=5)
    text = drawable(figure(measured[-1][1], curve.unit, words))
    label = f"{text}\n{_beyond_words(curve, words)}" if beyond else text
    note = axes.annotate(label, measured[-1], xytext=(9, 0), textcoords="offset points", va="center", zorder=4)
    note.set(fontsize=9.5, color=ink, bbox=box)
    return text


def _beyond_words(curve: Curve, words: Words) -> str:
    return drawable(words.tr("under the limit") if curve.worse == "under" else words.tr("over the limit"))


def _marks(axes: Axes, curve: Curve, words: Words) -> Iterator[Artist]:
    """A line for each deploy and each event, with its version or word where they are few."""
    lines: dict[str, Artist] = {}
    taken: list[float] = []
    first, last = axes.get_xlim()
    for mark in curve.marks:
        at, deploy = words.local(mark.at).timestamp(), mark.kind == "deploy"
        label = drawable(words.tr("deploy") if deploy else words.tr("event"))
        line = axes.axvline(at, color=SOFT if deploy else INK, linewidth=1, label=label)
        line.set_linestyle((0, (1, 2)) if deploy else (0, (5, 2)))
        lines[mark.kind] = line
        if len(curve.marks) <= _MOST_NAMED:
            text = drawable(short(words.scalar(mark.label), _LONGEST_NAME))
            start = (at - first) / (last - first)
            before = start > _LATE  # beside the last value there is no room
            place = (at, 0.98 - 0.09 * free_row(taken, start - _width(text) * before, text))
            note = axes.annotate(
                text,
                place,
                xycoords=axes.get_xaxis_transform(),
                xytext=(-3 if before else 3, 0),
                textcoords="offset points",
            )
            note.set(va="top", ha="right" if before else "left", fontsize=8, color=SOFT, zorder=4)
            note.set_bbox({"facecolor": GROUND, "edgecolor": "none", "pad": 0.8})
    yield from lines.values()


def free_row(taken: list[float], start: float, text: str) -> int:
    """The first row of labels in which there is room from `start` on, a share of the width; `taken` are their ends."""
    row = next((number for number, end in enumerate(taken) if end <= start), len(taken))
    taken[row : row + 1] = [start + _width(text)]
    return row


def _width(text: str) -> float:
    return _CELL * (cell_len(text) + 1)
