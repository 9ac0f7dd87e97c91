"""Curves, forecasts and ladders in one line of text."""

from itertools import pairwise

from rich.cells import cell_len

from reports.tones import status_tone
from reports.words import Words
from tasks.check_result import Curve, Forecast, Ladder, Status

_BARS = "▁▂▃▄▅▆▇█"
_GAP = "·"
_SHORTEST = 8


def spark(curve: Curve, most: int) -> str:
    """A bar for each value, or for the last of each stretch where there are more than `most`; a gap is a dot.

    The scale reaches to the limit and to what was expected, as the drawn curve's does: little change looks little.
    """
    columns = min(len(curve.values), most)
    edges = [n * len(curve.values) // columns for n in range(columns + 1)] if columns else []
    stretches = [curve.values[first:end] for first, end in pairwise(edges)]
    kept = [None if None in stretch else stretch[-1] for stretch in stretches]
    heights = [y for y in (*curve.values, *curve.expected, curve.limit) if y is not None]
    low, high = min(heights, default=0.0), max(heights, default=0.0)
    step = (high - low) / (len(_BARS) - 1) or 1.0
    return "".join(_GAP if value is None else _BARS[round((value - low) / step)] for value in kept)


def curve_line(curve: Curve, words: Words, width: int) -> str:
    """Title, sparkline, last value and limit; the sparkline gives way where the room is narrow."""
    measured = [value for value in curve.values if value is not None]
    last = words.figure(measured[-1] if measured else None, curve.unit)
    if curve.limit is not None:
        last += f" ({words.tr('limit {figure}', figure=words.figure(curve.limit, curve.unit))})"
    elif curve.expected:
        last += f" ({words.tr('if spent evenly')}: {words.figure(curve.expected[-1], curve.unit)})"
    return _line(words.say(curve.title), curve, last, width)


def forecast_line(forecast: Forecast, words: Words, width: int) -> str:
    """Title, sparkline of the measured days and of the middle of the forecast, last measured value and limit."""
    values = tuple(middle if y is None else y for y, middle in zip(forecast.measured, forecast.middle, strict=True))
    measured = [value for value in forecast.measured if value is not None]
    last = words.figure(measured[-1] if measured else None, forecast.unit)
    if forecast.limit is not None:
        last += f" ({words.tr('limit {figure}', figure=words.figure(forecast.limit, forecast.unit))})"
    whole = Curve(forecast.title, forecast.finding, forecast.unit, forecast.at, values, forecast.limit)
    return _line(words.say(forecast.title), whole, last, width)


def _line(title: str, curve: Curve, last: str, width: int) -> str:
    """The sparkline gives way where the room is narrow."""
    room = width - cell_len(title) - cell_len(last) - 4
    return f"{title}  {spark(curve, max(room, _SHORTEST))}  {last}" if curve.values else f"{title}  {last}"


def ladder_line(ladder: Ladder, words: Words) -> str:
    """Title, the symbol of each step, and the first step that failed."""
    title, symbols = words.say(ladder.title), [status_tone(step.status, words).symbol for step in ladder.steps]
    failed = next((words.say(step.name) for step in ladder.steps if step.status is Status.FAIL), None)
    return f"{title}  {''.join(symbols)}" + (f"  ✕ {failed}" if failed else "")
