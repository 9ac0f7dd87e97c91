"""What a person may choose when starting a round, and what is refused at once."""

from datetime import date, datetime
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import UsageError
from tasks.periods import Period, day_period, month_before, parse_period, week_before

_MAIL = "変化がなくてもメールする / Mail even if nothing changed"
_MAIL_HELP = "再実行は内容が変わったときだけメールします / a rerun is mailed only when it says something new"


FLOWS = ("daily-checklist", "weekly-checklist", "monthly-checklist", "slo-report", "backup-verification")
"""Every round that can be held by hand."""


class RoundRefused(UsageError):
    """The round cannot be held as asked."""


class RoundOptions(Protocol):
    """What every round's form tells: the period that it is for, and whether to mail."""

    mail: bool

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The period that is meant; raises RoundRefused for a text that names none."""
        ...


class DailyOptions(BaseModel):
    """The form of a daily round."""

    model_config = ConfigDict(extra="forbid", title="実行条件 / Options")

    for_date: date | None = Field(
        default=None,
        title="対象日 / Date",
        description="空欄は当日 / empty: today",
        json_schema_extra={"position": 1},
    )
    mail: bool = Field(default=False, title=_MAIL, description=_MAIL_HELP, json_schema_extra={"position": 2})

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The day, today unless another one was chosen."""
        return day_period(self.for_date or today, zone)


class WeeklyOptions(BaseModel):
    """The form of a weekly round."""

    model_config = ConfigDict(extra="forbid", title="実行条件 / Options")

    for_week: str = Field(
        default="",
        title="対象週 / Week",
        description="2026-W48。空欄は先週 / empty: the last whole week",
        json_schema_extra={"position": 1},
    )
    mail: bool = Field(default=False, title=_MAIL, description=_MAIL_HELP, json_schema_extra={"position": 2})

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The week that was chosen, else the last whole one."""
        if not self.for_week:
            return week_before(today, zone)
        return _chosen(self.for_week, zone, 8, 8, "a week is 2026-W48")


class BackupOptions(BaseModel):
    """The form of a backup verification."""

    model_config = ConfigDict(extra="forbid", title="実行条件 / Options")

    depth: Literal["full", "files"] = Field(
        default="full",
        title="深さ / Depth",
        description="full はリストア訓練まで、files はファイルだけ / full: with a restore drill; files: files only",
        json_schema_extra={"position": 1},
    )
    database: str = Field(
        default="",
        title="データベース / Database",
        description="空欄はすべて / empty: every one",
        json_schema_extra={"position": 2},
    )
    mail: bool = Field(default=False, title=_MAIL, description=_MAIL_HELP, json_schema_extra={"position": 3})

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """Today: only the present can be looked at."""
        return day_period(today, zone)


class SloOptions(BaseModel):
    """The form of an SLO report."""

    model_config = ConfigDict(extra="forbid", title="実行条件 / Options")

    for_period: str = Field(
        default="",
        title="対象期間 / Period",
        description="2026-W48 または 2026-11。空欄は先週 / a week or a month; empty: the last whole week",
        json_schema_extra={"position": 1},
    )
    mail: bool = Field(default=False, title=_MAIL, description=_MAIL_HELP, json_schema_extra={"position": 2})

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The week or month that was chosen, else the last whole week."""
        if not self.for_period:
            return week_before(today, zone)
        return _chosen(self.for_period, zone, 7, 8, "a week is 2026-W48, a month 2026-11")


class MonthlyOptions(BaseModel):
    """The form of a monthly round."""

    model_config = ConfigDict(extra="forbid", title="実行条件 / Options")

    for_month: str = Field(
        default="",
        title="対象月 / Month",
        description="2026-11。空欄は先月 / empty: the last whole month",
        json_schema_extra={"position": 1},
    )
    mail: bool = Field(default=False, title=_MAIL, description=_MAIL_HELP, json_schema_extra={"position": 2})

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The month that was chosen, else the last whole one."""
        if not self.for_month:
            return month_before(today, zone)
        return _chosen(self.for_month, zone, 7, 7, "a month is 2026-11")


def options_of(
    flow: str, period: str | None, now: datetime, zone: ZoneInfo, *, mail: bool, depth: str | None = None
) -> RoundOptions:
    """A round's form as a command fills it in; raises RoundRefused for a flow, a period or a depth that is none."""
    if depth is not None and (flow != "backup-verification" or depth not in ("full", "files")):
        raise RoundRefused("--depth full or files is for backup-verification")
    options: RoundOptions
    match flow:
        case "daily-checklist":
            options = DailyOptions(for_date=None if period is None else _day(period), mail=mail)
        case "weekly-checklist":
            options = WeeklyOptions(for_week=period or "", mail=mail)
        case "backup-verification":
            if period is not None:
                raise RoundRefused("backup-verification sees only the present: leave --for out")
            options = BackupOptions(depth="files" if depth == "files" else "full", mail=mail)
        case "slo-report":
            options = SloOptions(for_period=period or "", mail=mail)
        case "monthly-checklist":
            options = MonthlyOptions(for_month=period or "", mail=mail)
        case _:
            raise RoundRefused(f"there is no flow {flow!r}; there are: {', '.join(FLOWS)}")
    refuse_future(options.period(now.astimezone(zone).date(), zone), now, zone)
    return options


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # fromisoformat takes weeks too
    except ValueError:
        raise RoundRefused(f"--for {text}: a day is YYYY-MM-DD") from None


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
