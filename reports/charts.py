"""Charts as PNG: one horizontal bar a label, and the limit drawn through them."""

from functools import cache
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.text import Text
from matplotlib_fontja import get_font_ttf_path
from PIL import Image

from reports.words import Words
from tasks.check_result import Chart
from tasks.observation import shown

MOST_BARS = 20
_MOST_LETTERS = 28
_WIDTH, _DPI = 6.0, 144
_GROUND, _INK, _SOFT, _RULE = "#ffffff", "#1b2228", "#56616b", "#dde2e6"
_WITHIN, _OVER, _HATCH = "#7d95ab", "#b3352a", "#d9837a"


def png(chart: Chart, words: Words) -> bytes:
    """The chart on an opaque ground, at most 100 kB, the same bytes for the same data.

    Bars are drawn in the given order, the first MOST_BARS of them; the title stands outside, as text.
    A value over the limit differs by colour, hatching and a word.
    """
    labels, values = chart.labels[:MOST_BARS], chart.values[:MOST_BARS]
    figure = Figure(
        figsize=(_WIDTH, 0.7 + 0.32 * max(len(labels), 1)), dpi=_DPI, facecolor=_GROUND, layout="constrained"
    )
    axes = figure.add_subplot()
    _bars(axes, chart, labels, values, words)
    _limit(axes, chart, words)
    _frame(axes, chart, words)
    for text in figure.findobj(Text):
        text.set_fontproperties(_font(text.get_fontsize()))
        text.set_parse_math(False)
    return _bytes(figure)


def _bars(axes: Axes, chart: Chart, labels: tuple[str, ...], values: tuple[float, ...], words: Words) -> None:
    over = [chart.limit is not None and value > chart.limit for value in values]
    axes.barh(
        range(len(values)),
        values,
        height=0.62,
        color=[_OVER if x else _WITHIN for x in over],
        hatch=["////" if x else "" for x in over],
        edgecolor=_HATCH,
        linewidth=0,
    )
    for row, (value, too_much) in enumerate(zip(values, over, strict=True)):
        figure = words.figure(value, chart.unit)
        text = words.tr("{figure}, over the limit", figure=figure) if too_much else figure
        axes.annotate(
            _drawable(text),
            (max(value, 0), row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=_OVER if too_much else _INK,
            bbox={"facecolor": _GROUND, "edgecolor": "none", "pad": 1.2},
            zorder=4,
        )
    axes.set_yticks(range(len(labels)), [_drawable(_short(label)) for label in labels])
    axes.set_ylim(max(len(labels), 1) - 0.5, -0.75)
    if not values:
        axes.text(0.5, 0.5, _drawable(words.tr("not measured")), transform=axes.transAxes, ha="center", color=_SOFT)


def _limit(axes: Axes, chart: Chart, words: Words) -> None:
    most = max((*chart.values[:MOST_BARS], chart.limit or 0.0, 0.0))
    axes.set_xlim(min((0.0, *chart.values[:MOST_BARS])), (most or 1.0) * 1.5)
    if chart.limit is None:
        return
    axes.axvline(chart.limit, color=_INK, linewidth=1.1, linestyle=(0, (4, 2)), zorder=3)
    axes.annotate(
        _drawable(words.tr("limit {figure}", figure=words.figure(chart.limit, chart.unit))),
        (chart.limit, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center" if chart.limit > 0.25 * most else "left",
        va="bottom",
        fontsize=9,
        color=_INK,
    )


def _frame(axes: Axes, chart: Chart, words: Words) -> None:
    if len(chart.labels) > MOST_BARS:
        note = words.tr("first {shown} of {all}", shown=MOST_BARS, all=len(chart.labels))
        axes.set_xlabel(_drawable(note), fontsize=9, color=_SOFT, loc="left")
    axes.tick_params(axis="y", length=0, labelsize=9.5, labelcolor=_INK)
    axes.tick_params(axis="x", length=0, labelsize=8.5, labelcolor=_SOFT)
    axes.xaxis.set_major_formatter(lambda value, _: words.scalar(value))
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color=_RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(_SOFT)


def _bytes(figure: Figure) -> bytes:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    image = Image.frombuffer("RGBA", canvas.get_width_height(), pixels).convert("RGB")
    image = image.quantize(colors=64, dither=Image.Dither.NONE)
    buffer = BytesIO()
    image.save(buffer, format="PNG", optimize=True, dpi=(_DPI, _DPI))
    return buffer.getvalue()


def _font(size: float | str) -> FontProperties:
    return FontProperties(fname=get_font_ttf_path(), size=size)


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(Path(get_font_ttf_path())).get_charmap())


def _drawable(text: str) -> str:
    """The text with characters that the font lacks replaced, as a missing one prints a warning per draw."""
    return "".join(c if ord(c) in _glyphs() else "〓" for c in text)


def _short(label: str) -> str:
    """The label's two ends, as paths and hosts differ at the end."""
    text = shown(label)
    half = _MOST_LETTERS // 2
    return text if len(text) <= _MOST_LETTERS else f"{text[:half]}…{text[-half:]}"
