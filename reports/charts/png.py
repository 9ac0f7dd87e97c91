"""Charts as PNG: one horizontal bar a label, and the limit drawn through them; all others stand elsewhere."""

from matplotlib.axes import Axes

from reports.charts.curves import draw_curve
from reports.charts.drawing import BEYOND, GROUND, HATCH, INK, RULE, SOFT, WITHIN, drawable, finished, sheet, short
from reports.charts.forecasts import draw_forecast
from reports.charts.ladders import draw_ladder
from reports.charts.plots import draw_plot
from reports.words import Words
from tasks.check_result import Chart, Curve, Drawing, Forecast, Ladder, Plot

MOST_BARS = 20


def png(chart: Drawing, words: Words) -> bytes:
    """The chart on an opaque ground, at most 100 kB, the same bytes for the same data; the title stands outside.

    What is beyond the limit differs by colour, hatching and a word.
    """
    match chart:
        case Chart():
            return _draw_bars(chart, words)
        case Curve():
            return draw_curve(chart, words)
        case Forecast():
            return draw_forecast(chart, words)
        case Plot():
            return draw_plot(chart, words)
        case Ladder():
            return draw_ladder(chart, words)


def _draw_bars(chart: Chart, words: Words) -> bytes:
    """Bars in the given order, the first MOST_BARS of them."""
    labels, values = chart.labels[:MOST_BARS], chart.values[:MOST_BARS]
    figure, axes = sheet(0.7 + 0.32 * max(len(labels), 1))
    _bars(axes, chart, labels, values, words)
    _limit(axes, chart, words)
    _frame(axes, chart, words)
    return finished(figure)


def _bars(axes: Axes, chart: Chart, labels: tuple[str, ...], values: tuple[float, ...], words: Words) -> None:
    over = [chart.limit is not None and value > chart.limit for value in values]
    axes.barh(
        range(len(values)),
        values,
        height=0.62,
        color=[BEYOND if x else WITHIN for x in over],
        hatch=["////" if x else "" for x in over],
        edgecolor=HATCH,
        linewidth=0,
    )
    for row, (value, too_much) in enumerate(zip(values, over, strict=True)):
        figure = words.figure(value, chart.unit)
        text = words.tr("{figure}, over the limit", figure=figure) if too_much else figure
        axes.annotate(
            drawable(text),
            (max(value, 0), row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=BEYOND if too_much else INK,
            bbox={"facecolor": GROUND, "edgecolor": "none", "pad": 1.2},
            zorder=4,
        )
    axes.set_yticks(range(len(labels)), [drawable(short(label)) for label in labels])
    axes.set_ylim(max(len(labels), 1) - 0.5, -0.75)
    if not values:
        axes.text(0.5, 0.5, drawable(words.tr("no data")), transform=axes.transAxes, ha="center", color=SOFT)


def _limit(axes: Axes, chart: Chart, words: Words) -> None:
    most = max((*chart.values[:MOST_BARS], chart.limit or 0.0, 0.0))
    axes.set_xlim(min((0.0, *chart.values[:MOST_BARS])), (most or 1.0) * 1.5)
    if chart.limit is None:
        return
    axes.axvline(chart.limit, color=INK, linewidth=1.1, linestyle=(0, (4, 2)), zorder=3)
    axes.annotate(
        drawable(words.tr("limit {figure}", figure=words.figure(chart.limit, chart.unit))),
        (chart.limit, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center" if chart.limit > 0.25 * most else "left",
        va="bottom",
        fontsize=9,
        color=INK,
    )


def _frame(axes: Axes, chart: Chart, words: Words) -> None:
    if len(chart.labels) > MOST_BARS:
        note = words.tr("first {shown} of {all}", shown=MOST_BARS, all=len(chart.labels))
        axes.set_xlabel(drawable(note), fontsize=9, color=SOFT, loc="left")
    axes.tick_params(axis="y", length=0, labelsize=9.5, labelcolor=INK)
    axes.tick_params(axis="x", length=0, labelsize=8.5, labelcolor=SOFT)
    axes.xaxis.set_major_formatter(lambda value, _: words.scalar(value))
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(SOFT)
