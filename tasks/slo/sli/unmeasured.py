"""What may have gone wrong unseen: minutes and requests that nobody measured. Pure arithmetic."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from tasks.logs.limits import LogLimits
from tasks.logs.unread import UnreadHour, are_unanswered
from tasks.slo.facts import Counts, Flags, Scope, ScopeTraffic, Shares

FEWEST_LOST: Final = 10
"""A silence in which this many requests are usual is no chance: with 10, once in 22,000 such silences (Poisson)."""
CAUGHT_UP_MIN: Final = 5
"""Of a silence no longer than this nothing is lost: counters are read on where they stood (`sli.queries`)."""
_DAY_H, _WEEK_H = 24, 7 * 24
_TWO_WEEKS_MIN = 2 * _WEEK_H * 60


def missing(measured: Flags) -> Shares:
    """One for each minute of a gap. A single minute between two measured ones is none: a look that came late."""
    alone = np.zeros_like(measured)
    alone[1:-1] = measured[:-2] & ~measured[1:-1] & measured[2:]
    return (~measured & ~alone).astype(np.float64)


def hours_of(first: int, end: int, zone: ZoneInfo) -> Counts:
    """The hour that a clock on the wall shows in each minute (since 1970) of a span, counted since 1970."""
    hours = range(60 * (first // 60), end, 60)
    offsets = [datetime.fromtimestamp(60 * minute, zone).utcoffset() or timedelta() for minute in hours]
    shifts = np.repeat(np.array([offset // timedelta(minutes=1) for offset in offsets], dtype=np.int64), 60)
    minutes = np.arange(first, end)
    return (minutes + shifts[minutes - 60 * (first // 60)]) // 60


def lost(hours: Counts, total: Counts | Shares, measured: Flags) -> Shares:
    """The events that are usual in minutes that were not measured: the mean of the same hour of the week.

    In less than two weeks, that of the same hour of the day. Silences in which so few are usual that none may have
    come hold none. `hours` are those of the wall clock.
    """
    usual, busy = _in_silences(hours, total, measured)
    silence = np.cumsum(measured)  # the same number throughout a silence, and in the minute before it
    long = np.bincount(silence, ~measured) > CAUGHT_UP_MIN
    return np.where(long[silence] & busy, usual, 0.0)


def quiet(hours: Counts, total: Counts, measured: Flags) -> Flags:
    """The minutes of silences, of any length, in which so few events are usual that none may have come.

    In less than two weeks none are: what is usual in an hour would be told by that silence itself.
    """
    if total.size < _TWO_WEEKS_MIN or not total.any():
        return np.zeros_like(measured)
    return ~measured & ~_in_silences(hours, total, measured)[1]


def _in_silences(hours: Counts, total: Counts | Shares, measured: Flags) -> tuple[Shares, Flags]:
    """The events that are usual in each minute that was not measured, and whether its silence is too busy for none."""
    cycle = _WEEK_H if total.size >= _TWO_WEEKS_MIN else _DAY_H
    hour = hours % cycle
    # Over all minutes, silent ones too: hours that are always quiet are no loss.
    minutes = np.maximum(1, np.bincount(hour, minlength=cycle))
    usual = np.where(measured, 0.0, (np.bincount(hour, total, cycle) / minutes)[hour])
    silence = np.cumsum(measured)
    return usual, (np.bincount(silence, usual) >= FEWEST_LOST)[silence]


def alone_silent(read: Sequence[UnreadHour], first: int, hours: Counts, quiet_min: int) -> dict[str, Shares]:
    """By log, the requests that are usual in the minutes from `first` on in which it had none and others had some.

    A log that begins later than the others was not there before, and one that is silent for up to `quiet_min` minutes
    lost nothing.
    """
    requests: dict[str, dict[int, float]] = {}
    for hour in read:
        requests.setdefault(hour.source, {})[hour.hour] = float(hour.requests)
    counts = {name: evenly(by_hour, first, hours.size) for name, by_hour in requests.items()}
    every = sum(counts.values(), np.zeros(hours.size))
    found = {}
    for name, own in counts.items():
        began = int((own > 0).argmax())
        silent = (own == 0) & (every > 0)
        silent[:began] = False
        silence = np.cumsum(~silent)  # the same number throughout a silence, and in the minute before it
        short = (np.bincount(silence, silent) <= quiet_min)[silence]
        gone = np.zeros(hours.size)
        gone[began:] = lost(hours[began:], own[began:], (~silent | short)[began:])
        if gone.any():
            found[name] = gone
    return found


def shared_out(
    counted: Mapping[Scope, ScopeTraffic], unread: Shares, silent: Mapping[str, Shares]
) -> dict[Scope, ScopeTraffic]:
    """With unread lines and what silent logs lack: neither names a module, so it is shared out as all requests are."""
    whole = int(counted[Scope()].valid.sum())
    found = {}
    for scope, traffic in counted.items():
        share = int(traffic.valid.sum()) / whole if whole else 1.0
        gone = {name: share * counts for name, counts in silent.items()}
        found[scope] = replace(traffic, unread=share * unread, silent=gone)
    return found


def evenly(by_hour: Mapping[int, float], first: int, size: int) -> Shares:
    """Counts of hours (since 1970), a sixtieth in each of their minutes from `first` on."""
    found = np.zeros(size, dtype=np.float64)
    for hour, count in by_hour.items():
        found[max(0, 60 * hour - first) : max(0, 60 * (hour + 1) - first)] += count / 60
    return found


def unread_by_hour(hours: Sequence[UnreadHour], torn_per_day: int, limits: LogLimits) -> dict[int, float]:
    """Lines that may have been failed requests, by hour.

    Of each source and day (UTC) the first torn ones are none, nor are aborted ones, unless there are too many of them.
    """
    found: dict[int, float] = {}
    room: dict[tuple[str, int], int] = {}
    unread, requests = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for hour in hours:
        unread[_day(hour)] += hour.unanswered + hour.aborted
        requests[_day(hour)] += hour.requests
    for hour in hours:
        day = _day(hour)
        rotated = min(hour.torn, room.setdefault(day, torn_per_day))
        room[day] -= rotated
        aborted = hour.aborted if are_unanswered(unread[day], requests[day], limits) else 0
        if doubtful := hour.torn - rotated + hour.unanswered + aborted:
            found[hour.hour] = found.get(hour.hour, 0.0) + doubtful
    return found


def _day(hour: UnreadHour) -> tuple[str, int]:
    return hour.source, hour.hour // _DAY_H
