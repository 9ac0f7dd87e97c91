"""What all charts with lines share: the frame, the axis of time, the limit, the legend."""

from collections.abc import Iterable, Sequence
from math import nan

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from rich.cells import cell_len

from reports.charts.drawing import INK, RULE, SOFT, drawable, short
from reports.charts.ticks import ticks
from reports.words import Words, minute

HEIGHT = 2.9
"""Of a chart with lines, in inches."""
LINE, BAND = "#2b5278", "#c9d6e3"
MOST_DOTS = 31
HALF_A_DAY = 43_200
"""Seconds beside a single point."""
_LONGEST_UNIT = 12
# In half-width characters: a line of the legend, and what a key takes beside its name.
_LEGEND, _KEY = 90, 9


def scale_x(axes: Axes, xs: Sequence[float], room: float) -> None:
    """From the first x to the last; around a single one so much room."""
    first, last = (xs[0], xs[-1]) if xs else (0.0, 0.0)
    beside = 0.0 if last > first else room
    axes.set_xlim(first - beside, last + beside)


def scale_y(axes: Axes, values: Iterable[float | None], least: float | None = None) -> None:
    """Room for all values, and some above and below them; `least` is drawn too."""
    heights = [y for y in (*values, least) if y is not None] or [0.0, 1.0]
    low, high = min(heights), max(heights)
    margin = 0.08 * (high - low) or abs(high) * 0.1 or 1.0
    axes.set_ylim(low - margin, high + margin)


def limit_line(axes: Axes, limit: float, unit: str, words: Words) -> Artist:
    """The limit through the whole chart, named for the legend."""
    label = drawable(words.tr("limit {figure}", figure=figure(limit, unit, words)))
    return axes.axhline(limit, color=INK, linewidth=1.1, linestyle=(0, (8, 2.5)), label=label, zorder=2.5)


def time_axis(axes: Axes, at: Sequence[str], words: Words, most: int) -> None:
    """At most so many marks of days or hours, and from when to when, with the zone."""
    if not at:
        axes.set_xticks([])
        return
    first, last = words.local(at[0]), words.local(at[-1])
    marks = ticks(first, last, most, words)
    axes.set_xticks([second for second, _ in marks], [drawable(text) for _, text in marks])
    period = words.tr("{first} to {last}, {zone}", first=minute(first), last=minute(last), zone=words.timezone)
    axes.set_xlabel(drawable(period if len(at) > 1 else words.scalar(at[0])), fontsize=9, color=SOFT, loc="left")


def frame(axes: Axes, words: Words) -> None:
    """Figures in the reader's language, and no more lines than are needed."""
    axes.yaxis.set_major_formatter(lambda value, _: words.scalar(value))
    axes.locator_params(axis="y", nbins=5)
    axes.tick_params(axis="x", length=3, color=SOFT, labelsize=8.5, labelcolor=SOFT)
    axes.tick_params(axis="y", length=0, labelsize=8.5, labelcolor=SOFT)
    axes.grid(axis="y", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)


def legend(axes: Axes, keys: Sequence[Artist]) -> None:
    """What the lines and areas are called, above the axes where no line runs."""
    if not keys:
        return
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


def no_data(axes: Axes, words: Words, box: dict[str, object]) -> str:
    """The words of a chart without a single value, in its middle."""
    text = drawable(words.tr("no data"))
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=SOFT, bbox=box, zorder=4)
    return text


def figure(value: float, unit: str, words: Words) -> str:
    """A value with its unit, which is cut if it is long."""
    return words.figure(value, short(unit, _LONGEST_UNIT))


def numbers(values: Iterable[float | None]) -> list[float]:
    """Values as matplotlib takes them: a line is broken at what is missing."""
    return [nan if y is None else y for y in values]
