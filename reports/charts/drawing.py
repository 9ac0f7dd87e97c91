"""The look that all charts share, and how a figure becomes a PNG."""

from bisect import bisect_right
from functools import cache
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.path import Path as Outline
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from matplotlib_fontja import get_font_ttf_path
from PIL import Image

from tasks.observation import printable

GROUND, INK, SOFT, RULE = "#ffffff", "#1b2228", "#56616b", "#dde2e6"
WITHIN, BEYOND, HATCH = "#7d95ab", "#b3352a", "#d9837a"
# By the name of a tone: its ink, and the tint of its ground.
TONES = {
    "fail": ("#a4201c", "#fdeeec"),
    "warn": ("#7a4b00", "#fdf2da"),
    "unknown": ("#4c4391", "#efeefb"),
    "skipped": ("#525d67", "#eceff2"),
    "pass": ("#17643a", "#e7f4eb"),
}
WIDTH = 6.0
_DPI = 144
_ALIKE = {"✕": "×"}


def sheet(height: float) -> tuple[Figure, Axes]:
    """An opaque ground of a height in inches, with axes in it."""
    figure = Figure(figsize=(WIDTH, height), dpi=_DPI, facecolor=GROUND, layout="constrained")
    return figure, figure.add_subplot()


def finished(figure: Figure) -> bytes:
    """The figure as PNG: the same bytes for the same drawing."""
    for text in figure.findobj(Text):
        text.set_fontproperties(FontProperties(fname=get_font_ttf_path(), size=text.get_fontsize()))
        text.set_parse_math(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    image = Image.frombuffer("RGBA", canvas.get_width_height(), pixels).convert("RGB")
    image = image.quantize(colors=64, dither=Image.Dither.NONE)
    buffer = BytesIO()
    image.save(buffer, format="PNG", optimize=True, dpi=(_DPI, _DPI))
    return buffer.getvalue()


def drawable(text: str) -> str:
    """The text with characters that the font lacks replaced, as a missing one prints a warning per draw."""
    return "".join(c if ord(c) in _glyphs() else _ALIKE.get(c, "〓") for c in text)


def short(label: str, most: int = 28) -> str:
    """The label's two ends, as paths and hosts differ at the end."""
    text = printable(label)
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def fitted(label: str, inches: float, size: float) -> str:
    """The drawable label at a font size in points, cut by `short` to at most a width."""
    whole = drawable(printable(label))
    if width(whole, size) <= inches:
        return whole
    lengths = range(2, len(whole))
    fitting = bisect_right(lengths, inches, key=lambda most: width(drawable(short(label, most)), size))
    return drawable(short(label, max(fitting + 1, 2)))


def width(text: str, size: float) -> float:
    """How wide a drawable text is, in inches."""
    font = get_font(Path(get_font_ttf_path()))
    font.set_size(size, _DPI)
    font.set_text(text)
    return font.get_width_height()[0] / 64 / _DPI


@cache
def outline(symbol: str) -> Outline:
    """A character as a marker, which unlike a text stands exactly in the middle."""
    path = TextPath((0, 0), drawable(symbol), prop=FontProperties(fname=get_font_ttf_path()))
    (left, bottom), (right, top) = path.get_extents().get_points()
    return path.transformed(Affine2D().translate(-(left + right) / 2, -(bottom + top) / 2))


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(Path(get_font_ttf_path())).get_charmap())
