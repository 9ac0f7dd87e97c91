"""What a person may choose when starting a round, and what is refused at once."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import UsageError
from tasks.settings import Settings


class RoundRefused(UsageError):
    """The round cannot be held as asked."""


class DailyOptions(BaseModel):
    """The form of a daily round."""

    model_config = ConfigDict(extra="forbid", title="実行条件 / Options")

    for_date: date | None = Field(
        default=None,
        title="対象日 / Date",
        description="空欄は当日 / empty: today",
        json_schema_extra={"position": 1},
    )
    mail: bool = Field(
        default=False,
        title="変化がなくてもメールする / Mail even if nothing changed",
        description="再実行は内容が変わったときだけメールします / a rerun is mailed only when it says something new",
        json_schema_extra={"position": 2},
    )


def refuse_future(day: date, settings: Settings, now: datetime) -> None:
    """Raise RoundRefused for a day that has not come in the service's zone."""
    today = now.astimezone(settings.zone).date()
    if day > today:
        raise RoundRefused(f"{day} is in the future: today is {today} in {settings.service.timezone}")
