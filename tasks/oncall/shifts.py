"""How shifts divide the week of a wall clock: a minute that none takes is a gap, one that two take an overlap. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Self

DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
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
        length = end - start if end > start else end - start + DAY_MIN
        begins = (_DAYS.index(day) * DAY_MIN + start for day in days)
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
    edges = sorted({edge % WEEK_MIN for shift in shifts for span in shift.spans for edge in span})
    problems: list[str] = []
    for mine, run in groupby(_parts(shifts, edges), key=lambda part: part[0]):
        parts = list(run)
        when = _span(parts[0][1], parts[-1][2])
        if not mine:
            problems.append(f"nobody is on call {when}: add a shift, or lengthen one")
        elif len(mine) > 1:
            listed = f"{', '.join(map(str, mine[:-1]))} and {mine[-1]}"
            problems.append(f"shifts {listed} overlap {when}: shorten or remove one of them")
    if (more := len(problems) - _MOST_NAMED) > 0:
        problems[_MOST_NAMED:] = [f"{more} more such {'part' if more == 1 else 'parts'} of the week"]
    return problems


def _parts(shifts: Sequence[ShiftTimes], edges: Sequence[int]) -> list[tuple[tuple[int, ...], int, int]]:
    """Whose each part of the week is, from where and until where; the first begins where somebody's turn does."""
    parts = [
        (tuple(number for number, shift in enumerate(shifts, 1) if shift.takes(start % WEEK_MIN)), start, end)
        for start, end in pairwise([*edges, edges[0] + WEEK_MIN])
    ]
    others = next((place for place, (before, after) in enumerate(pairwise(parts), 1) if before[0] != after[0]), 0)
    return [*parts[others:], *parts[:others]]


def _span(start: int, end: int) -> str:
    whole = (end - start) % WEEK_MIN == 0
    return "the whole week" if whole else f"from {_named(start)} to {_named(end)}"


def _named(minute: int) -> str:
    day, rest = divmod(minute % WEEK_MIN, DAY_MIN)
    return f"{_DAYS[day]} {rest // 60:02}:{rest % 60:02}"
