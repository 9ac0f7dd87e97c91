"""The words and pictures of an outlook."""

import math
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tasks.capacity.forecast.outlook import LATER_DAYS, SOON_DAYS, Outlook, Passage
from tasks.check_result import Forecast, Message, Scalar, Table, moment, msg

OWN: Final = msg("opsrounds' default")
NONE: Final = msg("none within a year")
_PAST_DAYS, _MOST_DAYS, _BEYOND_DAYS = 120, 365, 30
_FIELLER = 0.95
_DIGITS = 3


def percent(share: float) -> float:
    """A probability as it is shown."""
    return round(100 * share, 1)


def short(figure: float) -> float:
    """A figure with three significant digits, large ones whole."""
    if not figure or not math.isfinite(figure):
        return figure
    return round(figure, max(0, _DIGITS - 1 - math.floor(math.log10(abs(figure)))))


def when(passage: Passage, *, full: bool, now: float, limit: float, unit: str) -> Message:
    """When the limit is reached, with its 80 % interval."""
    if full:
        return msg("At its limit now: {now} of {limit} {unit}", now=short(now), limit=short(limit), unit=unit)
    low, middle, high = (None if day is None else day.isoformat() for day in passage.dates)
    if low is None:
        return msg("Not at its limit within a year (90 % certain)")
    if middle is None:
        return msg("More likely than not it does not reach its limit within a year; at the earliest {low}", low=low)
    if high is None:
        return msg("At its limit on {middle}; 80 %: from {low} on, or not within a year", middle=middle, low=low)
    return msg("At its limit on {middle}; 80 %: {low} to {high}", middle=middle, low=low, high=high)


def shown_day(day: date | None) -> Scalar | Message:
    """A day of a table; None: not within a year."""
    return NONE if day is None else day.isoformat()


def growth_words(outlook: Outlook, unit: str) -> Message:
    """Growth a day, and when it changed."""
    if (change := outlook.change) is None:
        return msg("{growth} {unit} a day", growth=short(outlook.growth_per_day), unit=unit)
    return msg(
        "growth changed on {day}: {before} → {after} {unit} a day",
        day=change.day.isoformat(),
        before=short(change.before),
        after=short(change.after),
        unit=unit,
    )


def details(outlook: Outlook, unit: str) -> Table:
    """What the forecast of one figure rests on."""
    rows: list[tuple[Message, Scalar | Message]] = [
        (msg("Newest day"), outlook.newest.isoformat()),
        (msg("Its figure"), short(outlook.now)),
        (msg("Limit"), None if outlook.limit is None else short(outlook.limit)),
        (msg("Days with figures"), outlook.even.measured),
        (msg("Growth"), growth_words(outlook, unit)),
    ]
    if (passage := outlook.passage) is not None:
        rows += [
            (msg("Probability of reaching the limit within {days} days, %", days=SOON_DAYS), percent(passage.soon)),
            (msg("Probability of reaching the limit within {days} days, %", days=LATER_DAYS), percent(passage.later)),
            (msg("Reached with 10 % probability by"), shown_day(passage.dates[0])),
            (msg("Reached with 50 % probability by"), shown_day(passage.dates[1])),
            (msg("Reached with 90 % probability by"), shown_day(passage.dates[2])),
            (msg("A straight line through all days, to compare with"), _straight(outlook)),
        ]
    return Table(msg("Forecast"), (msg("Figure"), msg("Value")), tuple(rows))


def chart(title: Message, finding: Message, outlook: Outlook, unit: str, zone: ZoneInfo) -> Forecast:
    """The last days, and a band for those to come until some time after the limit."""
    values, there = outlook.even.values[-_PAST_DAYS:], outlook.even.there[-_PAST_DAYS:]
    past = [outlook.newest - timedelta(days=values.size - 1 - n) for n in range(values.size)]
    ahead = outlook.bands(_days_ahead(outlook))
    blank, empty = (None,) * len(past), (None,) * len(ahead)
    top = 100.0 if unit == "%" else math.inf
    low, middle, high = (tuple(_four(min(getattr(b, q), top)) for b in ahead) for q in ("low", "middle", "high"))
    return Forecast(
        title,
        finding,
        unit,
        tuple(moment(_midnight(day, zone)) for day in (*past, *(b.day for b in ahead))),
        (*(_four(float(v)) if seen else None for v, seen in zip(values, there, strict=True)), *empty),
        (*blank, *low),
        (*blank, *middle),
        (*blank, *high),
        outlook.limit,
    )


def _days_ahead(outlook: Outlook) -> int:
    middle = None if outlook.passage is None else outlook.passage.dates[1]
    if middle is None:
        return _PAST_DAYS
    return min(max((middle - outlook.newest).days + _BEYOND_DAYS, _BEYOND_DAYS), _MOST_DAYS)


def _straight(outlook: Outlook) -> Message:
    """Where the straight line reaches the limit, with Fieller's interval."""
    line, limit = outlook.line, outlook.limit
    if line is None or limit is None or line.slope <= 0:
        return NONE
    first = outlook.newest - timedelta(days=outlook.even.values.size - 1)
    crossing = line.crossing(limit)
    if crossing is None or crossing > outlook.even.values.size + _MOST_DAYS:
        return NONE
    on = (first + timedelta(days=round(crossing))).isoformat()
    ends = line.crossing_interval(limit, _FIELLER)
    if ends is None or ends.high > outlook.even.values.size + 10 * _MOST_DAYS:
        return msg("{day}; without an upper end of its 95 % interval", day=on)
    low, high = ((first + timedelta(days=round(end))).isoformat() for end in (ends.low, ends.high))
    return msg("{day} (95 %: {low} to {high})", day=on, low=low, high=high)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _four(figure: float) -> float:
    return float(f"{figure:.4g}")
