"""Curves as PNG: values over time, with what was expected and the limit beside them."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from math import nan

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from rich.cells import cell_len

from reports.drawing import BEYOND, GROUND, HATCH, INK, RULE, SOFT, WITHIN, drawable, finished, sheet, short
from reports.ticks import ticks
from reports.words import Words, minute
from tasks.check_result import Curve

_HEIGHT = 2.9
_LINE, _UNDER, _GAP = "#2b5278", "#f8e1de", "#e4e8ec"
_MOST_DOTS = 31
_LONGEST_UNIT = 12
_HALF_A_DAY = 43_200
# In half-width characters: a line of the legend, what a key takes beside its name, and an end that leaves little room.
_LEGEND, _KEY, _LONG_END = 90, 9, 20


def draw_curve(curve: Curve, words: Words) -> bytes:
    """The values as a line to a marked end, broken where nothing was measured and hatched under the limit."""
    figure, axes = sheet(_HEIGHT)
    times = [words.local(at).timestamp() for at in curve.at]
    _scales(axes, curve, times)
    keys = (*_lines(axes, curve, times, words), *_under(axes, curve, times, words), *_gaps(axes, curve, times, words))
    _values(axes, curve, times)
    end = _end(axes, curve, times, words)
    _time_axis(axes, curve, words, most=7 if cell_len(end) < _LONG_END else 4)
    _frame(axes, words)
    if keys:
        _legend(axes, keys)
    return finished(figure)


def _scales(axes: Axes, curve: Curve, times: Sequence[float]) -> None:
    first, last = (times[0], times[-1]) if times else (0.0, 0.0)
    room = 0 if last > first else _HALF_A_DAY
    axes.set_xlim(first - room, last + room)
    heights = [y for y in (*curve.values, *curve.expected, curve.limit) if y is not None] or [0.0, 1.0]
    low, high = min(heights), max(heights)
    margin = 0.08 * (high - low) or abs(high) * 0.1 or 1.0
    axes.set_ylim(low - margin, high + margin)


def _lines(axes: Axes, curve: Curve, times: Sequence[float], words: Words) -> Iterator[Artist]:
    if curve.expected:
        label = drawable(words.tr("if spent evenly"))
        yield from axes.plot(times, curve.expected, color=WITHIN, linewidth=1.3, linestyle=(0, (3, 2)), label=label)
    if curve.limit is not None:
        label = drawable(words.tr("limit {figure}", figure=_figure(curve.limit, curve, words)))
        yield axes.axhline(curve.limit, color=INK, linewidth=1.1, linestyle=(0, (8, 2.5)), label=label, zorder=2.5)


def _under(axes: Axes, curve: Curve, times: Sequence[float], words: Words) -> Iterator[Artist]:
    """The area under the limit; where a line is missing, the points alone say it."""
    under = [_is_under(y, curve) for y in curve.values]
    label = drawable(words.tr("under the limit"))
    areas = [None not in pair and any(_is_under(y, curve) for y in pair) for pair in pairwise(curve.values)]
    if curve.limit is not None and any(areas):
        area = axes.fill_between(times, _numbers(curve), curve.limit, where=under, interpolate=True, label=label)
        area.set(facecolor=_UNDER, edgecolor=HATCH, linewidth=0, hatch="////")
        yield area
    dots = [(x, y) for x, y in _dots(curve, times) if _is_under(y, curve)]
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
    axes.plot(times, _numbers(curve), color=_LINE, linewidth=1.9, solid_joinstyle="round", zorder=3)
    dots = [(x, y) for x, y in _dots(curve, times) if not _is_under(y, curve)]
    if dots:  # without points its box would be that of the whole picture, and the layout would keep it free
        axes.plot(*zip(*dots, strict=True), "o", color=_LINE, markersize=3.5, clip_on=False, zorder=3)


def _dots(curve: Curve, times: Sequence[float]) -> Iterator[tuple[float, float]]:
    """The points to be marked: all if they are few, else those that no line reaches."""
    around = (None, *curve.values, None)
    for n, (x, y) in enumerate(zip(times, curve.values, strict=True)):
        if y is not None and (len(times) <= _MOST_DOTS or around[n] is around[n + 2] is None):
            yield x, y


def _end(axes: Axes, curve: Curve, times: Sequence[float], words: Words) -> str:
    """Marks the last measured point and writes its value beside it."""
    measured = [(x, y) for x, y in zip(times, curve.values, strict=True) if y is not None]
    box = {"facecolor": GROUND, "edgecolor": "none", "pad": 1.2}
    if not measured:
        text = drawable(words.tr("no data"))
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=SOFT, bbox=box, zorder=4)
        return text
    under = _is_under(measured[-1][1], curve)
    marker, color, ink = ("D", BEYOND, BEYOND) if under else ("o", _LINE, INK)
    axes.plot(*measured[-1], marker, color=color, markersize=7, clip_on=False, zorder=5)
    text = drawable(_figure(measured[-1][1], curve, words))
    label = f"{text}\n{drawable(words.tr('under the limit'))}" if under else text
    note = axes.annotate(label, measured[-1], xytext=(9, 0), textcoords="offset points", va="center", zorder=4)
    note.set(fontsize=9.5, color=ink, bbox=box)
    return text


def _time_axis(axes: Axes, curve: Curve, words: Words, most: int) -> None:
    if not curve.at:
        axes.set_xticks([])
        return
    first, last = words.local(curve.at[0]), words.local(curve.at[-1])
    marks = ticks(first, last, most, words)
    axes.set_xticks([at for at, _ in marks], [drawable(text) for _, text in marks])
    period = words.tr("{first} to {last}, {zone}", first=minute(first), last=minute(last), zone=words.timezone)
    axes.set_xlabel(
        drawable(period if len(curve.at) > 1 else words.scalar(curve.at[0])), fontsize=9, color=SOFT, loc="left"
    )


def _frame(axes: Axes, words: Words) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: words.scalar(value))
    axes.locator_params(axis="y", nbins=5)
    axes.tick_params(axis="x", length=3, color=SOFT, labelsize=8.5, labelcolor=SOFT)
    axes.tick_params(axis="y", length=0, labelsize=8.5, labelcolor=SOFT)
    axes.grid(axis="y", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)


def _legend(axes: Axes, keys: Sequence[Artist]) -> None:
    """What the lines and areas are called, above the axes where no line runs."""
    needed = sum(cell_len(str(key.get_label())) + _KEY for key in keys)
    axes.legend(
        handles=keys,
        ncols=len(keys) if needed <= _LEGEND else 2,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        borderpad=0.2,
        handlelength=2.3,
        columnspacing=1.4,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )


def _figure(value: float, curve: Curve, words: Words) -> str:
    return words.figure(value, short(curve.unit, _LONGEST_UNIT))


def _is_under(value: float | None, curve: Curve) -> bool:
    return value is not None and curve.limit is not None and value < curve.limit


def _numbers(curve: Curve) -> list[float]:
    return [nan if y is None else y for y in curve.values]
