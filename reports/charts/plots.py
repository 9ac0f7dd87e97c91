"""Plots as PNG: lines over a quantity such as virtual users, measured ones with points, models dashed."""

from collections.abc import Iterator

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from reports.charts.axes import HEIGHT, LINE, MOST_DOTS, frame, legend, limit_line, no_data, numbers, scale_x, scale_y
from reports.charts.drawing import GROUND, SOFT, drawable, finished, fitted, sheet
from reports.words import Words
from tasks.check_result import Plot, PlotLine

_COLOURS = (LINE, "#b06a00", "#4c7a34", "#7a4c8a")
_POINTS = ("o", "s", "^", "D")
"""Lines differ by the form of their points, not by colour alone."""
_LABEL_INCHES = 3.0


def draw_plot(plot: Plot, words: Words) -> bytes:
    """Each line with its own points and colour, the limit drawn through."""
    whole, axes = sheet(HEIGHT)
    scale_x(axes, plot.xs, 1.0)
    scale_y(axes, (0.0, *(y for line in plot.lines for y in line.values)), plot.limit)
    keys = [*_lines(axes, plot, words)]
    if plot.limit is not None:
        keys.append(limit_line(axes, plot.limit, plot.unit, words))
    if not any(y is not None for line in plot.lines for y in line.values):
        no_data(axes, words, {"facecolor": GROUND, "edgecolor": "none", "pad": 1.2})
    frame(axes, words)
    axes.xaxis.set_major_formatter(lambda value, _: words.scalar(value))
    axes.locator_params(axis="x", nbins=8)
    axes.set_xlabel(drawable(words.say(plot.x_label)), fontsize=9, color=SOFT, loc="left")
    if plot.unit:
        axes.set_title(drawable(plot.unit), fontsize=8.5, color=SOFT, loc="right", pad=3)
    legend(axes, keys)
    return finished(whole)


def _lines(axes: Axes, plot: Plot, words: Words) -> Iterator[Artist]:
    for number, line in enumerate(plot.lines):
        yield _line(axes, plot, line, number, words)


def _line(axes: Axes, plot: Plot, line: PlotLine, number: int, words: Words) -> Artist:
    label = fitted(words.say(line.label), _LABEL_INCHES, 9)
    colour, values = _COLOURS[number % len(_COLOURS)], numbers(line.values)
    if line.fitted:
        [drawn] = axes.plot(plot.xs, values, color=colour, linewidth=1.4, linestyle=(0, (4, 2)), label=label)
        return drawn
    point = _POINTS[number % len(_POINTS)] if len(plot.xs) <= MOST_DOTS else ""
    [drawn] = axes.plot(plot.xs, values, color=colour, linewidth=1.9, marker=point, markersize=5, label=label, zorder=3)
    drawn.set_clip_on(False)
    return drawn
