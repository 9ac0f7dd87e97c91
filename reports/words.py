"""Messages, figures and times in the reader's language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_skeleton
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from tasks.check_result import Limit, Message, Quantity, Scalar
from tasks.discovery import files
from tasks.observation import printable

LOCALES = ("ja", "en")
TRANSLATED = ("ja",)
"""All but English: its text is the message's id."""
_MOMENT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]Z")
"""What `tasks.check_result.moment` writes."""
_MISSING = "–"


def minute(local: datetime) -> str:
    """A local time to the minute, where the zone is named beside it."""
    return f"{local:%Y-%m-%d %H:%M}"


def catalogues(locale: str) -> list[Path]:
    """The files of a language: the shared one, then those of the systems."""
    return [Path(__file__).parent / "locales" / f"{locale}.po", *files(f"{locale}.po")]


@cache
def catalogue(locale: str) -> Mapping[str, str]:
    """English text to translation, none for English; raises FileNotFoundError for a language that is not shipped."""
    known: dict[str, str] = {}
    for path in catalogues(locale) if locale != "en" else ():
        with path.open("rb") as file:
            known |= {str(m.id): str(m.string) for m in read_po(file, locale=locale) if m.id and m.string}
    return known


@dataclass(frozen=True, slots=True)
class Words:
    """Messages, figures and times in one language and one time zone."""

    locale: str
    timezone: str

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    def say(self, message: Message) -> str:
        """A message in this language, with its numbers written the local way."""
        text = catalogue(self.locale).get(message.text, message.text)
        return text.format(**{name: self.scalar(value) for name, value in message.params.items()})

    def tr(self, english: str, /, **params: Scalar) -> str:
        """A renderer's own wording in this language."""
        return self.say(Message(english, params))

    def scalar(self, value: Scalar | Message) -> str:
        """A parameter or table cell; a missing one is a dash, and whoever knows why gives a message instead."""
        if value is None:
            return _MISSING
        if isinstance(value, Message):
            return self.say(value)
        if isinstance(value, bool):
            return self.tr("yes") if value else self.tr("no")
        if isinstance(value, int | float):
            return self._number(value)
        return self._minute(value) if _MOMENT.fullmatch(value) else printable(value)

    def quantity(self, value: Quantity | Limit | None) -> str:
        """A figure with its unit, and a limit with its comparison in front."""
        if value is None:
            return _MISSING
        figure = self.figure(value.value, value.unit)
        return f"{value.comparison} {figure}" if isinstance(value, Limit) else figure

    def figure(self, value: Scalar | Message, unit: str) -> str:
        """A value and its unit; a missing value has none."""
        return f"{self.scalar(value)} {printable(unit)}" if unit and value is not None else self.scalar(value)

    def observed(self, value: Quantity | None, limit: Limit | None) -> str:
        """An observation beside its limit: never rounded to the very figure that it differs from."""
        if value is None or limit is None or not isinstance(value.value, int | float):
            return self.quantity(value)
        if value.value == limit.value or self.scalar(value.value) != self.scalar(limit.value):
            return self.quantity(value)
        exact = format_decimal(value.value, format="#,##0.###############", locale=self.locale)
        return f"{exact} {printable(value.unit)}".strip()

    def time(self, instant: datetime) -> str:
        """An instant in the service's zone, with the zone named."""
        local = instant.astimezone(self.zone)
        return f"{format_datetime(local, 'yyyy-MM-dd HH:mm:ss', locale=self.locale)} {self.timezone}"

    def local(self, moment: str) -> datetime:
        """The instant that a moment names, in the service's zone; raises ValueError for 31 February."""
        return datetime.fromisoformat(moment).astimezone(self.zone)

    def day(self, local: datetime) -> str:
        """The day of a local time without its year, as short as an axis needs it."""
        return format_skeleton("MMMd", local, locale=self.locale)

    def _minute(self, text: str) -> str:
        try:
            return f"{minute(self.local(text))} {self.timezone}"
        except ValueError:  # from outside, and no time
            return printable(text)

    def _number(self, value: int | float) -> str:
        # Below 1 four significant digits: an error rate of 0.0004 must not read 0.
        small = 0 < abs(value) < 1
        return format_decimal(value, format="@###" if small else "#,##0.###", locale=self.locale)
