"""What a person may choose when starting a round, and what is refused at once."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tasks.periods import Period, day_period, month_before, parse_period, week_before
from tasks.round import RoundRefused

_MAIL = "変化がなくてもメールする / Send mail even if nothing changed"
_MAIL_HELP = "再実行では内容が変わったときだけメールします / a rerun is mailed only if its verdict or failures changed"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class RoundOptions(BaseModel):
    """What every round's form asks: its period, and whether to mail.

    `PERIOD` is the field that chooses the period; a form without one is for the present alone.
    """

    model_config = ConfigDict(extra="forbid", title="実行条件 / Options")
    PERIOD: ClassVar[str | None] = None

    mail: bool = Field(default=False, title=_MAIL, description=_MAIL_HELP, json_schema_extra={"position": 9})

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The period that is meant; raises RoundRefused for a text that names none."""
        return day_period(today, zone)

    @classmethod
    def own(cls) -> dict[str, Any]:
        """The fields of this form that no other has, by name: options of its flow on the command line."""
        shared = {*RoundOptions.model_fields, cls.PERIOD}
        return {name: field for name, field in cls.model_fields.items() if name not in shared}


Form = TypeVar("Form", bound=RoundOptions)


def _day(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):  # pydantic takes seconds since 1970 for a day too
        raise ValueError("a day is YYYY-MM-DD")
    return value


class DailyOptions(RoundOptions):
    """The form of a daily round."""

    PERIOD: ClassVar[str | None] = "for_date"

    for_date: Annotated[date, BeforeValidator(_day)] | None = Field(
        default=None,
        title="対象日 / Date",
        description="空欄は当日 / empty: today",
        json_schema_extra={"position": 1},
    )

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The day, today unless another one was chosen."""
        return day_period(self.for_date or today, zone)


class WeeklyOptions(RoundOptions):
    """The form of a weekly round."""

    PERIOD: ClassVar[str | None] = "for_week"

    for_week: str = Field(
        default="",
        title="対象週 / Week",
        description="2026-W48。空欄は先週 / empty: last full week",
        json_schema_extra={"position": 1},
    )

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The week that was chosen, else the last whole one."""
        if not self.for_week:
            return week_before(today, zone)
        return _chosen(self.for_week, zone, 8, 8, "a week is 2026-W48")


class BackupOptions(RoundOptions):
    """The form of a backup verification: only the present can be verified."""

    depth: Literal["full", "files"] = Field(
        default="full",
        title="深さ / Depth",
        description="full はリストア訓練まで、files はファイルのみ / full: with restore drills; files: files only",
        json_schema_extra={"position": 1},
    )
    database: str = Field(
        default="",
        title="データベース / Database",
        description="空欄はすべて / empty: all",
        json_schema_extra={"position": 2},
    )


class SecurityOptions(RoundOptions):
    """The form of a security scan: only the present can be scanned."""

    part: Literal["all", "code", "dependencies", "service"] = Field(
        default="all",
        title="対象 / Part",
        description=(
            "code はコードと秘密情報、dependencies は依存パッケージ、service は稼働中のサービス / "
            "code: code and secrets; dependencies: packages; service: the running service"
        ),
        json_schema_extra={"position": 1},
    )
    rescan: bool = Field(
        default=False,
        title="変更がなくてもスキャンする / Scan again",
        description="通常は前回から変更のないものを省略します / what has not changed is otherwise not scanned again",
        json_schema_extra={"position": 2},
    )


class LoadOptions(RoundOptions):
    """The form of a load test: only the present can be tested."""

    profile: str = Field(
        default="",
        title="プロファイル / Profile",
        description="空欄は [load] scheduled / empty: [load] scheduled",
        json_schema_extra={"position": 1},
    )
    production: bool = Field(
        default=False,
        title="本番環境に負荷をかける / Load production",
        description=(
            "[load] が本番環境を指すときだけ必要です。利用者に影響します / "
            "needed only where [load] names production; its users will notice"
        ),
        json_schema_extra={"position": 2},
    )


class SloOptions(RoundOptions):
    """The form of an SLO report."""

    PERIOD: ClassVar[str | None] = "for_period"

    for_period: str = Field(
        default="",
        title="対象期間 / Period",
        description="2026-W48 または 2026-11。空欄は先週 / a week or a month; empty: last full week",
        json_schema_extra={"position": 1},
    )

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The week or month that was chosen, else the last whole week."""
        if not self.for_period:
            return week_before(today, zone)
        return _chosen(self.for_period, zone, 7, 8, "a week is 2026-W48, a month 2026-11")


class MonthlyOptions(RoundOptions):
    """The form of a monthly round."""

    PERIOD: ClassVar[str | None] = "for_month"

    for_month: str = Field(
        default="",
        title="対象月 / Month",
        description="2026-11。空欄は先月 / empty: last full month",
        json_schema_extra={"position": 1},
    )

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The month that was chosen, else the last whole one."""
        if not self.for_month:
            return month_before(today, zone)
        return _chosen(self.for_month, zone, 7, 7, "a month is 2026-11")


def options_of(
    form: type[Form], given: Mapping[str, str], now: datetime, zone: ZoneInfo, *, mail: bool = False
) -> Form:
    """A flow's form as a command fills it in, `for` being its period; one that is on or off may stand without a value.

    Raises RoundRefused, naming the option.
    """
    fields = {("for" if name == form.PERIOD else name): name for name in form.model_fields}
    if "for" in given and form.PERIOD is None:
        raise RoundRefused("this flow sees only the present: leave --for out")
    if unknown := sorted(given.keys() - fields.keys()):
        own = ", ".join(f"--{name}" for name in form.own()) or "no options of its own"
        raise RoundRefused(f"--{unknown[0]} is not an option of this flow, which takes {own}")
    switches = {option for option, name in fields.items() if form.model_fields[name].annotation is bool}
    if without := sorted(option for option, value in given.items() if not value and option not in switches):
        raise RoundRefused(f"--{without[0]} needs a value")
    values = {fields[option]: value or "true" for option, value in given.items()}
    try:
        options = form.model_validate({"mail": mail} | values)
    except ValidationError as error:
        [first, *_] = error.errors(include_input=False, include_url=False)
        option = next(option for option, name in fields.items() if name == first["loc"][0])
        raise RoundRefused(f"--{option} {given[option]}: {first['msg'].removeprefix('Value error, ')}") from None
    refuse_future(options.period(now.astimezone(zone).date(), zone), now, zone)
    return options


def _chosen(text: str, zone: ZoneInfo, shortest: int, longest: int, form: str) -> Period:
    """The period of a key of so many characters: a month has 7, a week 8, a day 10."""
    try:
        if shortest <= len(text) <= longest:
            return parse_period(text, zone)
    except ValueError:
        pass
    raise RoundRefused(f"{text!r} is not what this round is for: {form}")


def refuse_future(period: Period, now: datetime, zone: ZoneInfo) -> None:
    """Raise RoundRefused for a period that has not begun in the service's zone."""
    if period.start > now:
        raise RoundRefused(f"{period.key} is in the future: today is {now.astimezone(zone).date()} in {zone.key}")
