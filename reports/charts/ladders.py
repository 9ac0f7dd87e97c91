"""Ladders as PNG: the steps of a drill as stairs that rise to the right, hollow where nothing was measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from reports.charts.drawing import (
    GROUND,
    INK,
    RULE,
    SOFT,
    TONES,
    WIDTH,
    drawable,
    finished,
    fitted,
    outline,
    sheet,
    width,
)
from reports.evidence import evidence_view
from reports.tones import status_tone
from reports.view import Tone
from reports.words import Words
from tasks.check_result import Ladder

MOST_STEPS = 14
# In inches, as the axes are: so the room of a text is known beforehand.
_RIGHT, _HEIGHT, _MARGIN = WIDTH - 0.04, 0.42, 0.08
_FIRST, _WIDEST_TREAD, _WHOLE_RUN = 0.28, 0.3, 1.5
_DISC, _NAME, _PAD, _APART = 0.21, 0.42, 0.1, 0.09
_LARGE, _SMALL = 9.5, 8.5


@dataclass(frozen=True, slots=True)
class _Stair:
    number: str
    tone: Tone
    hollow: bool
    name: str
    time: str
    note: str
    left: float
    bottom: float
    tread: float

    @property
    def top(self) -> float:
        return self.bottom + _HEIGHT

    @property
    def middle(self) -> float:
        return self.bottom + _HEIGHT / 2


def draw_ladder(ladder: Ladder, words: Words) -> bytes:
    """The first MOST_STEPS steps, the first at the bottom: each with its status' symbol and word, and its time."""
    stairs = tuple(_stairs(ladder, words))
    height = _HEIGHT * max(len(stairs), 1)
    figure, axes = sheet(height + 2 * _MARGIN)
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(-_MARGIN, height + _MARGIN)
    for stair in stairs:
        _block(axes, stair)
        _disc(axes, stair)
        _texts(axes, stair)
    if len(ladder.steps) > MOST_STEPS:
        note = words.tr("first {shown} of {all}", shown=MOST_STEPS, all=len(ladder.steps))
        axes.text(_PAD, stairs[-1].middle, drawable(note), va="center_baseline", fontsize=_SMALL, color=SOFT)
    if not stairs:
        text = drawable(words.tr("no steps"))
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=SOFT)
    return finished(figure)


def _stairs(ladder: Ladder, words: Words) -> Iterator[_Stair]:
    steps = ladder.steps[:MOST_STEPS]
    tread = min(_WIDEST_TREAD, _WHOLE_RUN / max(len(steps) - 1, 1))
    rows = evidence_view(ladder, words).rows[:MOST_STEPS]
    for n, (step, (name, _, time, note)) in enumerate(zip(steps, rows, strict=True)):
        left = _FIRST + n * tread
        yield _Stair(
            number=words.scalar(n + 1),
            tone=status_tone(step.status, words),
            hollow=not step.status.measured,
            name=name,
            time=time,
            note=note,
            left=left,
            bottom=n * _HEIGHT,
            tread=tread if n + 1 < len(steps) else _RIGHT - left,
        )


def _block(axes: Axes, stair: _Stair) -> None:
    """A step from its riser to the right end; under the next step it has a rule only."""
    ink, tint = TONES[stair.tone.name]
    ground = GROUND if stair.hollow else tint
    size = _RIGHT - stair.left, _HEIGHT
    axes.add_patch(Rectangle((stair.left, stair.bottom), *size, facecolor=ground, linewidth=0, zorder=1))
    axes.plot([stair.left, _RIGHT], [stair.top, stair.top], color=RULE, linewidth=0.8, zorder=2)
    edge = [stair.left, stair.left, stair.left + stair.tread], [stair.bottom, stair.top, stair.top]
    (line,) = axes.plot(*edge, color=ink, solid_joinstyle="miter", zorder=3)
    line.set(linestyle=(0, (3, 2)) if stair.hollow else "-", linewidth=1.3 if stair.hollow else 2.6)


def _disc(axes: Axes, stair: _Stair) -> None:
    ink, _ = TONES[stair.tone.name]
    ground, symbol = (GROUND, ink) if stair.hollow else (ink, GROUND)
    place = stair.left + _DISC, stair.middle
    axes.plot(*place, "o", color=ground, markeredgecolor=ink, markersize=14, zorder=4)
    axes.plot(*place, marker=outline(stair.tone.symbol), color=symbol, markeredgewidth=0.3, markersize=7, zorder=5)


def _texts(axes: Axes, stair: _Stair) -> None:
    """Name over note on the left, word over time on the right; one without the other stands in the middle."""
    ink, _ = TONES[stair.tone.name]
    name_ink = SOFT if stair.hollow else INK
    word, time = drawable(stair.tone.word), drawable(stair.time)
    left, right = stair.left + _NAME, _RIGHT - _PAD
    room = right - max(width(word, _LARGE), width(time, _SMALL)) - _PAD - left
    name, note = fitted(stair.name, room, _LARGE), fitted(stair.note, room, _SMALL)
    for x, y, text, size, color, side in (
        (left, stair.middle + _APART * bool(note), name, _LARGE, name_ink, "left"),
        (left, stair.middle - _APART, note, _SMALL, SOFT, "left"),
        (right, stair.middle + _APART * bool(time), word, _LARGE, ink, "right"),
        (right, stair.middle - _APART, time, _SMALL, SOFT, "right"),
        (stair.left - _PAD / 2, stair.middle, stair.number, _SMALL, SOFT, "right"),
    ):
        axes.text(x, y, text, fontsize=size, color=color, ha=side, va="center_baseline", zorder=5)
