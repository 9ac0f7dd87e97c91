"""How shifts divide the week."""

import pytest

from tasks.oncall.shifts import WEEK_MIN, ShiftTimes, uncovered

ALL = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS, WEEKEND = ALL[:5], ALL[5:]


def shifts(*given: tuple[tuple[str, ...], str, str]) -> list[ShiftTimes]:
    return [ShiftTimes.of(*one) for one in given]


@pytest.mark.parametrize(
    "given",
    [
        [(ALL, "00:00", "00:00")],
        [(ALL, "09:00", "21:00"), (ALL, "21:00", "09:00")],
        [(WEEKDAYS, "09:00", "18:00"), (WEEKDAYS, "18:00", "09:00"), (WEEKEND, "09:00", "09:00")],
    ],
)
def test_shifts_that_take_each_minute_once(given: list[tuple[tuple[str, ...], str, str]]) -> None:
    assert uncovered(shifts(*given)) == []
    taken = [sum(shift.takes(minute) for shift in shifts(*given)) for minute in range(WEEK_MIN)]
    assert taken == [1] * WEEK_MIN


def test_a_gap_over_the_end_of_the_week_is_one() -> None:
    assert uncovered(
        shifts((("mon",), "09:00", "09:00"), (ALL[1:], "09:00", "18:00"), (ALL[2:6], "18:00", "09:00"))
    ) == [
        "nobody is on call from tue 18:00 to wed 09:00: add a shift, or lengthen one",
        "nobody is on call from sun 18:00 to mon 09:00: add a shift, or lengthen one",
    ]


def test_many_gaps_are_counted() -> None:
    problems = uncovered(shifts((ALL, "09:00", "18:00")))
    assert len(problems) == 6
    assert problems[0] == "nobody is on call from mon 18:00 to tue 09:00: add a shift, or lengthen one"
    assert problems[-1] == "2 more such parts of the week"
    assert uncovered(shifts((ALL[:6], "09:00", "18:00")))[-1] == "1 more such part of the week"


def test_an_overlap_names_its_shifts() -> None:
    assert uncovered(shifts((ALL, "09:00", "21:00"), (ALL, "21:00", "09:00"), (("sun",), "23:00", "01:00"))) == [
        "shifts 2 and 3 overlap from sun 23:00 to mon 01:00: shorten or remove one of them"
    ]


def test_an_overlap_of_the_whole_week_is_one() -> None:
    assert uncovered(shifts(*[(ALL, "00:00", "00:00")] * 3)) == [
        "shifts 1, 2 and 3 overlap the whole week: shorten or remove one of them"
    ]
