"""How shifts divide the week of a wall clock: a minute that none takes is a gap, one that two take an overlap. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

_DAY_MIN = 24 * 60
WEEK_MIN = 7 * _DAY_MIN
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class ShiftTimes:
    """The parts of the week that a shift takes, as minutes since Monday 00:00; one may reach over the week's end."""

    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, days: Iterable[str], starts: str, ends: str) -> Self:
        """From the days on which it begins and its times `HH:MM`; at or before its start it ends on the next day."""
        start, end = minute_of_day(starts), minute_of_day(ends)
        length = end - start if end > start else end - start + _DAY_MIN
        begins = (_DAYS.index(day) * _DAY_MIN + start for day in days)
        return cls(tuple((begin, begin + length) for begin in begins))

    def takes(self, minute: int) -> bool:
        """True for a minute of the week that is its own."""
        return any(start <= minute < end or start <= minute + WEEK_MIN < end for start, end in self.spans)


def minute_of_day(text: str) -> int:
    """Of a time `HH:MM`."""
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def uncovered(shifts: Sequence[ShiftTimes]) -> list[str]:
    """A sentence for each gap and each overlap of the week."""
    edges = sorted({0, WEEK_MIN, *(edge % WEEK_MIN for shift in shifts for span in shift.spans for edge in span)})
    problems: list[str] = []
    for start, end in pairwise(edges):
        mine = [number for number, shift in enumerate(shifts, 1) if shift.takes(start)]
        if not mine:
            problems.append(f"nobody is on call from {_named(start)} to {_named(end)}: add a shift")
        elif len(mine) > 1:
            listed = " and ".join(map(str, mine))
            problems.append(f"shifts {listed} overlap from {_named(start)} to {_named(end)}: shorten one of them")
    return problems[:_MOST_NAMED]


def _named(minute: int) -> str:
    day, rest = divmod(minute % WEEK_MIN, _DAY_MIN)
    return f"{_DAYS[day]} {rest // 60:02}:{rest % 60:02}"
