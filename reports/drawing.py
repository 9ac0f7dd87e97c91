"""The look that all charts share, and how a figure becomes a PNG."""

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

from tasks.observation import shown

GROUND, INK, SOFT, RULE = "#ffffff", "#1b2228", "#56616b", "#dde2e6"
WITHIN, BEYOND, HATCH = "#7d95ab", "#b3352a", "#d9837a"
_WIDTH, _DPI = 6.0, 144


def sheet(height: float) -> tuple[Figure, Axes]:
    """An opaque ground of a height in inches, with axes in it."""
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor=GROUND, layout="constrained")
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
    return "".join(c if ord(c) in _glyphs() else "〓" for c in text)


def short(label: str, most: int = 28) -> str:
    """The label's two ends, as paths and hosts differ at the end."""
    text = shown(label)
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(Path(get_font_ttf_path())).get_charmap())
