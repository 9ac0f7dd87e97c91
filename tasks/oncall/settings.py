"""[oncall] of a service file: who is in the team, and whose turn it is."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from tasks.configuration import AddressOrSecret, Called, Locale, Model, Slug, TimeZone, each_once
from tasks.delivery.settings import MailAddress, Recipient
from tasks.oncall.shifts import ShiftTimes, uncovered

DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[DayName, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WallClock = Annotated[
    str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), Called("time such as `09:00`", "times")
]


def _address(value: str) -> str:
    return Recipient(address=value).address


class Person(Model):
    """Somebody of the team, with at least one of `mail` and `url`."""

    name: Slug
    """In the form of `[service] name`; each once."""

    mail: Annotated[MailAddress, AfterValidator(_address)] | None = None
    """Mail address."""

    url: AddressOrSecret | None = None
    """Apprise URL of a pager or phone, tried before `mail`; as it holds credentials, best a secret."""

    locale: Locale | None = None
    """Language of the messages; default: the first of `[reports] locales`."""

    timezone: TimeZone | None = None
    """Zone of the times in the messages; default: the service's."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.mail is None and self.url is None:
            raise ValueError(f"{self.name} cannot be reached: set mail, url or both")
        return self


class Shift(Model):
    """A part of the week, and who takes it, week by week in turn."""

    people: Annotated[tuple[Slug, ...], Field(min_length=1)]
    """Names of `[[oncall.person]]`, one after another, a week each."""

    days: Annotated[tuple[DayName, ...], Field(min_length=1)] = DAYS
    """Days on which it begins."""

    starts: WallClock = "00:00"
    """When it begins, by the clock of `[oncall] timezone`."""

    ends: WallClock = "00:00"
    """When it ends; at or before `starts`, on the next day."""

    @field_validator("days")
    @classmethod
    def _days(cls, value: tuple[DayName, ...]) -> tuple[DayName, ...]:
        each_once(value, "a day")
        return value

    @property
    def times(self) -> ShiftTimes:
        """The parts of the week that it takes."""
        return ShiftTimes.of(self.days, self.starts, self.ends)


class OnCall(Model):
    """The team and its on-call rota. Without a `[[oncall.shift]]` nobody is on call: the whole team is notified."""

    timezone: TimeZone | None = None
    """The zone of the rota; default: the service's. Its clock divides the week, so that clock changes leave no gap."""

    since: date = date(2026, 1, 5)
    """The week of this day is that of the first of each shift's `people`; from it weeks are counted, also back."""

    handover_day: DayName = "mon"
    """The day on which the next one's turn begins."""

    handover: WallClock = "09:00"
    """When it begins on that day, by the clock of `timezone`."""

    person: tuple[Person, ...] = ()
    """The team."""

    shift: tuple[Shift, ...] = ()
    """Parts of the week; together they take every minute of it, each once."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the team."""
        return tuple(person.name for person in self.person)

    @field_validator("person")
    @classmethod
    def _people(cls, value: tuple[Person, ...]) -> tuple[Person, ...]:
        each_once((person.name for person in value), "a name")
        return value

    @model_validator(mode="after")
    def _covers_the_week(self) -> Self:
        problems = [
            f"shift {number}: no person {name!r}; known: {', '.join(self.names) or 'none'}"
            for number, shift in enumerate(self.shift, 1)
            for name in shift.people
            if name not in self.names
        ]
        if self.shift:
            problems += uncovered([shift.times for shift in self.shift])
        if problems:
            raise ValueError("\n".join(problems))
        return self
