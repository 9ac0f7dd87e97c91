"""Forecasts as PNG: the measured days as a line, those to come as a band from the 10 % to the 90 % quantile."""

from collections.abc import Iterator, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from reports.charts.axes import (
    BAND,
    HALF_A_DAY,
    HEIGHT,
    LINE,
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
from reports.charts.drawing import GROUND, INK, SOFT, drawable, finished, sheet
from reports.words import Words
from tasks.check_result import Forecast

_BOX: dict[str, object] = {"facecolor": GROUND, "edgecolor": "none", "pad": 1.2}
_ROOM_OVER_LIMIT = 1.6
"""A band may grow far beyond the limit: so many times the limit's height is shown, the rest is cut."""


def draw_forecast(forecast: Forecast, words: Words) -> bytes:
    """Past and future meet at the last measured day; the limit is drawn through both."""
    whole, axes = sheet(HEIGHT)
    times = [words.local(at).timestamp() for at in forecast.at]
    scale_x(axes, times, HALF_A_DAY)
    scale_y(axes, _heights(forecast), forecast.limit)
    keys = [*_past(axes, forecast, times, words), *_future(axes, forecast, times, words)]
    if forecast.limit is not None:
        keys.append(limit_line(axes, forecast.limit, forecast.unit, words))
    if not any(y is not None for y in (*forecast.measured, *forecast.middle)):
        no_data(axes, words, _BOX)
    time_axis(axes, forecast.at, words, most=8)
    frame(axes, words)
    legend(axes, keys)
    return finished(whole)


def _heights(forecast: Forecast) -> list[float]:
    values = [y for y in (*forecast.measured, *forecast.middle, *forecast.low) if y is not None]
    bands = [y for y in forecast.high if y is not None]
    if forecast.limit is None:
        return values + bands
    measured = [y for y in forecast.measured if y is not None]
    most = max((*measured, forecast.limit * _ROOM_OVER_LIMIT if forecast.limit > 0 else forecast.limit))
    return [min(y, most) for y in values + bands]


def _past(axes: Axes, forecast: Forecast, times: Sequence[float], words: Words) -> Iterator[Artist]:
    measured = [(x, y) for x, y in zip(times, forecast.measured, strict=True) if y is not None]
    if not measured:
        return
    label = drawable(words.tr("measured"))
    yield from axes.plot(times, numbers(forecast.measured), color=LINE, linewidth=1.9, label=label, zorder=3)
    axes.plot(*measured[-1], "o", color=LINE, markersize=6, clip_on=False, zorder=5)
    text = drawable(figure(measured[-1][1], forecast.unit, words))
    note = axes.annotate(text, measured[-1], xytext=(-6, 8), textcoords="offset points", ha="right", zorder=6)
    note.set(fontsize=9.5, color=INK, bbox=_BOX)


def _future(axes: Axes, forecast: Forecast, times: Sequence[float], words: Words) -> Iterator[Artist]:
    if not any(y is not None for y in forecast.middle):
        return
    low, high = numbers(forecast.low), numbers(forecast.high)
    band = axes.fill_between(times, low, high, label=drawable(words.tr("{share} % interval", share=80)))
    band.set(facecolor=BAND, edgecolor=SOFT, linewidth=0.6)
    label, dashes = drawable(words.tr("forecast")), (0, (4, 2))
    middle = axes.plot(times, numbers(forecast.middle), color=LINE, linewidth=1.4, linestyle=dashes, label=label)
    yield from (*middle, band)
