"""Whose turn it is: every instant has exactly one person, also where clocks are changed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.oncall.facts import Override, Turn
from tasks.oncall.judge.rota import next_turns, on_call, person_zone, rota_zone
from tasks.oncall.settings import DAYS, DayName, OnCall, Person, Shift

NAMES = ("kim", "lee", "max")
PEOPLE = tuple(Person(name=name, mail=f"{name}@example.com") for name in NAMES)
KIM, LEE, MAX = PEOPLE
TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
MINUTE, HOUR, DAY, SECOND = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
CHANGES = {
    "America/New_York": [datetime(2026, 3, 8, 7), datetime(2026, 11, 1, 6)],
    "Europe/Berlin": [datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)],
    "Australia/Lord_Howe": [datetime(2026, 4, 4, 15), datetime(2026, 10, 3, 15, 30)],  # half an hour
    "Atlantic/Azores": [datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)],  # Sunday 00:00 comes twice
    "Pacific/Apia": [datetime(2011, 12, 30, 10)],  # a day that never was
    "Asia/Tokyo": [datetime(2026, 1, 5)],
}
"""When clocks are changed, in UTC."""


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def rota(*shifts: Shift, **more: object) -> OnCall:
    return OnCall.model_validate({"person": PEOPLE, "shift": shifts, **more})


WEEKLY = rota(Shift(people=("kim", "lee")))


def override(start: datetime, end: datetime, person: str = "max", number: int = 1) -> Override:
    return Override(number, person, start, end, "dentist", "kim")


# By the rota


@pytest.mark.parametrize(
    ("at", "person"),
    [
        (utc(2026, 1, 5, 0, 0), KIM),  # Monday 09:00 in Tokyo, in the week of `since`
        (utc(2026, 1, 4, 23, 59), LEE),
        (utc(2026, 1, 12, 0, 0), LEE),
        (utc(2026, 1, 19, 0, 0), KIM),
        (utc(2025, 12, 29, 0, 0), LEE),  # before `since` it goes on in the same way
        (utc(2025, 12, 28, 23, 59), KIM),
        (utc(2019, 1, 7, 0, 0), LEE),  # 365 weeks before
    ],
)
def test_each_has_a_week_in_turn(at: datetime, person: Person) -> None:
    assert on_call(WEEKLY, (), TOKYO, at).person == person


def test_the_week_of_since_is_the_one_that_its_day_lies_in() -> None:
    for day in range(7, 14):
        oncall = rota(Shift(people=NAMES), since=date(2026, 1, day), handover_day="wed", handover="00:00")
        assert on_call(oncall, (), TOKYO, utc(2026, 1, 13, 14, 59)).person == KIM
        assert on_call(oncall, (), TOKYO, utc(2026, 1, 13, 15, 0)).person == LEE


def test_turns_say_when_they_change() -> None:
    assert next_turns(WEEKLY, (), TOKYO, utc(2026, 11, 27), 3) == (
        Turn(KIM, utc(2026, 11, 23), utc(2026, 11, 30), None),
        Turn(LEE, utc(2026, 11, 30), utc(2026, 12, 7), None),
        Turn(KIM, utc(2026, 12, 7), utc(2026, 12, 14), None),
    )


def test_shifts_divide_the_day_and_the_same_person_in_two_of_them_has_one_turn() -> None:
    oncall = rota(
        Shift(people=("kim", "lee"), starts="09:00", ends="21:00"),
        Shift(people=("lee",), starts="21:00", ends="09:00"),
    )
    assert next_turns(oncall, (), TOKYO, utc(2026, 1, 9), 3) == (
        Turn(KIM, utc(2026, 1, 9), utc(2026, 1, 9, 12), None),
        Turn(LEE, utc(2026, 1, 9, 12), utc(2026, 1, 10), None),
        Turn(KIM, utc(2026, 1, 10), utc(2026, 1, 10, 12), None),
    )
    assert on_call(oncall, (), TOKYO, utc(2026, 1, 14)) == Turn(LEE, utc(2026, 1, 11, 12), utc(2026, 1, 19), None)


def test_who_is_alone_has_a_turn_without_end() -> None:
    assert next_turns(rota(Shift(people=("kim",))), (), TOKYO, utc(2026, 1, 9), 3) == (Turn(KIM, None, None, None),)


def test_somebody_who_has_weeks_in_a_row_has_one_turn() -> None:
    oncall = rota(Shift(people=("kim",) * 20 + ("lee",)))
    assert on_call(oncall, (), TOKYO, utc(2026, 1, 20)) == Turn(KIM, utc(2026, 1, 5), utc(2026, 5, 25), None)


def test_the_rotas_zone_goes_before_the_services_and_a_person_has_one_too() -> None:
    there = rota(Shift(people=("kim", "lee")), timezone="America/New_York")
    assert on_call(there, (), TOKYO, utc(2026, 11, 27)).until == utc(2026, 11, 30, 14)
    assert (rota_zone(there, TOKYO), rota_zone(WEEKLY, TOKYO)) == (NEW_YORK, TOKYO)
    elsewhere = KIM.model_copy(update={"timezone": "America/New_York"})
    assert (person_zone(elsewhere, TOKYO), person_zone(KIM, TOKYO)) == (NEW_YORK, TOKYO)


def test_case_15_an_empty_rota_has_nobody_on_call() -> None:
    assert next_turns(OnCall(person=PEOPLE), (), TOKYO, utc(2026, 1, 9), 2) == (Turn(None, None, None, None),)
    assert on_call(OnCall(), (), TOKYO, utc(2026, 1, 9)).person is None
    one = override(utc(2026, 1, 10), utc(2026, 1, 11))
    assert next_turns(OnCall(person=PEOPLE), (one,), TOKYO, utc(2026, 1, 9), 9) == (
        Turn(None, None, utc(2026, 1, 10), None),
        Turn(MAX, utc(2026, 1, 10), utc(2026, 1, 11), one),
        Turn(None, utc(2026, 1, 11), None, None),
    )


# Overrides


def test_an_override_wins_and_the_rota_goes_on_after_it() -> None:
    one = override(utc(2026, 11, 29, 12), utc(2026, 11, 30, 12))
    assert next_turns(WEEKLY, (one,), TOKYO, utc(2026, 11, 27), 3) == (
        Turn(KIM, utc(2026, 11, 23), utc(2026, 11, 29, 12), None),
        Turn(MAX, utc(2026, 11, 29, 12), utc(2026, 11, 30, 12), one),
        Turn(LEE, utc(2026, 11, 30, 12), utc(2026, 12, 7), None),
    )


def test_an_override_of_somebody_who_left_the_team_has_nobody_on_call() -> None:
    one = override(utc(2026, 11, 27), utc(2026, 11, 28), "ann")
    assert on_call(WEEKLY, (one,), TOKYO, utc(2026, 11, 27)) == Turn(None, one.starts_at, one.ends_at, one)


# Where clocks are changed


def halves(until: str) -> OnCall:
    """Kim until a time of the day, then Lee."""
    return rota(Shift(people=("kim",), ends=until), Shift(people=("lee",), starts=until, ends="00:00"))


def test_a_handover_at_a_time_that_is_skipped_is_when_clocks_are_put_forward() -> None:
    assert next_turns(halves("02:30"), (), NEW_YORK, utc(2026, 3, 8, 5), 2) == (
        Turn(KIM, utc(2026, 3, 8, 5), utc(2026, 3, 8, 7), None),
        Turn(LEE, utc(2026, 3, 8, 7), utc(2026, 3, 9, 4), None),
    )


def test_a_time_that_comes_twice_is_the_same_persons_both_times() -> None:
    assert next_turns(halves("01:30"), (), NEW_YORK, utc(2026, 11, 1, 4), 4) == (
        Turn(KIM, utc(2026, 11, 1, 4), utc(2026, 11, 1, 5, 30), None),
        Turn(LEE, utc(2026, 11, 1, 5, 30), utc(2026, 11, 1, 6), None),
        Turn(KIM, utc(2026, 11, 1, 6), utc(2026, 11, 1, 6, 30), None),
        Turn(LEE, utc(2026, 11, 1, 6, 30), utc(2026, 11, 2, 5), None),
    )


def test_a_day_that_never_was_is_nobodys_turn() -> None:
    oncall = rota(Shift(people=("kim", "lee")), handover_day="fri", handover="12:00")
    skipped = utc(2011, 12, 30, 10)
    assert on_call(oncall, (), ZoneInfo("Pacific/Apia"), skipped).since == skipped


# Properties


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


people = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5).map(tuple)


@st.composite
def rotas(draw: st.DrawFn) -> OnCall:
    """A rota whose days are divided at the same times, its weekend perhaps by itself."""
    cuts = draw(st.lists(st.integers(0, 47), min_size=1, max_size=4, unique=True).map(sorted))
    ends = [*cuts[1:], cuts[0]]
    weekend = draw(st.booleans())
    days: tuple[DayName, ...] = DAYS[:5] if weekend else DAYS
    shifts = [
        Shift(people=draw(people), days=days, starts=clock(30 * start), ends=clock(30 * end))
        for start, end in zip(cuts, ends, strict=True)
    ]
    if weekend:
        from_there = clock(30 * cuts[0])
        shifts.append(Shift(people=draw(people), days=DAYS[5:], starts=from_there, ends=from_there))
    return rota(
        *shifts,
        since=draw(st.dates(date(2005, 1, 1), date(2035, 1, 1))),
        handover_day=draw(st.sampled_from(DAYS)),
        handover=clock(draw(st.integers(0, 24 * 60 - 1))),
    )


@st.composite
def places(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone and an instant, mostly near a change of its clock."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    near = draw(st.sampled_from(CHANGES[zone])).replace(tzinfo=UTC) + draw(st.integers(-4000, 4000)) * MINUTE
    return ZoneInfo(zone), near


def shift_at(oncall: OnCall, zone: ZoneInfo, at: datetime) -> Shift:
    """The only shift of an instant, found by the days on which shifts begin."""
    wall = at.astimezone(zone).replace(tzinfo=None)
    found = []
    for shift in oncall.shift:
        for day in (wall.date(), wall.date() - DAY):
            start = datetime.combine(day, time.fromisoformat(shift.starts))
            end = datetime.combine(day, time.fromisoformat(shift.ends))
            end += DAY if end <= start else timedelta(0)
            if DAYS[day.weekday()] in shift.days and start <= wall < end:
                found.append(shift)
    [one] = found
    return one


@given(rotas(), places())
def test_each_instant_has_one_shift_and_one_of_its_people(oncall: OnCall, place: tuple[ZoneInfo, datetime]) -> None:
    zone, at = place
    for minute in range(-90, 91, 30):
        then = at + minute * MINUTE
        turn = on_call(oncall, (), zone, then)
        assert turn.person is not None and turn.person.name in shift_at(oncall, zone, then).people


@given(rotas(), places(), st.lists(st.integers(1, 60), max_size=6))
def test_turns_adjoin_and_hold_for_each_of_their_instants(
    oncall: OnCall, place: tuple[ZoneInfo, datetime], hours: Sequence[int]
) -> None:
    zone, at = place
    bounds = [at - 20 * HOUR + sum(hours[:n]) * HOUR for n in range(len(hours) + 1)]
    overrides = [override(start, end, number=n) for n, (start, end) in enumerate(pairwise(bounds)) if n % 3 != 1]
    turns = next_turns(oncall, overrides, zone, at, 5)
    for turn, after in pairwise(turns):
        assert turn.until == after.since and (turn.person, turn.override) != (after.person, after.override)
    for turn in turns:
        since, until = turn.since or at - 99 * DAY, turn.until or at + 99 * DAY
        assert since < until
        instants = [since, since + SECOND, until - SECOND, *(since + n * (until - since) / 9 for n in range(1, 9))]
        for instant in instants:
            assert on_call(oncall, overrides, zone, instant) == turn
    assert turns[0] == on_call(oncall, overrides, zone, at) and turns[0].person is not None


@given(rotas(), places(), st.integers(1, 40))
def test_weeks_are_counted_by_handovers(oncall: OnCall, place: tuple[ZoneInfo, datetime], weeks: int) -> None:
    zone, at = place
    wall = at.astimezone(zone).replace(tzinfo=None)
    later = wall + timedelta(weeks=weeks)
    if later.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != later:
        return  # a time that is skipped
    turned = [replace_people(shift, weeks) for shift in oncall.shift]
    ahead = on_call(oncall, (), zone, later.replace(tzinfo=zone)).person
    assert on_call(oncall.model_copy(update={"shift": tuple(turned)}), (), zone, at).person == ahead


def replace_people(shift: Shift, weeks: int) -> Shift:
    """The shift with its people as they stand so many weeks later."""
    place = weeks % len(shift.people)
    return shift.model_copy(update={"people": (*shift.people[place:], *shift.people[:place])})
